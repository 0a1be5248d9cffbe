package alerting

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// webhook sends events as CloudEvents in structured JSON, or groups of them as
// Alertmanager does, signed as Standard Webhooks. Only an answer of 2xx is a
// success.
type webhook struct {
	cfg    DeliveryConfig
	client *http.Client
}

var _ Notifier = (*webhook)(nil)

func newWebhook(cfg DeliveryConfig, client *http.Client) *webhook {
	return &webhook{cfg: cfg, client: client}
}

const (
	userAgent            = "Barograph (+https://github.com/barograph/barograph)"
	cloudEventsMediaType = "application/cloudevents+json; charset=utf-8"
)

// Notify posts the notification to the endpoint's URL.
func (w *webhook) Notify(ctx context.Context, n Notification, ep barograph.Endpoint) Outcome {
	req, err := w.request(ctx, n, ep, time.Now())
	if err != nil {
		return permanently("prepare webhook: %w", err)
	}
	return exchange(w.client, req, webhookVerdict)
}

func (w *webhook) request(ctx context.Context, n Notification, ep barograph.Endpoint, now time.Time) (*http.Request, error) {
	if err := checkURL(ep.URL, w.cfg.AllowHTTP); err != nil {
		return nil, err
	}
	keys, err := ep.SigningKeys(now)
	if err != nil {
		return nil, err
	}
	body, mediaType, err := w.body(n, ep)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", n.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ep.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Webhook-Id", n.ID)
	req.Header.Set("Webhook-Timestamp", timestamp)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		signatures[i] = sign(key, n.ID, timestamp, body)
	}
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	return req, nil
}

// body returns the message in the endpoint's format. A CloudEvent has the
// message's ID: a reminder is an event of its own to who tells them by it.
func (w *webhook) body(n Notification, ep barograph.Endpoint) (body []byte, mediaType string, err error) {
	if ep.Format == barograph.FormatAlertmanager {
		body, err = json.Marshal(newAlertmanagerMessage(n, ep, w.cfg.ExternalURL))
		return body, "application/json", err
	}
	e := n.Latest()
	e.ID = barograph.EventID(n.ID)
	body, err = json.Marshal(e)
	return body, cloudEventsMediaType, err
}

// sign returns a Standard Webhooks signature.
// Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

const newSecretBytes = 32

// NewWebhookSecret returns a new random secret for signing webhooks.
func NewWebhookSecret() barograph.Secret {
	var key [newSecretBytes]byte
	_, _ = rand.Read(key[:]) // never returns an error (crypto/rand)
	return barograph.Secret("whsec_" + base64.StdEncoding.EncodeToString(key[:]))
}

func checkURL(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("%q is not an https URL, such as https://hooks.example.com/barograph", text)
	case u.Scheme == "https" || u.Scheme == "http" && allowHTTP:
		return nil
	case u.Scheme == "http":
		return errors.New("the URL begins with http: use https, or let the administrator set delivery.allow_http")
	}
	return fmt.Errorf("%q is not an https URL, such as https://hooks.example.com/barograph", text)
}

func webhookVerdict(status int) Verdict {
	switch {
	case status >= 200 && status <= 299:
		return VerdictDelivered
	case status == http.StatusGone:
		return VerdictGone
	}
	return VerdictTemporary // a receiver under repair answers anything
}

// exchange sends the request, reads at most 64 KiB of the answer, of which it
// keeps what an attempt shows, and has its status judged.
func exchange(client *http.Client, req *http.Request, judge func(status int) Verdict) Outcome {
	resp, err := client.Do(req)
	if err != nil {
		return unanswered(req, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// A body that breaks off does not undo the status that came before it. The
	// rest is read so that the receiver can end in peace.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxKeptAnswer+utf8.UTFMax))
	_, _ = io.CopyN(io.Discard, resp.Body, maxResponseBody)
	o := Outcome{Verdict: judge(resp.StatusCode), StatusCode: resp.StatusCode, Response: keptAnswer(answer)}
	if o.Verdict == VerdictDelivered {
		return o
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		o.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	o.Err = fmt.Errorf("%s answered %s", req.URL.Host, statusText(resp.StatusCode))
	return o
}

func unanswered(req *http.Request, err error) Outcome {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err // the URL may hold a token in its path: it is not for logs
	}
	if errors.Is(err, ErrForbiddenAddress) {
		return permanently("send to %s: %w", req.URL.Host, err)
	}
	return temporarily("send to %s: %w", req.URL.Host, err)
}

func statusText(status int) string {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if status >= 300 && status <= 399 {
		text += " (redirects are not followed)"
	}
	return strings.TrimSpace(text)
}

const mostRetryAfter = 365 * barograph.Day

// retryAfter reads the header of that name: seconds, or an HTTP date. It
// returns 0 for what it cannot read and for what lies in the past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(mostRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), mostRetryAfter)
}
