// Package harness starts real servers for the tests of the whole: in this
// process, or as the built program.
package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// Server is a server of one test.
type Server struct {
	URL   string
	Token barograph.Secret // of an admin
}

// Config is a configuration for tests: a free port, webhooks to this machine.
func Config() app.Config {
	cfg := app.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Delivery.AllowHTTP = true
	cfg.Delivery.AllowNetworks = []string{"127.0.0.0/8"}
	return cfg
}

// Start runs a server in this process until the test ends, and fails the test
// if it does not stop cleanly.
func Start(tb testing.TB, opts app.Options) *Server {
	tb.Helper()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Dir == "" {
		opts.Dir = tb.TempDir()
	}
	a, err := app.New(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			tb.Errorf("stop the server: %v", err)
		}
	})
	return &Server{a.URL(), a.AdminToken()}
}

// Call sends body as JSON, or as it is if it is a string, and decodes the
// answer into answer unless that is nil. It fails the test if the status is
// not a 2xx.
func (s *Server) Call(tb testing.TB, method, path string, key barograph.Secret, body, answer any) {
	tb.Helper()
	status, text, err := s.Do(tb.Context(), method, path, key, body)
	if err != nil {
		tb.Fatal(err)
	}
	if status/100 != 2 {
		tb.Fatalf("%s %s: status %d: %s", method, path, status, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			tb.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

// Do sends a request and returns what came back.
func (s *Server) Do(ctx context.Context, method, path string, key barograph.Secret, body any) (status int, answer []byte, err error) {
	var r io.Reader
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		r, contentType = strings.NewReader(b), "text/plain"
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, r)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// AddHost enrols a host and returns its key.
func (s *Server) AddHost(tb testing.TB, name string) barograph.Secret {
	tb.Helper()
	var created struct {
		Key string `json:"key"`
	}
	s.Call(tb, http.MethodPost, "/api/v1/hosts", s.Token, map[string]any{"name": name}, &created)
	return barograph.Secret(created.Key)
}

// Value returns the one value that a PromQL query answers with; ok is false if
// there is none.
func (s *Server) Value(tb testing.TB, query string) (value string, ok bool) {
	tb.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	s.Call(tb, http.MethodGet, "/prometheus/api/v1/query?query="+escape(query), s.Token, nil, &answer)
	if len(answer.Data.Result) != 1 {
		return "", false
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), true
}

func escape(query string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22", " ", "%20", "+", "%2B", "=", "%3D", ",", "%2C").Replace(query)
}

// Eventually calls check until it returns "" and fails the test with what it
// returned last if that takes longer than within.
func Eventually(tb testing.TB, within time.Duration, check func() string) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for {
		wrong := check()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("after %s: %s", within, wrong)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Receiver is a webhook receiver that verifies signatures.
type Receiver struct {
	*httptest.Server

	Subscription barograph.SubscriptionID

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	events   []Received
}

// Received is one delivery.
type Received struct {
	Event barograph.Event
	ID    string // header webhook-id
	At    time.Time
}

// Subscribe starts a receiver of everything and subscribes it.
func (s *Server) Subscribe(tb testing.TB) *Receiver {
	tb.Helper()
	r := &Receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	tb.Cleanup(r.Close)
	var created struct {
		Subscription barograph.Subscription `json:"subscription"`
		Secrets      []struct {
			Secret string `json:"secret"`
		} `json:"secrets"`
	}
	r.mu.Lock() // what comes before its secret is known waits
	defer r.mu.Unlock()
	s.Call(tb, http.MethodPost, "/api/v1/subscriptions", s.Token, map[string]any{
		"name": "test " + r.URL, "endpoints": []map[string]any{{"kind": "webhook", "url": r.URL}},
	}, &created)
	verifier, err := standardwebhooks.NewWebhook(created.Secrets[0].Secret)
	if err != nil {
		tb.Fatal(err)
	}
	r.verifier, r.Subscription = verifier, created.Subscription.ID
	return r
}

func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	var e barograph.Event
	if err != nil || r.verifier.Verify(body, req.Header) != nil || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.events = append(r.events, Received{e, req.Header.Get("webhook-id"), at})
}

// Events returns what arrived with a right signature, oldest first.
func (r *Receiver) Events() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Received(nil), r.events...)
}
