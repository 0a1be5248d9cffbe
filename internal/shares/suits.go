package shares

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// settle is in which time a server that is at work gives a sign of life.
const settle = 2*beatEvery + time.Second

// suits returns an error if a server is at work that stands on other engines.
// One that gives no sign of life is dead, or moved into another directory.
func (s *Shares) suits(ctx context.Context) error {
	before, err := s.book.Roll(ctx)
	if err != nil {
		return fmt.Errorf("look for other servers on the configuration database: %w", err)
	}
	if len(s.strangers(before, barograph.Roll{})) == 0 {
		return nil
	}
	s.log.InfoContext(ctx, "another server with other engines is known to the configuration database; waiting whether it gives a sign of life")
	deadline := time.NewTimer(settle)
	defer deadline.Stop()
	ticks := time.NewTicker(beatEvery / 4)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return nil
		case <-ticks.C:
		}
		now, err := s.book.Roll(ctx)
		if err != nil {
			return fmt.Errorf("look for other servers on the configuration database: %w", err)
		}
		if alive := s.strangers(now, before); len(alive) > 0 {
			return stranger(s.self, alive[0])
		}
	}
}

// strangers returns the servers on other engines that gave a sign of life since.
func (s *Shares) strangers(now, since barograph.Roll) (found []barograph.Server) {
	known := map[string]barograph.Server{}
	for _, other := range since.Servers {
		known[other.ID] = other
	}
	for _, other := range now.Servers {
		if other.ID != s.self.ID && other.Base != s.self.Base && other != known[other.ID] {
			found = append(found, other)
		}
	}
	return found
}

// unsuited returns an error if a server on other engines came later, and lives.
// The caller holds mu.
func (s *Shares) unsuited() error {
	for _, other := range s.others {
		if other.Base != s.self.Base && s.watch.seen[other.ID].alive {
			return stranger(s.self, other)
		}
	}
	return nil
}

func stranger(self, other barograph.Server) error {
	return barograph.Errorf(barograph.KindConflict,
		"server %s works on this configuration database, with %s, and this one has %s: servers on one database share one remote series store "+
			"and one external bus. Give both the same store.engine and bus.url, or this one a database of its own",
		other.ID, other.Base, self.Base)
}
