package demo

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// Broken is a webhook receiver in trouble: first its program fails, then it is
// overloaded, and in the end it is gone for good.
type Broken struct {
	listener net.Listener

	mu    sync.Mutex
	tries int
}

// brokenAnswers are what it answers; the last one ever after.
func brokenAnswers() []int {
	return []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGone}
}

// NewBroken returns a broken receiver on a free loopback port.
func NewBroken(ctx context.Context) (*Broken, error) {
	l, err := listen(ctx)
	return &Broken{listener: l}, err
}

// URL returns where webhooks are to be sent.
func (b *Broken) URL() string { return "http://" + b.listener.Addr().String() + "/events" }

// Run answers until ctx ends, and lets go of the port.
func (b *Broken) Run(ctx context.Context) error { return serve(ctx, b.listener, b) }

// ServeHTTP takes no webhook.
func (b *Broken) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answers := brokenAnswers()
	b.mu.Lock()
	status := answers[min(b.tries, len(answers)-1)]
	b.tries++
	b.mu.Unlock()
	http.Error(w, http.StatusText(status), status)
}
