package barograph

import (
	"sync"
	"time"
)

const (
	// pulseRounds is how many rounds in a row a loop may miss before it is stuck.
	pulseRounds = 3
	// pulsePatience is how long in any case: a busy machine is no fault, and
	// nobody is to be told of what passes by itself.
	pulsePatience = 30 * time.Second
)

// Pulse tells whether a loop is stuck, by the rounds that it completes: it is
// when none was completed for three times as long as there should be one, or
// when all have failed for 30 seconds. It counts by the wall clock.
//
// Its methods may be called from many goroutines, and never wait for a round.
type Pulse struct {
	every time.Duration

	mu      sync.Mutex
	last    time.Time // when the last round was completed, or the pulse was made
	failing time.Time // when the first of the rounds was that have failed since; zero: the last went well
	err     error     // of the last round
}

// NewPulse returns the pulse of a loop that completes a round every so often.
func NewPulse(every time.Duration) *Pulse { return &Pulse{every: every, last: time.Now()} }

// Beat says that a round is complete, and what failed in it.
func (p *Pulse) Beat(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	switch {
	case err == nil:
		p.failing = time.Time{}
	case p.failing.IsZero():
		p.failing = p.last
	}
	p.err = err
}

// Stuck returns nil if the loop works, else why it is stuck.
func (p *Pulse) Stuck() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if idle := time.Since(p.last); idle > max(pulseRounds*p.every, pulsePatience) {
		return Errorf(KindUnavailable, "no round was completed for %s, one is due every %s", roughly(idle), Duration(p.every))
	}
	if p.failing.IsZero() {
		return nil
	}
	if failing := time.Since(p.failing); failing > pulsePatience {
		return Errorf(KindUnavailable, "has failed for %s: %s", roughly(failing), p.err)
	}
	return nil
}

func roughly(d time.Duration) Duration { return Duration(d.Round(time.Second)) }
