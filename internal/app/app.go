// Package app puts the server together. It is the only package that knows
// everybody; what it knows is who needs whom, and in which order they start
// and stop.
//
//	a, err := app.New(ctx, app.Options{Config: cfg, Dir: "barograph-data", …})
//	defer a.Close()
//	err = a.Run(ctx) // until ctx ends
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/telemetry"
	"github.com/barograph/barograph/probes"
)

// Options are what a server is started with.
type Options struct {
	Config Config
	Dir    string          // data directory; made if it is missing
	Clock  barograph.Clock // nil: the wall clock
	Log    *slog.Logger
	// Bare leaves out the default targets, and the built-in agent: the demo
	// brings its own fleet.
	Bare bool
}

// App is a server.
type App struct {
	cfg     Config
	dir     string
	clock   barograph.Clock
	log     *slog.Logger
	metrics *metrics.Set
	life    lifecycle

	listener   net.Listener
	adminToken barograph.Secret
}

// New opens everything that the server works with and binds its address, so
// that whatever can fail has failed before Run. Close it in any case.
func New(ctx context.Context, opts Options) (*App, error) {
	if err := opts.Config.Validate(); err != nil {
		return nil, err
	}
	a := &App{
		cfg: opts.Config, dir: opts.Dir, clock: opts.Clock, log: opts.Log, metrics: metrics.NewSet(),
		life: lifecycle{log: opts.Log},
	}
	if a.clock == nil {
		a.clock = barograph.WallClock{}
	}
	if err := a.setUp(ctx, opts.Bare); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// setUp builds the server, one station after the other, in the order in which
// each needs those before it.
func (a *App) setUp(ctx context.Context, bare bool) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	store, promQL, err := a.openStore()
	if err != nil {
		return err
	}
	a.life.onClose("series store", store.Close)

	db, err := configdb.Open(ctx, a.cfg.Database, configdb.Deps{Dir: a.dir, Clock: a.clock, Log: a.log, Metrics: a.metrics})
	if err != nil {
		return err
	}
	a.life.onClose("config database", db.Close)
	if err := a.seed(ctx, db, bare); err != nil {
		return err
	}
	a.life.add("janitor", janitor{db, a.cfg.EventsRetention.Std(), a.clock, a.log}.run)

	events, err := bus.Open( //nolint:contextcheck // the bus outlives the start
		a.cfg.Bus, bus.Deps{Dir: filepath.Join(a.dir, "bus"), Log: a.log, Metrics: a.metrics})
	if err != nil {
		return err
	}
	a.life.onClose("bus", events.Close)

	wakeSenders, err := a.setUpDelivery(db, events)
	if err != nil {
		return err
	}
	changes, stopChanges := db.Changes()
	a.life.onClose("changes", func() error { stopChanges(); return nil })
	engine, err := alerting.NewEngine(ctx, a.cfg.Alerting, alerting.EngineOptions{
		Store: db, Reader: store, Changes: changes, Clock: a.clock, Log: a.log, Metrics: a.metrics, Recorded: wakeSenders,
	})
	if err != nil {
		return err
	}
	a.life.add("alerting", engine.Run)
	writer := judgedWriter{store, engine}

	forecaster, err := forecast.New(a.cfg.Forecast, db, store, writer, engine, forecast.Deps{Clock: a.clock, Log: a.log, Metrics: a.metrics})
	if err != nil {
		return err
	}
	a.life.add("forecast", forecaster.Run)

	in, err := ingest.New(a.cfg.Ingest, ingest.Options{
		Writer: writer, Hosts: db, Clock: a.clock, Log: a.log, Metrics: a.metrics, Problem: api.NewProblemWriter(a.clock, a.log),
	})
	if err != nil {
		return err
	}
	a.life.add("ingest", in.Run)

	prober, err := probes.New(a.cfg.Probes, db, writer, probes.Deps{
		Probers: probes.NewProbers(a.cfg.Probes, probes.Env{Clock: a.clock}), Clock: a.clock, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	a.life.add("probes", prober.Run)

	handler, err := api.New(api.Options{ //nolint:contextcheck // loading the embedded specification waits for nobody
		Config: a.cfg.API,
		Hosts:  db, HostKeys: db, Checks: db, Targets: db, Rules: db, Subscriptions: db, Events: db,
		Predictions: db, Forecasts: forecaster, Scorecards: db, Tokens: db, Keys: db,
		Subscriber: events, NewWebhookSecret: alerting.NewWebhookSecret, ShellEquivalent: agent.Equivalent,
		Submit: in.Submit(), Samples: in.Samples(), LineProtocol: in.LineProtocol(),
		PromQL: promQL, Metrics: telemetry.MetricsHandler(a.metrics),
		Stations: map[string]func(context.Context) error{
			"series_store": store.Healthy, "config_database": db.Healthy, "bus": events.Healthy,
		},
		Clock: a.clock, Logger: a.log, Set: a.metrics,
	})
	if err != nil {
		return err
	}
	if err := a.listen(ctx, handler); err != nil {
		return err
	}
	if a.cfg.Agent.Enabled && !bare {
		return a.setUpAgent(ctx, db)
	}
	return nil
}

// setUpDelivery adds those who send events, and returns what wakes them.
func (a *App) setUpDelivery(db *configdb.DB, events *bus.Bus) (wake func(), err error) {
	notifiers, err := alerting.NewNotifiers(a.cfg.Delivery, alerting.Reach{})
	if err != nil {
		return nil, err
	}
	dispatcher, err := alerting.NewDispatcher(a.cfg.Delivery, db, notifiers, alerting.DispatcherDeps{Log: a.log, Metrics: a.metrics})
	if err != nil {
		return nil, err
	}
	relay := alerting.NewRelay(db, events, a.log, a.metrics)
	a.life.add("dispatcher", dispatcher.Run)
	a.life.add("relay", relay.Run)
	return func() {
		relay.Wake()
		dispatcher.Wake()
	}, nil
}

// listen binds the address and adds the HTTP server.
func (a *App) listen(ctx context.Context, handler *api.API) error {
	listener, err := api.Listen(ctx, a.cfg.Listen, a.cfg.API.MaxConnections)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; is another server running, or choose another address by listen: in the configuration", a.cfg.Listen, err)
	}
	a.listener = listener
	a.life.onClose("listener", func() error { return ignoreClosed(listener.Close()) })
	server := api.NewServer(handler)
	server.RegisterOnShutdown(handler.Close)
	a.life.add("http", func(ctx context.Context) error { return a.serve(ctx, server) })
	return nil
}

// serve answers requests until ctx ends, then lets those under way finish.
func (a *App) serve(ctx context.Context, server *http.Server) error {
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), stopTimeout/2, errors.New("requests under way took too long"))
		defer cancel()
		stopped <- server.Shutdown(last)
	}()
	var err error
	if a.cfg.TLS.CertFile != "" {
		err = server.ServeTLS(a.listener, a.cfg.TLS.CertFile, a.cfg.TLS.KeyFile)
	} else {
		err = server.Serve(a.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// URL returns the address of the server, as http://127.0.0.1:10130.
func (a *App) URL() string {
	scheme := "http"
	if a.cfg.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + a.listener.Addr().String()
}

// AdminToken returns the first token, and "" on every start but the first.
func (a *App) AdminToken() barograph.Secret { return a.adminToken }

// Run works until ctx ends or a station fails. It returns when all have stopped.
func (a *App) Run(ctx context.Context) error { return a.life.run(ctx) }

// Close lets go of everything. Calling it again does nothing.
func (a *App) Close() error { return a.life.close() }
