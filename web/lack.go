package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/barograph/barograph"
)

// lack notes of one page that what was measured is missing from it.
type lack struct{ measured atomic.Bool }

// awayTimeout is how long a page waits for a store of which it is known that it
// does not work.
const awayTimeout = time.Second

type lackKey struct{}

func withLack(ctx context.Context) context.Context {
	return context.WithValue(ctx, lackKey{}, &lack{})
}

// lackOf returns what to say of a page that lacks something, "" if none does.
func lackOf(ctx context.Context) string {
	if l, ok := ctx.Value(lackKey{}).(*lack); ok && l.measured.Load() {
		return "The series store does not answer: what was measured is missing from this page."
	}
	return ""
}

// measuredIf reads what was measured for a page that is of use without it.
func (s *Site) measuredIf(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	return ifThere(ctx, s, func(ctx context.Context) ([]barograph.SeriesPoints, error) { return s.Samples.Select(ctx, q) })
}

// ifThere asks the series store for what a page is of use without. While the store
// is away, or takes longer than anybody waits, there is nothing, which the page
// then says; it asks no second time.
func ifThere[T any](ctx context.Context, s *Site, read func(context.Context) (T, error)) (T, error) {
	var nothing T
	l, ok := ctx.Value(lackKey{}).(*lack)
	if !ok {
		return read(ctx)
	}
	if l.measured.Load() {
		return nothing, nil
	}
	patience, level := storyTimeout, slog.LevelWarn
	if s.stations.lately(ctx, 0)["series_store"] != "" { // as the log says already
		patience, level = awayTimeout, slog.LevelDebug
	}
	patient, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %s", patience))
	defer cancel()
	found, err := read(patient)
	if err == nil || ctx.Err() != nil {
		return found, err
	}
	if patient.Err() == nil && barograph.KindOf(err) != barograph.KindUnavailable && !errors.Is(err, context.DeadlineExceeded) {
		return nothing, err
	}
	l.measured.Store(true)
	s.Logger.Log(ctx, level, "a page goes without what was measured", "error", err)
	return nothing, nil
}
