package spooled

import "sync"

// commits has many writers share one sync: one of those who wait does it for
// all who came before it began.
type commits struct {
	flush func() error

	turn    sync.Mutex // held by who syncs
	mu      sync.Mutex
	waiting *round // who came since the last sync began; nil: nobody
}

// round is one sync and its outcome.
type round struct {
	ended bool // under turn
	err   error
}

// wait returns when a sync that began after the call has ended.
func (c *commits) wait() error {
	c.mu.Lock()
	if c.waiting == nil {
		c.waiting = &round{}
	}
	mine := c.waiting
	c.mu.Unlock()

	c.turn.Lock()
	defer c.turn.Unlock()
	if mine.ended { // somebody else of the round had the turn first
		return mine.err
	}
	c.mu.Lock()
	c.waiting = nil // who comes now may be too late
	c.mu.Unlock()
	mine.err, mine.ended = c.flush(), true
	return mine.err
}
