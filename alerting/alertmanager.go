package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// alertmanager posts notifications as alerts to an Alertmanager, so that its
// routing, silences and on-call plans go on working.
// Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
type alertmanager struct {
	cfg    DeliveryConfig
	client *http.Client
}

var _ Notifier = (*alertmanager)(nil)

func newAlertmanager(cfg DeliveryConfig, client *http.Client) *alertmanager {
	return &alertmanager{cfg: cfg, client: client}
}

const (
	// alertLasts is how long Alertmanager holds an alert without hearing of it
	// again; reminders come every hour.
	alertLasts = 4 * time.Hour
	// testAlertLasts is the same of an alert that somebody made to try it.
	testAlertLasts = 5 * time.Minute
)

// postedAlert is an alert as Alertmanager's API takes it.
type postedAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Notify posts the notification's alerts to the Alertmanager at the endpoint's URL.
func (am *alertmanager) Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome {
	req, err := am.request(ctx, n, ep, time.Now())
	if err != nil {
		return permanently("prepare alerts: %w", err)
	}
	return exchange(am.client, req, alertmanagerVerdict)
}

func (am *alertmanager) request(ctx context.Context, n Notification, ep barograph.Endpoint, now time.Time) (*http.Request, error) {
	if err := checkURL(ep.URL, am.cfg.AllowHTTP); err != nil {
		return nil, err
	}
	base, err := url.Parse(ep.URL)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(postedAlerts(alertsOf(n, am.cfg.ExternalURL), now))
	if err != nil {
		return nil, fmt.Errorf("encode alerts: %w", err)
	}
	address := base.JoinPath("api", "v2", "alerts").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	authorize(req, ep.Secret)
	return req, nil
}

// postedAlerts says of what lasts until when to believe so. Alertmanager lives
// by the wall clock: what lies ahead of it, in a demo whose time runs faster,
// is told as now.
func postedAlerts(alerts []alert, now time.Time) []postedAlert {
	posted := make([]postedAlert, len(alerts))
	for i, a := range alerts {
		p := postedAlert{a.labels, a.annotations, earlier(a.startsAt, now).UTC(), now.Add(alertLasts).UTC(), a.generatorURL}
		switch {
		case !a.endsAt.IsZero():
			p.EndsAt = earlier(a.endsAt, now).UTC()
		case a.labels[alertKindLabel] == "test":
			p.EndsAt = now.Add(testAlertLasts).UTC()
		}
		posted[i] = p
	}
	return posted
}

// authorize sends a secret of the form user:password as such, any other as a
// bearer token.
func authorize(req *http.Request, secret barograph.Secret) {
	if secret == "" {
		return
	}
	if user, password, ok := strings.Cut(secret.Reveal(), ":"); ok {
		req.SetBasicAuth(user, password)
		return
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal())
}

// alertmanagerVerdict takes as final that it finds fault with the alerts.
func alertmanagerVerdict(status int) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return VerdictDelivered
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return VerdictPermanent
	}
	return VerdictTemporary
}
