package alerting

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	// relayFailsAfter is how long rounds may fail without anything being published.
	relayFailsAfter = 30 * time.Second
	// relayDeadAfter is how long the relay may show no sign of life.
	relayDeadAfter = 3 * relayEvery
)

// Healthy returns an error if nothing was published for 30 seconds although
// events wait, or if the relay does not even look whether they do.
func (r *Relay) Healthy(context.Context) error { return r.health.err() }

// relayHealth is how the relay does.
type relayHealth struct {
	mu      sync.Mutex
	alive   time.Time        // its last sign of life
	failing time.Time        // when the first round began that failed, with nothing published since; zero: none
	last    error            // how the last round ended
	oldest  *barograph.Event // of those that waited when it last looked; nil: none did
}

func (h *relayHealth) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var message string
	switch failing, still := time.Since(h.failing), time.Since(h.alive); {
	case !h.failing.IsZero() && failing > relayFailsAfter && h.oldest != nil:
		message = fmt.Sprintf("nothing was published for %s although event %s waits, perhaps with others", failing.Round(time.Second), h.oldest.ID)
	case !h.failing.IsZero() && failing > relayFailsAfter:
		message = fmt.Sprintf("the events that wait could not be read for %s", failing.Round(time.Second))
	case still > relayDeadAfter:
		message = fmt.Sprintf("the relay has done nothing for %s", still.Round(time.Second))
	default:
		return nil
	}
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: message, Err: h.last}
}

// lives takes a sign of life.
func (h *relayHealth) lives() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive = time.Now()
}

// progressed says that events were published, and marked so.
func (h *relayHealth) progressed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing = time.Time{}
}

// waits takes the events that wait, oldest first.
func (h *relayHealth) waits(events []barograph.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.oldest = nil
	if len(events) > 0 {
		h.oldest = &events[0]
	}
}

// ended takes how a round ended.
func (h *relayHealth) ended(begun time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive, h.last = time.Now(), err
	switch {
	case err == nil:
		h.failing = time.Time{}
	case h.failing.IsZero():
		h.failing = begun
	}
}

// age returns how long ago that happened which the oldest waiting event tells.
func (h *relayHealth) age() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.oldest == nil {
		return 0
	}
	return max(time.Since(h.oldest.Time), 0)
}
