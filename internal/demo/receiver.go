package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/barograph/barograph"
)

// Receiver is a webhook receiver as a subscriber would write it: it verifies
// each signature with the official library and prints one line an event.
type Receiver struct {
	out      io.Writer
	listener net.Listener

	mu       sync.Mutex
	verifier *standardwebhooks.Webhook
	counts   map[barograph.EventType]int
	refused  int
}

// NewReceiver returns a receiver on a free loopback port.
func NewReceiver(ctx context.Context, out io.Writer) (*Receiver, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	return &Receiver{out: out, listener: l, counts: map[barograph.EventType]int{}}, nil
}

// URL returns where webhooks are to be sent.
func (r *Receiver) URL() string { return "http://" + r.listener.Addr().String() + "/events" }

// Trust sets the secret that signatures are verified with.
func (r *Receiver) Trust(secret string) error {
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("take the webhook secret: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = v
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

// Run receives until ctx ends, and lets go of the port.
func (r *Receiver) Run(ctx context.Context) error {
	server := &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("receive webhooks: %w", err)
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verifier == nil || r.verifier.Verify(body, req.Header) != nil {
		r.refused++
		fmt.Fprintln(r.out, "webhook with a WRONG signature refused")
		http.Error(w, "wrong signature", http.StatusUnauthorized)
		return
	}
	var e barograph.Event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	r.counts[e.Type]++
	fmt.Fprintf(r.out, "%s  %-21s %s  [signature ok]\n", e.Time.UTC().Format("Mon 2 Jan 15:04"), e.Type, e.Data.Summary)
	w.WriteHeader(http.StatusNoContent)
}
