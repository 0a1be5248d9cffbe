package alerting_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// alertPayload is what Alertmanager posts to webhooks, as its documentation has it.
type alertPayload struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   *int              `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []struct {
		Status       string            `json:"status"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt"`
		GeneratorURL string            `json:"generatorURL"`
		Fingerprint  string            `json:"fingerprint"`
	} `json:"alerts"`
}

func decodeStrictly[T any](t *testing.T, text []byte) (v T) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// started is the breach of the disk on the host.
func started(id, host string, at time.Time) barograph.Event {
	e := opened(id)
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host, "mount": "/"})}
	e.Type, e.Time, e.Labels, e.Severity = barograph.EventBreachStarted, at, series.Labels.With("rule", "disk full"), barograph.SeverityCritical
	e.Data.Prediction, e.Data.Summary = nil, "disk full on "+host+": above 90 % now"
	e.Data.Breach = &barograph.Breach{ID: barograph.BreachID("brc_" + host), RuleID: "rul_1", RuleName: "disk full", Series: series, Severity: e.Severity, StartedAt: at}
	return e
}

func ended(id, host string, from, to time.Time) barograph.Event {
	e := started(id, host, from)
	e.Type, e.Time, e.Data.Breach.EndedAt, e.Data.Summary = barograph.EventBreachEnded, to, to, "disk full on "+host+": over"
	return e
}

func TestWebhookInAlertmanagersFormat(t *testing.T) {
	address, got := receiver(t)
	cfg := loopback()
	cfg.ExternalURL = "https://barograph.example.com/at/"
	ep := hook("ept_1", address)
	ep.Format = barograph.FormatAlertmanager
	n := alerting.Notification{
		ID: "msg_1", Group: barograph.DefaultStorm().Group(opened("evt_1")),
		Events: []barograph.Event{
			opened("evt_1"), started("evt_2", "db2", noon().Add(-time.Hour)), started("evt_3", "db3", noon()),
			ended("evt_4", "db2", noon().Add(-time.Hour), noon().Add(time.Minute)),
		},
	}
	if o := notifiers(t, cfg, alerting.Reach{})[barograph.EndpointWebhook].Notify(t.Context(), n, ep); o.Err != nil {
		t.Fatal(o.Err)
	}
	r := <-got
	verify(t, ep.Secret, r)
	if r.header.Get("Webhook-Id") != "msg_1" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	p := decodeStrictly[alertPayload](t, r.body)
	if p.Version != "4" || p.Status != "firing" || p.Receiver != "ept_1" || p.ExternalURL != cfg.ExternalURL || p.TruncatedAlerts == nil || *p.TruncatedAlerts != 0 {
		t.Errorf("%+v", p)
	}
	if p.GroupKey != `ept_1:series{rule="disk full"}` {
		t.Errorf("group key %q", p.GroupKey)
	}
	for _, want := range []struct{ got, want map[string]string }{
		{p.GroupLabels, map[string]string{"rule": "disk full"}},
		{p.CommonLabels, map[string]string{"rule": "disk full", "alertname": "disk full", "mount": "/"}},
		{p.CommonAnnotations, map[string]string{
			"limit": "> 0.9", "owner": "storage team", "runbook": "https://wiki.example.com/disk", "value": "0.782",
		}},
		{p.Alerts[0].Labels, map[string]string{
			"alertname": "disk full", "rule": "disk full", "severity": "warning", "barograph": "prediction", "host": "db1", "mount": "/", "device": "sda1",
		}},
		{p.Alerts[0].Annotations, map[string]string{
			"summary":     "disk full on db1 (mount=/): above 90 % expected in 31 h (Thu 14:00 – Fri 09:00 UTC), 82 % sure; now 78.2 %",
			"probability": "0.82", "eta_early": "2026-11-19T14:00:00Z", "eta": "2026-11-19T19:00:00Z", "eta_late": "2026-11-20T09:00:00Z",
			"reason": "it rose by 0.4 % an hour for the last 9 days", "limit": "> 0.9", "value": "0.782",
			"owner": "storage team", "runbook": "https://wiki.example.com/disk",
		}},
	} {
		if diff := cmp.Diff(want.want, want.got); diff != "" {
			t.Error(diff)
		}
	}
	if len(p.Alerts) != 3 { // of the breach on db2 only the end
		t.Fatalf("%d alerts: %s", len(p.Alerts), r.body)
	}
	for i, want := range []struct {
		status, host, address string
		startsAt, endsAt      time.Time
	}{
		{"firing", "db1", "/at/api/v1/predictions/prd_1", noon(), time.Time{}},
		{"firing", "db3", "/at/api/v1/breaches/brc_db3", noon(), time.Time{}},
		{"resolved", "db2", "/at/api/v1/breaches/brc_db2", noon().Add(-time.Hour), noon().Add(time.Minute)},
	} {
		a := p.Alerts[i]
		if a.Status != want.status || a.Labels["host"] != want.host || a.GeneratorURL != "https://barograph.example.com"+want.address ||
			!a.StartsAt.Equal(want.startsAt) || !a.EndsAt.Equal(want.endsAt) {
			t.Errorf("alert %d: %+v, want %+v", i, a, want)
		}
		if fp := fingerprint(a.Labels); a.Fingerprint != fp {
			t.Errorf("fingerprint %s, Prometheus makes %s", a.Fingerprint, fp)
		}
	}
}

