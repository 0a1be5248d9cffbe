package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/promtsdb"
)

// seriesStore is what every series store offers.
type seriesStore interface {
	barograph.SampleWriter
	barograph.SampleReader
	Healthy(ctx context.Context) error
	Close() error
}

var (
	_ seriesStore = (*promtsdb.Store)(nil)
	_ seriesStore = (*influx.Store)(nil)
)

// openStore opens the series store that the configuration names, and returns
// with it the PromQL handler where the store has one.
func (a *App) openStore() (store seriesStore, promQL http.Handler, err error) {
	switch engine := a.cfg.Store.Engine; engine {
	case EngineEmbedded:
		s, err := promtsdb.Open(a.cfg.Store.Embedded, promtsdb.Deps{
			Dir: filepath.Join(a.dir, "series"), Logger: a.log, Metrics: a.metrics, Clock: a.clock,
		})
		if err != nil {
			return nil, nil, err
		}
		store, promQL = s, s.Handler()
	case EngineInfluxDB:
		if store, err = influx.New(a.cfg.Store.InfluxDB, influx.Deps{Metrics: a.metrics}); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, fmt.Errorf("open series store: unknown engine %q", engine)
	}
	a.life.onClose("series store", store.Close)
	return store, promQL, nil
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
