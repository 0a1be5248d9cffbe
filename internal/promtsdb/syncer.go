package promtsdb

import (
	"context"
	"sync"
)

// syncer makes commits durable for many writers with few syncs. A writer notes
// its commit and waits for it. Whoever waits while nobody syncs becomes the
// leader and syncs at once; whoever comes meanwhile waits for that sync to end,
// and one of them then leads the next, which covers all their commits.
type syncer struct {
	flush func() error // makes durable all that was committed before the call

	mu        sync.Mutex
	committed uint64        // commits noted
	durable   uint64        // commits known to be on disk
	round     chan struct{} // closed when the running sync ends; nil when none runs
	err       error         // of the first sync that failed
}

// note records a commit and returns its number.
func (s *syncer) note() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed++
	return s.committed
}

// latest returns the number of the newest commit.
func (s *syncer) latest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed
}

// wait returns nil once commit n is on disk. A failed sync fails all waiters,
// then and for ever: the kernel drops pages that it could not write and reports
// that once, so a later success would prove nothing.
func (s *syncer) wait(ctx context.Context, n uint64) error {
	for {
		s.mu.Lock()
		switch {
		case s.durable >= n:
			s.mu.Unlock()
			return nil
		case s.err != nil:
			defer s.mu.Unlock()
			return s.err
		case s.round == nil:
			s.lead()
			continue
		}
		round := s.round
		s.mu.Unlock()
		select {
		case <-round:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lead syncs what is committed so far. It is called with mu held and unlocks it.
func (s *syncer) lead() {
	round, upTo := make(chan struct{}), s.committed
	s.round = round
	s.mu.Unlock()
	err := s.flush()
	s.mu.Lock()
	if err != nil {
		s.err = err
	} else {
		s.durable = upTo
	}
	s.round = nil
	s.mu.Unlock()
	close(round)
}