func fingerprint(labels map[string]string) string {
	set := model.LabelSet{}
	for name, value := range labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set.Fingerprint().String()
}

func TestAlertmanagerFormatResolvesAndTruncates(t *testing.T) {
	address, got := receiver(t)
	ep := hook("ept_1", address)
	ep.Format = barograph.FormatAlertmanager
	var events []barograph.Event
	for i := range 600 {
		host := fmt.Sprintf("host%d", i)
		events = append(events, ended("evt_"+host, host, noon(), noon().Add(time.Hour)))
	}
	if o := webhook(t).Notify(t.Context(), alerting.Notification{ID: "msg_1", Events: events}, ep); o.Err != nil {
		t.Fatal(o.Err)
	}
	p := decodeStrictly[alertPayload](t, (<-got).body)
	if p.Status != "resolved" || len(p.Alerts) != 500 || *p.TruncatedAlerts != 100 || p.Alerts[0].Status != "resolved" {
		t.Errorf("%s, %d alerts, %d left out", p.Status, len(p.Alerts), *p.TruncatedAlerts)
	}
}

type postedAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL *string           `json:"generatorURL"`
}

func toAlertmanager(base string) barograph.Endpoint {
	return barograph.Endpoint{ID: "ept_am", Kind: barograph.EndpointAlertmanager, URL: base}
}

func TestAlertmanagerGetsAlerts(t *testing.T) {
	address, got := receiver(t)
	n := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager]
	post := func(e ...barograph.Event) []postedAlert {
		t.Helper()
		o := n.Notify(t.Context(), alerting.Notification{ID: "msg_1", Events: e}, toAlertmanager(address+"/am/"))
		if o.Err != nil || o.Verdict != alerting.VerdictDelivered {
			t.Fatalf("%+v", o)
		}
		return decodeStrictly[[]postedAlert](t, (<-got).body)
	}
	past := time.Now().Add(-time.Hour)
	a := post(started("evt_1", "db2", past))[0]
	if lasts := time.Until(a.EndsAt); !a.StartsAt.Equal(past) || lasts < 4*time.Hour-time.Minute || lasts > 4*time.Hour || a.GeneratorURL != nil {
		t.Errorf("firing: %+v", a)
	}
	end := past.Add(time.Minute)
	b := post(ended("evt_2", "db2", past, end))[0]
	if !b.EndsAt.Equal(end) || !b.StartsAt.Equal(past) {
		t.Errorf("resolved: %+v", b)
	}
	if diff := cmp.Diff(a.Labels, b.Labels); diff != "" {
		t.Errorf("it ends as another alert:\n%s", diff)
	}
	ahead := time.Now().Add(1000 * time.Hour) // the demo's clock runs fast
	c := post(ended("evt_3", "db2", ahead, ahead.Add(time.Hour)))[0]
	if c.EndsAt.After(time.Now()) || c.StartsAt.After(c.EndsAt) {
		t.Errorf("ahead of time: %+v", c)
	}
}

