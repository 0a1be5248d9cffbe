package probes

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

const (
	// beatEvery is how often an idle loop says that it works.
	beatEvery = 15 * time.Second
	// fullFor is how long all places may be taken without a round ending.
	fullFor = time.Minute
)

// Healthy returns nil if targets are read, rounds begin and samples are written,
// else what is stuck.
func (s *Scheduler) Healthy(context.Context) error {
	if err := s.pulse.Stuck(); err != nil {
		return fmt.Errorf("scheduling probes: %w", err)
	}
	if err := s.sink.pulse.Stuck(); err != nil {
		return fmt.Errorf("writing the samples of probes: %w", err)
	}
	return nil
}

// trouble returns why targets are not probed as they should be.
func (s *Scheduler) trouble(now time.Time) error {
	if s.running < s.cfg.Concurrency {
		s.free = now
	}
	if d := now.Sub(s.free); d > fullFor {
		return barograph.Errorf(barograph.KindUnavailable, "none of the %d rounds that may run at once has ended for %s",
			s.cfg.Concurrency, barograph.Duration(d.Round(time.Second)))
	}
	return s.unread
}
