package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/promremote"
	"github.com/barograph/barograph/internal/spooled"
)

// remoteStore is a store on another machine, and the spool before it: samples
// may wait there, which a reader doesn't see yet.
type remoteStore struct {
	seriesStore

	spool *spooled.Writer
}

// Write stores the samples, or spools them while the store is away.
func (s remoteStore) Write(ctx context.Context, samples []barograph.Sample) error {
	return s.spool.Write(ctx, samples)
}

// Healthy says whether the store is well, and what waits for it if it isn't.
func (s remoteStore) Healthy(ctx context.Context) error { return s.spool.Healthy(ctx) }

// openRemote opens a store that isn't embedded, and the spool before it.
func (a *App) openRemote() (seriesStore, error) {
	far, err := openFar(a.cfg.Store, farDeps{a.log, a.metrics, a.clock})
	if err != nil {
		return nil, err
	}
	a.life.onClose("series store", far.Close)
	spool, err := spooled.New(a.cfg.Store.Spool, spooled.Deps{
		Dir: filepath.Join(a.dir, "spool"), Store: far, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	a.life.onClose("spool", spool.Close)
	a.life.add("spool", spool.Run)
	return remoteStore{far, spool}, nil
}

// farDeps are what a store on another machine stands on here.
type farDeps struct {
	log     *slog.Logger
	metrics *metrics.Set
	clock   barograph.Clock
}

// openFar opens a store that isn't embedded.
func openFar(cfg StoreConfig, deps farDeps) (far seriesStore, err error) {
	switch cfg.Engine {
	case EngineInfluxDB:
		far, err = influx.New(cfg.InfluxDB, influx.Deps{Log: deps.log, Metrics: deps.metrics})
	case EnginePrometheus:
		far, err = promremote.New(cfg.Prometheus, promremote.Deps{Metrics: deps.metrics, Clock: deps.clock})
	case EngineEmbedded:
		err = fmt.Errorf("%s is no remote store", cfg.Engine)
	default:
		err = fmt.Errorf("unknown engine %q", cfg.Engine)
	}
	if err != nil {
		return nil, fmt.Errorf("open series store: %w", err)
	}
	return far, nil
}