// What Alertmanager takes for one alert must have the same labels from its
// beginning to its end, whatever it is.
func TestAlertsEndAsTheyBegan(t *testing.T) {
	address, got := receiver(t)
	n := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager]
	host := barograph.Event{
		ID: "evt_1", Time: time.Now(), Labels: barograph.NewLabels(map[string]string{"host": "db1"}),
		Data: barograph.EventData{Host: &barograph.HostRef{ID: "hst_1", Name: "db1", LastSeen: time.Now().Add(-time.Hour)}},
	}
	endpoint := barograph.Event{ID: "evt_1", Time: time.Now(), Data: barograph.EventData{Endpoint: &barograph.EndpointRef{ID: "ept_1"}}}
	for _, tt := range []struct {
		e                         barograph.Event
		begin, end                barograph.EventType
		beginSeverity, endSevrity barograph.Severity
	}{
		{opened("evt_1"), barograph.EventPredictionOpened, barograph.EventPredictionAverted, "warning", "warning"},
		{opened("evt_1"), barograph.EventPredictionUpdated, barograph.EventPredictionConfirmed, "warning", "warning"},
		{opened("evt_1"), barograph.EventPredictionAcked, barograph.EventPredictionExpired, "warning", "warning"},
		{started("evt_1", "db1", time.Now()), barograph.EventBreachAcked, barograph.EventBreachEnded, "critical", "critical"},
		{host, barograph.EventHostSilent, barograph.EventHostReturned, "critical", "info"},
		{endpoint, barograph.EventEndpointDisabled, barograph.EventEndpointEnabled, "warning", "info"},
	} {
		var labels []map[string]string
		for _, is := range []struct {
			kind     barograph.EventType
			severity barograph.Severity
		}{{tt.begin, tt.beginSeverity}, {tt.end, tt.endSevrity}} {
			e := tt.e
			e.Type, e.Severity = is.kind, is.severity
			if o := n.Notify(t.Context(), alerting.NotificationOf(e), toAlertmanager(address)); o.Err != nil {
				t.Fatal(o.Err)
			}
			a := decodeStrictly[[]postedAlert](t, (<-got).body)[0]
			if over := !a.EndsAt.After(time.Now()); over != is.kind.Ends() {
				t.Errorf("%s: ends at %v", is.kind, a.EndsAt)
			}
			labels = append(labels, a.Labels)
		}
		if diff := cmp.Diff(labels[0], labels[1]); diff != "" {
			t.Errorf("%s and %s:\n%s", tt.begin, tt.end, diff)
		}
		if labels[0]["alertname"] == "" || labels[0]["barograph"] == "" {
			t.Errorf("%s: %v", tt.begin, labels[0])
		}
	}
}

// That a prediction came true ends its alert, though another begins.
func TestConfirmedPredictionIsResolvedBesideItsBreach(t *testing.T) {
	address, got := receiver(t)
	confirmed := opened("evt_1")
	confirmed.Type, confirmed.Data.Prediction.BreachID = barograph.EventPredictionConfirmed, "brc_db1"
	n := alerting.Notification{ID: "msg_1", Events: []barograph.Event{confirmed, started("evt_2", "db1", noon())}}
	if o := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager].Notify(t.Context(), n, toAlertmanager(address)); o.Err != nil {
		t.Fatal(o.Err)
	}
	alerts := decodeStrictly[[]postedAlert](t, (<-got).body)
	if len(alerts) != 2 || alerts[0].Labels["barograph"] != "prediction" || alerts[0].EndsAt.After(time.Now()) || alerts[1].Labels["barograph"] != "breach" {
		t.Errorf("%+v", alerts)
	}
}

