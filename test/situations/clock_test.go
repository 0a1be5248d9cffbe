package situations_test

import (
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// handClock is moved by hand. Whoever waits for one of its tickers does so until
// wake is called.
type handClock struct {
	mu      sync.Mutex
	now     time.Time
	tickers map[time.Duration]chan time.Time
}

var _ barograph.Clock = (*handClock)(nil)

func newClock(now time.Time) *handClock {
	return &handClock{now: now, tickers: map[time.Duration]chan time.Time{}}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Ticker returns a channel that all who wait for the same interval share.
func (c *handClock) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	return c.ticker(d), func() {}
}

func (c *handClock) ticker(d time.Duration) chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tickers[d] == nil {
		c.tickers[d] = make(chan time.Time)
	}
	return c.tickers[d]
}

// wake has who waits for the interval begin its work.
func (c *handClock) wake(t *testing.T, d time.Duration) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	select {
	case c.ticker(d) <- c.Now():
	case <-deadline.C:
		t.Fatalf("nobody took the tick of every %s", d)
	}
}

// work wakes who waits for the interval and returns when the work is done: a
// second tick is taken only after that, and finds nothing new.
func (c *handClock) work(t *testing.T, d time.Duration) {
	t.Helper()
	c.wake(t, d)
	c.wake(t, d)
}
