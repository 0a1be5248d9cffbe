package alerting_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

func verifier(t *testing.T, secret barograph.Secret) *standardwebhooks.Webhook {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return wh
}

// While the secret is rotated the official library accepts a webhook with the
// new one and with the old; afterwards with the new one alone.
func TestWebhookIsSignedWithBothSecretsWhileRotating(t *testing.T) {
	url, got := receiver(t)
	ep := hook("ept_1", url)
	old := ep.Secret
	ep.PreviousSecret, ep.Secret = old, alerting.NewWebhookSecret()
	for name, tt := range map[string]struct {
		until time.Time
		both  bool
	}{
		"within the window": {time.Now().Add(time.Minute), true},
		"after it":          {time.Now().Add(-time.Second), false},
		"never rotated":     {time.Time{}, false},
	} {
		for _, format := range []barograph.WebhookFormat{barograph.FormatCloudEvents, barograph.FormatAlertmanager} {
			ep.PreviousSecretUntil, ep.Format = tt.until, format
			if o := webhook(t).Notify(t.Context(), alerting.NotificationOf(opened("evt_1")), ep); o.Err != nil {
				t.Fatal(o.Err)
			}
			r := <-got
			if err := verifier(t, ep.Secret).Verify(r.body, r.header); err != nil {
				t.Errorf("%s, %s: with the new secret: %v", name, format, err)
			}
			if err := verifier(t, old).Verify(r.body, r.header); (err == nil) != tt.both {
				t.Errorf("%s, %s: with the old secret: %v", name, format, err)
			}
			signatures := strings.Fields(r.header.Get("Webhook-Signature"))
			if want := 1 + len(signatures)/2; len(signatures) != want || (len(signatures) == 2) != tt.both {
				t.Errorf("%s, %s: signatures %q", name, format, signatures)
			}
		}
	}
}

// Every delivery verifies with the official library, and of 10,000 alterations
// of its body, ID, timestamp and signatures none does.
func TestNoAlteredWebhookVerifies(t *testing.T) {
	const mutations = 10_000
	url, got := receiver(t)
	rng := rand.New(rand.NewPCG(1, 2))
	kept := make([]received, 0, 100)
	secrets := make([]barograph.Secret, 0, 100)
	n := webhook(t)
	for i := range cap(kept) {
		ep := hook("ept_1", url)
		if i%2 == 1 {
			ep.Format = barograph.FormatAlertmanager
		}
		if i%4 >= 2 {
			ep.PreviousSecret, ep.PreviousSecretUntil = alerting.NewWebhookSecret(), time.Now().Add(time.Hour)
		}
		if o := n.Notify(t.Context(), alerting.NotificationOf(opened(fmt.Sprintf("evt_%d", i))), ep); o.Err != nil {
			t.Fatal(o.Err)
		}
		kept, secrets = append(kept, <-got), append(secrets, ep.Secret)
		verify(t, ep.Secret, kept[i])
	}
	accepted := 0
	for i := range mutations {
		r, secret := kept[i%len(kept)], secrets[i%len(kept)]
		body, header, what := mutate(rng, r)
		if verifier(t, secret).VerifyIgnoringTimestamp(body, header) == nil {
			accepted++
			t.Errorf("accepted with %s", what)
		}
	}
	t.Logf("%d deliveries verified, %d of %d alterations did", len(kept), accepted, mutations)
}

// mutate alters one thing that the signature vouches for, or the signature.
func mutate(rng *rand.Rand, r received) (body []byte, header http.Header, what string) {
	body, header = bytes.Clone(r.body), r.header.Clone()
	switch rng.IntN(7) {
	case 0:
		bit := rng.IntN(8 * len(body))
		body[bit/8] ^= 1 << (bit % 8)
		return body, header, fmt.Sprintf("bit %d of the body flipped", bit)
	case 1:
		at := rng.IntN(len(body) + 1)
		return append(append(bytes.Clone(body[:at]), byte(rng.IntN(256))), body[at:]...), header, fmt.Sprintf("a byte more at %d", at)
	case 2:
		at := rng.IntN(len(body))
		return append(bytes.Clone(body[:at]), body[at+1:]...), header, fmt.Sprintf("the byte at %d missing", at)
	case 3:
		id := []byte(header.Get("Webhook-Id"))
		id[rng.IntN(len(id))] ^= 1 << rng.IntN(7)
		header.Set("Webhook-Id", string(id))
		return body, header, "another ID"
	case 4:
		at, _ := strconv.ParseInt(header.Get("Webhook-Timestamp"), 10, 64)
		shift := rng.Int64N(1e9) + 1
		header.Set("Webhook-Timestamp", strconv.FormatInt(at+shift, 10))
		return body, header, "another timestamp"
	case 5: // a point moved from one part of what is signed to the next
		header.Set("Webhook-Id", header.Get("Webhook-Id")+"."+header.Get("Webhook-Timestamp"))
		header.Set("Webhook-Timestamp", strconv.FormatInt(rng.Int64N(1e10), 10))
		return body, header, "ID and timestamp joined"
	}
	return body, alterSignatures(rng, header), "altered signatures"
}

func alterSignatures(rng *rand.Rand, header http.Header) http.Header {
	fields := strings.Fields(header.Get("Webhook-Signature"))
	for i, field := range fields {
		version, text, _ := strings.Cut(field, ",")
		mac, _ := base64.StdEncoding.DecodeString(text)
		switch rng.IntN(4) {
		case 0:
			mac[rng.IntN(len(mac))] ^= 1 << rng.IntN(8)
		case 1:
			mac = mac[:rng.IntN(len(mac))]
		case 2:
			version = []string{"v0", "v2", "v1a", ""}[rng.IntN(4)]
		case 3:
			mac = append(mac, byte(rng.IntN(256)))
		}
		fields[i] = version + "," + base64.StdEncoding.EncodeToString(mac)
	}
	header.Set("Webhook-Signature", strings.Join(fields, " "))
	return header
}

// A reminder is a message of its own: its ID is that of the message in the
// header and in the event.
func TestReminderHasTheMessagesID(t *testing.T) {
	url, got := receiver(t)
	ep, e := hook("ept_1", url), opened("evt_1")
	e.Data.Reminder = 2
	if o := webhook(t).Notify(t.Context(), alerting.Notification{ID: "evt_1-r2", Events: []barograph.Event{e}}, ep); o.Err != nil {
		t.Fatal(o.Err)
	}
	r := <-got
	verify(t, ep.Secret, r)
	if r.header.Get("Webhook-Id") != "evt_1-r2" || !bytes.Contains(r.body, []byte(`"id":"evt_1-r2"`)) || !bytes.Contains(r.body, []byte(`"reminder":2`)) {
		t.Errorf("%s: %s", r.header.Get("Webhook-Id"), r.body)
	}
}
