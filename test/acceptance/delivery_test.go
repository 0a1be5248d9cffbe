package acceptance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// message is what a receiver got.
type message struct {
	event  barograph.Event
	header http.Header
	body   []byte
}

// inbox is a webhook receiver that takes everything.
type inbox struct {
	*httptest.Server

	mu   sync.Mutex
	got  []message
	torn []error
}

func newInbox(tb testing.TB) *inbox {
	tb.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m := message{header: r.Header}
		var err error
		if m.body, err = io.ReadAll(r.Body); err == nil {
			err = json.Unmarshal(m.body, &m.event)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.got = append(in.got, m)
		if err != nil {
			in.torn = append(in.torn, err)
		}
	}))
	tb.Cleanup(func() {
		in.Close()
		for _, err := range in.torn {
			tb.Errorf("the receiver got what it can't read: %v", err)
		}
	})
	return in
}

// find returns the newest message that is as it should be, and how many there are.
func (in *inbox) find(as func(barograph.Event) bool) (m message, n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, x := range in.got {
		if as(x.event) {
			m = x
			n++
		}
	}
	return m, n
}

// office is a server with one host, one rule and one subscriber.
type office struct {
	*harness.Server

	t            *testing.T
	inbox        *inbox
	host         barograph.Secret
	at           string // of the subscription
	endpoint     string // of its endpoint, below at
	subscription barograph.Subscription
	secret       string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Server: harness.Start(t, app.Options{Config: harness.Config(), Bare: true}), t: t, inbox: newInbox(t)}
	o.host = o.AddHost(t, "web")
	o.Call(t, http.MethodPost, "/api/v1/rules", o.Token, map[string]any{
		"name": "too hot", "series": "temperature", "operator": ">", "limit": 50, "for": "0s", "horizon": "0s", "severity": "critical",
	}, nil)
	var created struct {
		Subscription barograph.Subscription `json:"subscription"`
		Secrets      []struct {
			Secret string `json:"secret"`
		} `json:"secrets"`
	}
	o.post("/api/v1/subscriptions", map[string]any{
		"name": "on call", "event_types": []string{"breach.*"}, "endpoints": []map[string]any{{"kind": "webhook", "url": o.inbox.URL}},
	}, &created)
	o.subscription, o.secret = created.Subscription, created.Secrets[0].Secret
	o.at = "/api/v1/subscriptions/" + string(created.Subscription.ID)
	o.endpoint = o.at + "/endpoints/" + string(created.Subscription.Endpoints[0].ID)
	return o
}

func (o *office) post(path string, body, answer any) {
	o.t.Helper()
	o.Call(o.t, http.MethodPost, path, o.Token, body, answer)
}

func (o *office) get(path string, answer any) {
	o.t.Helper()
	o.Call(o.t, http.MethodGet, path, o.Token, nil, answer)
}

// heat makes a room too hot, and returns the event that says so, from the record.
func (o *office) heat(room string) (e barograph.Event) {
	o.t.Helper()
	o.Call(o.t, http.MethodPost, "/api/submit", o.host, map[string]any{
		"field": "temperature", "value": 60, "labels": map[string]string{"room": room},
	}, nil)
	harness.Eventually(o.t, time.Minute, func() string {
		var list struct{ Items []barograph.Event }
		o.get("/api/v1/events?type=breach.started", &list)
		i := slices.IndexFunc(list.Items, func(e barograph.Event) bool { return e.Labels.Get("room") == room })
		if i < 0 {
			return "no breach in room " + room
		}
		e = list.Items[i]
		return ""
	})
	return e
}

// arrives waits for the event at the receiver.
func (o *office) arrives(id barograph.EventID) (m message) {
	o.t.Helper()
	harness.Eventually(o.t, time.Minute, func() string {
		var n int
		if m, n = o.inbox.find(func(e barograph.Event) bool { return e.ID == id }); n == 0 {
			return fmt.Sprintf("event %s did not arrive", id)
		}
		return ""
	})
	return m
}

// delivery returns the one delivery of the event.
func (o *office) delivery(id barograph.EventID) barograph.Delivery {
	o.t.Helper()
	var list struct{ Items []barograph.Delivery }
	o.get(o.at+"/deliveries?event_id="+string(id), &list)
	if len(list.Items) != 1 {
		o.t.Fatalf("event %s has %d deliveries, want 1", id, len(list.Items))
	}
	return list.Items[0]
}

func (o *office) signedBy(m message, secret string) bool {
	o.t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		o.t.Fatal(err)
	}
	return hook.Verify(m.body, m.header) == nil
}

