package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
)

// Receiver is a webhook receiver as a subscriber would write it: it verifies
// each signature with the official library, knows by its ID what comes again,
// and prints one line an event.
type Receiver struct {
	// Heard is called with each event before its line is printed; nil: nobody is.
	// It is set before Run.
	Heard func(context.Context, barograph.Event)

	out      io.Writer
	listener net.Listener

	mu        sync.Mutex
	verifiers []*standardwebhooks.Webhook // one for each endpoint that it is
	known     map[string]bool             // IDs of events
	counts    map[barograph.EventType]int
	refused   int
}

// NewReceiver returns a receiver on a free loopback port.
func NewReceiver(ctx context.Context, out io.Writer) (*Receiver, error) {
	l, err := listen(ctx)
	return &Receiver{out: out, listener: l, known: map[string]bool{}, counts: map[barograph.EventType]int{}}, err
}

func listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	return l, nil
}

// URL returns where webhooks are to be sent.
func (r *Receiver) URL() string { return "http://" + r.listener.Addr().String() + "/events" }

// Trust adds a secret that signatures are verified with.
func (r *Receiver) Trust(secret string) error {
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("take the webhook secret: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifiers = append(r.verifiers, v)
	return nil
}

// Received returns how many events of each type came with a right signature.
func (r *Receiver) Received() map[barograph.EventType]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// Refused returns how many webhooks had a wrong signature.
func (r *Receiver) Refused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// Tell prints a line in the columns of those of events.
func (r *Receiver) Tell(when, what, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(when, what, text)
}

func (r *Receiver) tell(when, what, text string) {
	fmt.Fprintf(r.out, "%-16s  %-21s %s\n", when, what, text)
}

// onWall says what the wall clock shows, for what does not live by the demo's.
func onWall(t time.Time) string { return "wall at " + t.UTC().Format(time.TimeOnly) }

// Run receives until ctx ends, and lets go of the port.
func (r *Receiver) Run(ctx context.Context) error { return serve(ctx, r.listener, r) }

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // whoever hangs up knows why
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve at %s: %w", l.Addr(), err)
	}
	return nil
}

const maxWebhook = 1 << 20

// ServeHTTP takes one webhook.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxWebhook))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	if !r.verified(body, req.Header) {
		http.Error(w, "wrong signature", http.StatusUnauthorized)
		return
	}
	var e barograph.Event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	if r.Heard != nil {
		r.Heard(req.Context(), e)
	}
	r.take(req.Header.Get(standardwebhooks.HeaderWebhookID), e)
	w.WriteHeader(http.StatusNoContent)
}

func (r *Receiver) verified(body []byte, h http.Header) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.verifiers, func(v *standardwebhooks.Webhook) bool { return v.Verify(body, h) == nil }) {
		return true
	}
	r.refused++
	fmt.Fprintln(r.out, "webhook with a WRONG signature refused")
	return false
}

// take takes an event, once.
func (r *Receiver) take(id string, e barograph.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[id] {
		return
	}
	r.known[id] = true
	r.counts[e.Type]++
	when := e.Time.UTC().Format("Mon 2 Jan 15:04")
	if e.Data.Endpoint != nil {
		when = onWall(e.Time)
	}
	r.tell(when, string(e.Type), e.Data.Summary+"  [signature ok]")
}
