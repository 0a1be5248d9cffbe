package situations_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// handClock is moved by hand. Whoever waits for one of its tickers does so until
// wake is called.
type handClock struct {
	mu      sync.Mutex
	now     time.Time
	tickers map[time.Duration][]chan time.Time
}

var _ barograph.Clock = (*handClock)(nil)

func newClock(now time.Time) *handClock {
	return &handClock{now: now, tickers: map[time.Duration][]chan time.Time{}}
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

// Ticker returns a channel that receives when the interval is woken.
func (c *handClock) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	ticker := make(chan time.Time)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tickers[d] = append(c.tickers[d], ticker)
	return ticker, func() {}
}

func (c *handClock) waiting(d time.Duration) []chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.tickers[d])
}

// wake has all who wait for the interval, of whom there are at least so many,
// begin their work.
func (c *handClock) wake(t *testing.T, d time.Duration, least int) {
	t.Helper()
	harness.Eventually(t, 3*time.Minute, func() string {
		if n := len(c.waiting(d)); n < least {
			return fmt.Sprintf("%d wait for every %s, not %d", n, d, least)
		}
		return ""
	})
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	for _, ticker := range c.waiting(d) {
		select {
		case ticker <- c.Now():
		case <-deadline.C:
			t.Fatalf("somebody did not take the tick of every %s", d)
		}
	}
}

// work wakes who waits for the interval and returns when the work is done: a
// second tick is taken only after that, and finds nothing new.
func (c *handClock) work(t *testing.T, d time.Duration, least int) {
	t.Helper()
	c.wake(t, d, least)
	c.wake(t, d, least)
}