// An endpoint is tried, its secret rotated, and it is taken out of service and back.
func TestEndpointByHand(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if m := o.arrives(o.heat("a").ID); !o.signedBy(m, o.secret) {
		t.Error("the first message is not signed by the first secret")
	}
	var try barograph.Attempt
	o.post(o.endpoint+"/test", nil, &try)
	if try.StatusCode != http.StatusOK || try.Error != "" {
		t.Errorf("a test: %+v", try)
	}
	if _, n := o.inbox.find(func(e barograph.Event) bool { return e.Data.Test }); n != 1 {
		t.Errorf("%d test events arrived", n)
	}

	var rotated struct{ Secret string }
	o.post(o.endpoint+"/rotate", map[string]any{"keep": "1h"}, &rotated)
	if m := o.arrives(o.heat("b").ID); !o.signedBy(m, o.secret) || !o.signedBy(m, rotated.Secret) {
		t.Error("while a secret is rotated, one of the two does not sign")
	}
	o.post(o.endpoint+"/rotate", map[string]any{"keep": "0s"}, &rotated)
	if m := o.arrives(o.heat("c").ID); o.signedBy(m, o.secret) || !o.signedBy(m, rotated.Secret) {
		t.Error("the first secret still signs, or the newest does not")
	}

	o.post(o.endpoint+"/disable", nil, nil)
	missed := o.heat("d")
	o.post(o.endpoint+"/enable", nil, nil)
	again := o.heat("e")
	o.arrives(again.ID)
	var list struct{ Items []barograph.Delivery }
	if o.get(o.at+"/deliveries?event_id="+string(missed.ID), &list); len(list.Items) != 0 {
		t.Errorf("to a disabled endpoint: %+v", list.Items)
	}
	var trace struct {
		barograph.Delivery

		Tries []barograph.Attempt
	}
	harness.Eventually(t, time.Minute, func() string {
		o.get("/api/v1/deliveries/"+string(o.delivery(again.ID).ID), &trace)
		if trace.State != barograph.DeliveryDelivered || len(trace.Tries) != 1 || trace.Tries[0].StatusCode != http.StatusOK {
			return fmt.Sprintf("delivered: %+v", trace)
		}
		return ""
	})
}

// What happens while a subscription is paused is fetched by a replay, under the
// IDs that it had.
func TestPauseAndReplay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	begin := time.Now().Add(-time.Second)
	before := o.heat("a")
	o.arrives(before.ID)
	o.post(o.at+"/pause", nil, nil)
	missed := o.heat("b")
	if status, text, err := o.Do(t.Context(), http.MethodPost, o.at+"/replay", o.Token, map[string]any{"from": begin}); err != nil || status != http.StatusConflict {
		t.Errorf("replay while paused: %d %s %v", status, text, err)
	}
	o.post(o.at+"/resume", nil, nil)
	o.arrives(o.heat("c").ID)
	if _, n := o.inbox.find(func(e barograph.Event) bool { return e.ID == missed.ID }); n != 0 {
		t.Error("what happened meanwhile was sent")
	}
	var replayed struct{ Deliveries int }
	o.post(o.at+"/replay", map[string]any{"after": before.ID}, &replayed)
	if replayed.Deliveries != 2 {
		t.Errorf("%d deliveries after the first event, want 2", replayed.Deliveries)
	}
	if m := o.arrives(missed.ID); m.header.Get("Webhook-Id") != string(missed.ID) {
		t.Errorf("it came as %s", m.header.Get("Webhook-Id"))
	}
	status, text, err := o.Do(t.Context(), http.MethodPost, o.at+"/replay", o.Token, map[string]any{"from": time.Now().Add(-15 * barograph.Day)})
	if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(text), `"field":"from"`) {
		t.Errorf("too far back: %d %s %v", status, text, err)
	}
}

// A silence holds back what it matches, and nothing else, until it ends.
func TestSilenceHoldsBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var silence struct {
		ID     barograph.SilenceID
		Active bool
	}
	o.post("/api/v1/silences", map[string]any{"matchers": `{room="quiet"}`, "duration": "1h", "comment": "painters"}, &silence)
	if !silence.Active {
		t.Error("the silence is not active")
	}
	held, loud := o.heat("quiet"), o.heat("loud")
	o.arrives(loud.ID)
	d := o.delivery(held.ID)
	if d.State != barograph.DeliveryHeld || d.HeldBy != barograph.Hold(silence.ID) {
		t.Errorf("silenced: %+v", d)
	}
	if _, n := o.inbox.find(func(e barograph.Event) bool { return e.ID == held.ID }); n != 0 {
		t.Error("it was sent")
	}
	o.Call(t, http.MethodDelete, "/api/v1/silences/"+string(silence.ID), o.Token, nil, nil)
	o.arrives(held.ID)
}

// Whoever takes a breach on is named to all others; who did what stays on record.
func TestAcknowledgeAndAudit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	started := o.heat("a")
	o.arrives(started.ID)
	path := "/api/v1/breaches/" + string(started.Data.Breach.ID)
	var breach barograph.Breach
	o.post(path+"/acknowledge", map[string]any{"comment": "I open the window"}, &breach)
	if a := breach.Acknowledged; a == nil || a.By == "" || a.Comment != "I open the window" {
		t.Errorf("acknowledged: %+v", a)
	}
	harness.Eventually(t, time.Minute, func() string {
		m, n := o.inbox.find(func(e barograph.Event) bool { return e.Type == barograph.EventBreachAcked })
		if n != 1 || m.event.Data.Acknowledged == nil || m.event.Data.Acknowledged.By != breach.Acknowledged.By {
			return fmt.Sprintf("%d acknowledgements were sent: %s", n, m.body)
		}
		return ""
	})
	if status, text, err := o.Do(t.Context(), http.MethodPost, path+"/acknowledge", o.Token, nil); err != nil || status != http.StatusConflict {
		t.Errorf("acknowledged twice: %d %s %v", status, text, err)
	}

	o.post(o.endpoint+"/rotate", nil, nil)
	o.post(o.endpoint+"/disable", nil, nil)
	o.post(o.at+"/pause", nil, nil)
	var audit struct{ Items []barograph.AuditEntry }
	o.get("/api/v1/audit", &audit)
	if len(audit.Items) != 5 {
		t.Errorf("%d changes on record: %+v", len(audit.Items), audit.Items)
	}
	for _, e := range audit.Items {
		if e.By != breach.Acknowledged.By {
			t.Errorf("%s of %s by %q", e.Action, e.Kind, e.By)
		}
		if text, err := json.Marshal(e); err != nil || strings.Contains(string(text), "whsec_") {
			t.Errorf("a secret is on record: %s %v", text, err)
		}
	}
}
