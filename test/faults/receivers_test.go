package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// behaviour is what a receiver does with one try.
type behaviour uint8

const (
	accept behaviour = iota
	refuse           // it answers 500
	hang             // it never answers
	reset            // it cuts the connection
)

// receiver is a webhook receiver with manners of its own. It keeps count of the
// messages by their IDs.
type receiver struct {
	*httptest.Server

	behave   func(try int) behaviour // with the try of a message; 1 is the first
	released chan struct{}           // closed in the end, for whoever hangs

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	tries    map[string]int
	taken    map[string]int       // answered 2xx
	first    map[string]time.Time // when it was first taken
	wrong    []string             // what must not be
}

func newReceiver(t *testing.T, behave func(try int) behaviour) *receiver {
	t.Helper()
	r := &receiver{
		behave: behave, released: make(chan struct{}),
		tries: map[string]int{}, taken: map[string]int{}, first: map[string]time.Time{},
	}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	t.Cleanup(func() { close(r.released) })
	return r
}

func kindly(int) behaviour { return accept }

func silently(int) behaviour { return hang }

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed in the middle of it
	}
	manner, id := r.note(req.Header, body, at)
	switch manner {
	case accept:
		// The count goes first: a sender that is killed after this line has
		// delivered, whether it knows it or not.
		r.mu.Lock()
		r.taken[id]++
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case refuse:
		w.WriteHeader(http.StatusInternalServerError)
	case hang:
		select {
		case <-req.Context().Done():
		case <-r.released:
		}
	case reset:
		cut(w)
	}
}

// cut resets the connection.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // so that the end is a reset
	}
	_ = conn.Close()
}

// note checks a message and counts it.
func (r *receiver) note(header http.Header, body []byte, at time.Time) (behaviour, string) {
	var sent struct {
		ID string `json:"id"`
	}
	id := header.Get("Webhook-Id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.verifier.Verify(body, header); err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("message %s: %v", id, err))
	}
	if err := json.Unmarshal(body, &sent); err != nil || sent.ID != id {
		r.wrong = append(r.wrong, fmt.Sprintf("event %q came with webhook-id %q, %v", sent.ID, id, err))
	}
	r.tries[id]++
	manner := r.behave(r.tries[id])
	if manner == accept && r.first[id].IsZero() {
		r.first[id] = at
	}
	return manner, id
}

// counts are what a receiver saw.
type counts struct{ messages, tries, taken, twice int }

func (r *receiver) counts() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := counts{messages: len(r.tries)}
	for _, n := range r.tries {
		c.tries += n
	}
	for _, n := range r.taken {
		c.taken++
		c.twice += n - 1
	}
	return c
}

// takenAt returns when each message was first taken.
func (r *receiver) takenAt() map[string]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.first)
}

// check reports messages that must not be: with a wrong signature, with an ID
// that is not their event's, of events that are not on record.
func (r *receiver) check(t *testing.T, recorded map[barograph.EventID]barograph.Event) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 5
	for _, w := range r.wrong[:min(len(r.wrong), most)] {
		t.Error(w)
	}
	unknown := 0
	for id := range r.tries {
		if _, known := recorded[barograph.EventID(id)]; !known {
			unknown++
		}
	}
	if unknown > 0 {
		t.Errorf("%d events were sent that are not on record", unknown)
	}
}

// subscribe subscribes the receivers to the alarms of one writer.
func subscribe(t *testing.T, srv *harness.Server, name, writer string, receivers ...*receiver) barograph.SubscriptionID {
	t.Helper()
	var endpoints []map[string]any
	for _, r := range receivers {
		endpoints = append(endpoints, map[string]any{"kind": "webhook", "url": r.URL})
	}
	var created struct {
		Subscription barograph.Subscription `json:"subscription"`
		Secrets      []struct {
			EndpointID barograph.EndpointID `json:"endpoint_id"`
			Secret     string               `json:"secret"`
		} `json:"secrets"`
	}
	srv.Call(t, http.MethodPost, "/api/v1/subscriptions", srv.Token, map[string]any{
		"name": name, "event_types": []string{"breach.*"}, "matchers": fmt.Sprintf(`{writer=%q}`, writer), "endpoints": endpoints,
	}, &created)
	secrets := map[string]string{} // by URL
	for _, e := range created.Subscription.Endpoints {
		for _, s := range created.Secrets {
			if s.EndpointID == e.ID {
				secrets[e.URL] = s.Secret
			}
		}
	}
	for _, r := range receivers {
		verifier, err := standardwebhooks.NewWebhook(secrets[r.URL])
		if err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.verifier = verifier
		r.mu.Unlock()
	}
	return created.Subscription.ID
}
