package app

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/promremote"
	"github.com/barograph/barograph/internal/promtsdb"
)

// seriesStore is what every series store offers.
type seriesStore interface {
	barograph.SampleWriter
	barograph.SampleReader
	barograph.SeriesLister
	Healthy(ctx context.Context) error
	Close() error
}

var (
	_ seriesStore = (*promtsdb.Store)(nil)
	_ seriesStore = (*influx.Store)(nil)
	_ seriesStore = (*promremote.Store)(nil)
	_ seriesStore = remoteStore{}
)

// openStore opens the series store that the configuration names, and returns
// with it the embedded one, nil if it is another.
func (a *App) openStore() (store seriesStore, embedded *promtsdb.Store, err error) {
	if a.cfg.Store.Engine != EngineEmbedded {
		store, err = a.openRemote()
		return store, nil, err
	}
	embedded, err = promtsdb.Open(a.cfg.Store.Embedded, promtsdb.Deps{
		Dir: filepath.Join(a.dir, "series"), Logger: a.log, Metrics: a.metrics, Clock: a.clock,
	})
	if err != nil {
		return nil, nil, err
	}
	a.life.onClose("series store", embedded.Close)
	return embedded, embedded, nil
}

// promQL returns the PromQL API of the embedded store, nil without one.
func (a *App) promQL(embedded *promtsdb.Store, db *configdb.DB, curves *forecast.Curves) http.Handler {
	if embedded == nil {
		return nil
	}
	return embedded.Handler(promtsdb.HandlerDeps{
		Ahead: forecast.NewAhead(curves, db, embedded), AheadMetric: forecast.AheadMetric,
		Rules: db, Warnings: db, Interval: a.cfg.Forecast.Interval.Std(),
	})
}

// judgedWriter lets the engine see every sample that was stored. It is the one
// way into the store, so that a limit crossed is noticed as it is written.
type judgedWriter struct {
	store barograph.SampleWriter
	judge judge
}

// judge is told of samples that were stored.
type judge interface {
	Observe(samples []barograph.Sample)
}

var (
	_ barograph.SampleWriter = judgedWriter{}
	_ judge                  = (*alerting.Engine)(nil)
)

// Write stores the samples, then has those judged that were stored.
func (w judgedWriter) Write(ctx context.Context, samples []barograph.Sample) error {
	err := w.store.Write(ctx, samples)
	if err == nil {
		w.judge.Observe(samples)
		return nil
	}
	if partial, ok := errors.AsType[*barograph.PartialError](err); ok {
		w.judge.Observe(without(samples, partial.Rejected))
	}
	return err
}

// without returns the samples that were not rejected.
func without(samples []barograph.Sample, rejected []barograph.Rejection) []barograph.Sample {
	kept := make([]barograph.Sample, 0, len(samples)-len(rejected))
	next := 0
	for i, s := range samples {
		if next < len(rejected) && rejected[next].Index == i {
			next++
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
