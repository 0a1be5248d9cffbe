// Package clocktest has a clock that moves and ticks when a test says so, and tells
// whether what is measured by the real one keeps a limit.
//
//	clock := clocktest.New(start)
//	go f.Run(ctx) // which waits for a tick of a clock's Ticker
//	clock.Move(time.Minute)
//	clock.Tick() // returns when f has taken it
package clocktest

import (
	"sync"
	"time"
)

// Clock shows the time that it was set to. It may be used concurrently.
type Clock struct {
	mu    sync.Mutex
	now   time.Time
	ticks chan time.Time
}

// New returns a clock that shows now.
func New(now time.Time) *Clock { return &Clock{now: now, ticks: make(chan time.Time)} }

// Now returns the time shown.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Ticker returns the clock's ticks, which are the same for all.
func (c *Clock) Ticker(time.Duration) (ticks <-chan time.Time, stop func()) {
	return c.ticks, func() {}
}

// Set has the clock show now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Move has the clock show a time that is later by d.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Tick ticks. It returns when somebody has taken the tick: who does so once its
// work is done has then done all that the tick before asked for.
func (c *Clock) Tick() { c.ticks <- c.Now() }