func TestAlertsHaveNamesThatPrometheusKnows(t *testing.T) {
	address, got := receiver(t)
	e := opened("evt_1")
	e.Labels = barograph.Labels{
		{Name: "9lives", Value: "cat"},
		{Name: "a-b", Value: "1"},
		{Name: "a.b", Value: "2"},
		{Name: "alertname", Value: "mine"},
		{Name: "ort/größe", Value: "ä\xff"},
		{Name: "rule", Value: "disk full"},
		{Name: "severity", Value: "mine"},
	}
	e.Data.Annotations = map[string]string{"summary": "the rule's own", "run-book": "x", "empty": ""}
	if o := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager].Notify(t.Context(), alerting.NotificationOf(e), toAlertmanager(address)); o.Err != nil {
		t.Fatal(o.Err)
	}
	a := decodeStrictly[[]postedAlert](t, (<-got).body)[0]
	want := map[string]string{
		"_9lives": "cat", "a_b": "1", "alertname": "disk full", "ort_gr__e": "ä\uFFFD", "rule": "disk full", "severity": "warning", "barograph": "prediction",
	}
	if diff := cmp.Diff(want, a.Labels); diff != "" {
		t.Error(diff)
	}
	for name := range a.Labels {
		if !model.LegacyValidation.IsValidLabelName(name) {
			t.Errorf("label %q", name)
		}
	}
	if a.Annotations["description"] != "the rule's own" || !strings.HasPrefix(a.Annotations["summary"], "disk full on db1") || a.Annotations["run_book"] != "x" {
		t.Errorf("annotations %v", a.Annotations)
	}
	if slices.Contains(slices.Collect(keysOf(a.Annotations)), "empty") {
		t.Error("an empty annotation is sent")
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAlertmanagerJudgesAndAuthorizes(t *testing.T) {
	for _, tt := range []struct {
		status  int
		verdict alerting.Verdict
	}{
		{200, alerting.VerdictDelivered},
		{204, alerting.VerdictDelivered},
		{302, alerting.VerdictTemporary},
		{400, alerting.VerdictPermanent},
		{401, alerting.VerdictTemporary},
		{404, alerting.VerdictTemporary},
		{410, alerting.VerdictTemporary},
		{422, alerting.VerdictPermanent},
		{429, alerting.VerdictTemporary},
		{500, alerting.VerdictTemporary},
		{503, alerting.VerdictTemporary},
	} {
		srv := httptest.NewServer(handler(tt.status, `"bad label"`))
		o := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), toAlertmanager(srv.URL))
		srv.Close()
		if o.Verdict != tt.verdict || o.StatusCode != tt.status || (o.Err == nil) != (tt.verdict == alerting.VerdictDelivered) {
			t.Errorf("%d: %+v", tt.status, o)
		}
	}
	address, got := receiver(t)
	for secret, want := range map[barograph.Secret]string{
		"": "", "t0ken": "Bearer t0ken", "operator:pa:ss": "Basic b3BlcmF0b3I6cGE6c3M=",
	} {
		ep := toAlertmanager(address)
		ep.Secret = secret
		if o := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Err != nil {
			t.Fatal(o.Err)
		}
		if auth := (<-got).header.Get("Authorization"); auth != want {
			t.Errorf("secret %q: Authorization %q", secret.Reveal(), auth)
		}
	}
}

func TestAlertmanagersPath(t *testing.T) {
	paths := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.Method + " " + r.RequestURI }))
	defer srv.Close()
	for _, base := range []string{"", "/", "/am", "/am/"} {
		ep := toAlertmanager(srv.URL + base)
		if o := notifiers(t, loopback(), alerting.Reach{})[barograph.EndpointAlertmanager].Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Err != nil {
			t.Fatal(o.Err)
		}
		want, _ := url.JoinPath("/", base, "api/v2/alerts")
		if got := <-paths; got != "POST "+want {
			t.Errorf("%q: %s, want %s", base, got, want)
		}
	}
}
