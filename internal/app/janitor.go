package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/barograph/barograph"
)

// janitor forgets old events and sessions that are over, so that the database
// does not grow for ever. One server at a time does it.
type janitor struct {
	db interface {
		Prune(ctx context.Context, before time.Time) (int, error)
		PruneType(ctx context.Context, t barograph.EventType, before time.Time) (int, error)
		DeleteSessionsOver(ctx context.Context, before time.Time) error
	}
	shares interface{ HoldsID(id string) bool }
	keep   time.Duration
	clock  barograph.Clock
	log    *slog.Logger
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

// keepWatchdog is how long events are kept that only say that all is well.
const keepWatchdog = barograph.Day

func (j janitor) forget(ctx context.Context) {
	if !j.shares.HoldsID("janitor") {
		return
	}
	// Sessions live by the wall clock.
	if err := j.db.DeleteSessionsOver(ctx, time.Now()); err != nil && ctx.Err() == nil {
		j.log.WarnContext(ctx, "sessions that are over could not be deleted", "err", err)
	}
	now := j.clock.Now()
	n, err := j.db.Prune(ctx, now.Add(-j.keep))
	if err == nil {
		var alive int
		alive, err = j.db.PruneType(ctx, barograph.EventWatchdog, now.Add(-keepWatchdog))
		n += alive
	}
	switch {
	case err != nil && ctx.Err() == nil:
		j.log.WarnContext(ctx, "old events could not be deleted", "err", err)
	case n > 0:
		j.log.InfoContext(ctx, "old events deleted", "events", n)
	}
}
