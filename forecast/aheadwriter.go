package forecast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// AheadStore is a series store that takes samples of the future, and lets go of
// them again.
type AheadStore interface {
	barograph.SampleWriter
	barograph.SeriesLister
	// DeleteFrom deletes what the series, and those with more labels, have from
	// the time on.
	DeleteFrom(ctx context.Context, series barograph.Series, from time.Time) error
}

// AheadWriter keeps the curves of all open predictions in a store ahead of now,
// so that whoever reads that store sees the future as well: the series that
// AheadSamples gives. A curve is written when its prediction opens, when that is
// updated and every hour. Its points lie on the rule's grid: a newer curve takes
// the place of the older. When a prediction ends, what lies ahead of now is
// deleted; what was expected until then stays.
//
// What is in the store when it starts is taken for written by an earlier run.
type AheadWriter struct {
	curves *Curves
	open   Predictions
	ours   func(barograph.RuleID) bool
	store  AheadStore
	deps   Deps

	known map[string]*aheadKnown // by the series without its quantile; nil: not yet asked for

	written, deleted, failed *metrics.Counter
}

// aheadKnown is a curve in the store.
type aheadKnown struct {
	series barograph.Series // without the quantile
	at     time.Time        // when it was written; zero: by an earlier run
	told   time.Time        // the announcement that it followed
}

const (
	aheadLook  = 15 * time.Second // how often it is seen what is open
	aheadEvery = time.Hour        // how often the curve of an open prediction is written at least
)

// NewAheadWriter returns what writes the curves of predictions into the store:
// of open, which lists those of all servers that share it, it writes those of
// our rules, and deletes what belongs to none.
func NewAheadWriter(curves *Curves, open Predictions, ours func(barograph.RuleID) bool, store AheadStore, deps Deps) *AheadWriter {
	return &AheadWriter{
		curves: curves, open: open, ours: ours, store: store, deps: deps,
		written: deps.Metrics.NewCounter("barograph_curves_ahead_written_total"),
		deleted: deps.Metrics.NewCounter("barograph_curves_ahead_deleted_total"),
		failed:  deps.Metrics.NewCounter("barograph_curves_ahead_failed_total"),
	}
}

// Run works until ctx ends; it returns nil. While the store is away it tries
// again at its next look.
func (w *AheadWriter) Run(ctx context.Context) error {
	ticks, stop := w.deps.Clock.Ticker(aheadLook)
	defer stop()
	for {
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.failed.Inc()
			w.deps.Log.WarnContext(ctx, "curves ahead of now are not written", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

// round makes the store hold the curves of what is open now. What goes wrong with
// one of them is logged and costs no other.
func (w *AheadWriter) round(ctx context.Context) error {
	now := w.deps.Clock.Now()
	open, err := w.open.Predictions(ctx, barograph.PredictionFilter{State: barograph.PredictionOpen}, barograph.Page{Limit: curvesKept})
	if err != nil {
		return fmt.Errorf("list open predictions: %w", err)
	}
	if w.known == nil {
		if err := w.recall(ctx, now); err != nil {
			return err
		}
	}
	wanted := make(map[string]barograph.Prediction, len(open))
	for _, p := range open {
		wanted[aheadOf(p).String()] = p
	}
	for _, key := range slices.Sorted(maps.Keys(w.known)) {
		if _, ok := wanted[key]; ok {
			continue
		}
		if err := w.forget(ctx, key, now); err != nil {
			w.logFailure(ctx, err)
		}
	}
	return w.writeDue(ctx, wanted, now)
}

// logFailure is for one curve, which is tried again at the next look.
func (w *AheadWriter) logFailure(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	w.failed.Inc()
	w.deps.Log.WarnContext(ctx, "curve ahead of now is not as it should be", "error", err)
}

// aheadOf returns the series that the curve of a prediction is written to, but
// for the quantile.
func aheadOf(p barograph.Prediction) barograph.Series {
	one := aheadSeries(barograph.Rule{Name: p.RuleName}, p.Series, nightLevel)[0]
	one.Labels = one.Labels.With("quantile", "")
	return one
}

// recall takes note of what an earlier run wrote.
func (w *AheadWriter) recall(ctx context.Context, now time.Time) error {
	found, _, err := w.store.Series(ctx, barograph.SeriesQuery{
		Selector: barograph.Selector{Metric: AheadMetric}, From: now, To: now.Add(2 * barograph.MaxHorizon),
	})
	if err != nil {
		return fmt.Errorf("list the curves ahead of now: %w", err)
	}
	w.known = map[string]*aheadKnown{}
	for _, s := range found {
		s.Labels = s.Labels.With("quantile", "")
		w.known[s.String()] = &aheadKnown{series: s}
	}
	return nil
}

// forget deletes what lies ahead of a prediction that has ended.
func (w *AheadWriter) forget(ctx context.Context, key string, now time.Time) error {
	gone := w.known[key].series
	if err := w.store.DeleteFrom(ctx, gone, now); err != nil {
		return fmt.Errorf("delete %s of a prediction that has ended: %w", gone, err)
	}
	delete(w.known, key)
	w.deleted.Inc()
	for _, other := range w.known { // it may have gone with it
		if holds(other.series.Labels, gone.Labels) {
			other.at = time.Time{}
		}
	}
	return nil
}

// holds reports whether all of some labels are among the others.
func holds(all, some barograph.Labels) bool {
	for _, l := range some {
		if all.Get(l.Name) != l.Value {
			return false
		}
	}
	return true
}

// writeDue writes the curves that are new, or an hour old. One that can't be
// made or that the store fails on costs no other; the store being away ends the
// round.
func (w *AheadWriter) writeDue(ctx context.Context, wanted map[string]barograph.Prediction, now time.Time) error {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		p := wanted[key]
		if !w.ours(p.RuleID) {
			continue
		}
		if k := w.known[key]; k != nil && now.Sub(k.at) < aheadEvery && k.told.Equal(p.Latest.At) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		samples, err := w.samples(ctx, p, now)
		if err != nil {
			w.deps.Log.DebugContext(ctx, "no curve for a prediction", "prediction", p.ID, "error", err)
			continue
		}
		if err := w.store.Write(ctx, samples); err != nil {
			err = fmt.Errorf("write the curve of prediction %s: %w", p.ID, err)
			if barograph.KindOf(err) == barograph.KindUnavailable {
				return err
			}
			w.logFailure(ctx, err)
			if _, isPartial := errors.AsType[*barograph.PartialError](err); !isPartial {
				continue
			}
			// The rest of it is there; what was refused stays so for as long.
		}
		w.known[key] = &aheadKnown{series: aheadOf(p), at: now, told: p.Latest.At}
		w.written.Inc()
	}
	return nil
}

// samples returns the part of a prediction's curve that lies ahead.
func (w *AheadWriter) samples(ctx context.Context, p barograph.Prediction, now time.Time) ([]barograph.Sample, error) {
	curve, err := w.curves.Curve(ctx, p.RuleID, p.Series, nightLevel)
	if err != nil {
		return nil, err
	}
	all := AheadSamples(barograph.Rule{Name: p.RuleName}, p.Series, curve)
	return slices.DeleteFunc(all, func(s barograph.Sample) bool { return s.UnixMilli <= now.UnixMilli() }), nil
}
