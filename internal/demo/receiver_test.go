package demo_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/demo"
)

func newSecret(char string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(char, 32)))
}

// webhook returns a signed request as the server sends it.
func webhook(t *testing.T, url, secret string, body []byte) *http.Request {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign("evt_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(standardwebhooks.HeaderWebhookID, "evt_1")
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return req
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := demo.NewReceiver(t.Context(), &out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	event := barograph.Event{
		ID: "evt_1", Type: barograph.EventHostSilent, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Severity: barograph.SeverityInfo,
		Data: barograph.EventData{Summary: "cache-1 is silent"},
	}
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	send := func(what string, req *http.Request, want int) {
		t.Helper()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s is answered by %s, want %d", what, res.Status, want)
		}
	}
	ours, other, second := newSecret("a"), newSecret("b"), newSecret("c")
	send("a webhook before there is a secret", webhook(t, r.URL(), ours, body), http.StatusUnauthorized)
	if err := r.Trust("no secret!"); err == nil {
		t.Error("any text is taken as a secret")
	}
	if err := r.Trust(ours); err != nil {
		t.Fatal(err)
	}
	send("a right signature", webhook(t, r.URL(), ours, body), http.StatusNoContent)
	if err := r.Trust(second); err != nil {
		t.Fatal(err)
	}
	send("the same event again", webhook(t, r.URL(), ours, body), http.StatusNoContent)
	send("the same event by another subscription", webhook(t, r.URL(), second, body), http.StatusNoContent)
	send("the signature by another secret", webhook(t, r.URL(), other, body), http.StatusUnauthorized)
	changed := webhook(t, r.URL(), ours, body)
	changed.Header.Set(standardwebhooks.HeaderWebhookID, "evt_2")
	send("a signature for another event", changed, http.StatusUnauthorized)
	unsigned := webhook(t, r.URL(), ours, body)
	unsigned.Header.Del(standardwebhooks.HeaderWebhookSignature)
	send("no signature", unsigned, http.StatusUnauthorized)
	send("a signature of something else", webhook(t, r.URL(), ours, []byte("[]")), http.StatusBadRequest)
	if got := r.Received(); len(got) != 1 || got[barograph.EventHostSilent] != 1 || r.Refused() != 4 {
		t.Errorf("received %v and refused %d, want one and 4", got, r.Refused())
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	want := "Sun 1 Mar 12:00   host.silent           cache-1 is silent  [signature ok]\n"
	if text := out.String(); strings.Count(text, want) != 1 || strings.Count(text, "WRONG signature") != 4 {
		t.Errorf("printed:\n%s", text)
	}
	if res, err := http.Get(r.URL()); err == nil {
		res.Body.Close()
		t.Error("the port is still open")
	}
}

func TestBrokenReceiver(t *testing.T) {
	t.Parallel()
	b, err := demo.NewBroken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	for i, want := range []int{500, 503, 410, 410} {
		res, err := http.Post(b.URL(), "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("try %d is answered by %s, want %d", i+1, res.Status, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}
