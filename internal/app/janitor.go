package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/barograph/barograph"
)

// janitor forgets old events, so that the database does not grow for ever.
type janitor struct {
	events interface {
		Prune(ctx context.Context, before time.Time) (int, error)
	}
	keep  time.Duration
	clock barograph.Clock
	log   *slog.Logger
}

// run forgets at once and then every hour, until ctx ends.
func (j janitor) run(ctx context.Context) error {
	ticks, stop := j.clock.Ticker(time.Hour)
	defer stop()
	for {
		j.forget(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

func (j janitor) forget(ctx context.Context) {
	n, err := j.events.Prune(ctx, j.clock.Now().Add(-j.keep))
	switch {
	case err != nil && ctx.Err() == nil:
		j.log.WarnContext(ctx, "old events could not be deleted", "err", err)
	case n > 0:
		j.log.InfoContext(ctx, "old events deleted", "events", n)
	}
}
