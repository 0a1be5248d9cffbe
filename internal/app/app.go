// Package app puts the server together. It is the only package that knows
// everybody; what it knows is who needs whom, and in which order they start
// and stop.
//
//	a, err := app.New(ctx, app.Options{Config: cfg, Dir: "barograph-data", …})
//	defer a.Close()
//	err = a.Run(ctx) // until ctx ends
//
// It guarantees that one server at most works on a data directory, that a
// start that fails leaves nothing open, and that everything stops in the
// reverse order of its start: whoever is still working has what it works with.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
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
	bare    bool
	clock   barograph.Clock
	log     *slog.Logger
	metrics *metrics.Set
	life    lifecycle

	listener    net.Listener
	certificate *tls.Certificate // nil: plain HTTP
	adminToken  barograph.Secret
}

// New opens everything that the server works with and binds its address, so
// that whatever can fail has failed before Run. Close it in any case.
func New(ctx context.Context, opts Options) (*App, error) {
	if err := opts.Config.Validate(); err != nil {
		return nil, err
	}
	if err := opts.Config.CheckFiles(); err != nil {
		return nil, err
	}
	a := &App{
		cfg: opts.Config, dir: opts.Dir, bare: opts.Bare, clock: opts.Clock, log: opts.Log, metrics: metrics.NewSet(),
		life: lifecycle{log: opts.Log},
	}
	if a.clock == nil {
		a.clock = barograph.WallClock{}
	}
	if err := a.setUp(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// setUp builds the server, one station after the other, in the order in which
// each needs those before it. Each registers how it is undone at once.
func (a *App) setUp(ctx context.Context) error {
	if err := a.takeDir(); err != nil {
		return err
	}
	store, embedded, err := a.openStore() //nolint:contextcheck // its opening is not to be broken off: it repairs what a crash left
	if err != nil {
		return err
	}
	db, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	held, err := a.joinServers(ctx, db)
	if err != nil {
		return err
	}
	ours := sharedDatabase{db, held}
	a.life.add("janitor", janitor{db, held, a.cfg.EventsRetention.Std(), a.clock, a.log}.run)
	firstStart, err := a.seed(ctx, db)
	if err != nil {
		return err
	}
	events, err := a.openBus()
	if err != nil {
		return err
	}
	curves, err := a.addCurves(ours, store)
	if err != nil {
		return err
	}
	a.addAhead(ours, curves, store)
	senders, err := a.addDelivery(db, events, curves)
	if err != nil {
		return err
	}
	engine, err := a.addAlerting(ctx, ours, store, senders.wake)
	if err != nil {
		return err
	}
	watchdog, err := a.addWatchdog(engine, events)
	if err != nil {
		return err
	}
	writer := judgedWriter{store, engine}
	forecaster, err := a.addForecast(ctx, ours, store, writer, engine)
	if err != nil {
		return err
	}
	in, err := a.addIngest(writer, db)
	if err != nil {
		return err
	}
	sources, err := a.addSources(ours, store, writer)
	if err != nil {
		return err
	}
	prober, err := a.addProbes(ours, writer)
	if err != nil {
		return err
	}
	all := parts{store, a.promQL(embedded, db, curves), db, held, events, senders, engine, watchdog, forecaster, curves, in, sources, prober}
	a.addSelfMetrics(all, writer)
	handler, err := a.newAPI(all) //nolint:contextcheck // loading the embedded specification waits for nobody
	if err != nil {
		return err
	}
	if err := a.addHTTP(ctx, handler); err != nil {
		return err
	}
	if err := a.addAgent(ctx, db); err != nil {
		return err
	}
	if err := a.announce(ctx, db); err != nil {
		return err
	}
	if firstStart { // last of all: a token of a start that failed would never be shown
		return a.createAdminToken(ctx, db)
	}
	return nil
}

// takeDir makes the data directory and keeps other servers out of it.
func (a *App) takeDir() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	unlock, err := lockDir(a.dir)
	if err != nil {
		return err
	}
	a.life.onClose("lock", unlock)
	return nil
}

// AdminToken returns the first token, and "" on every start but the first.
func (a *App) AdminToken() barograph.Secret { return a.adminToken }

// Run works until ctx ends or a station fails. It returns when all have stopped.
func (a *App) Run(ctx context.Context) error { return a.life.run(ctx) }

// Close lets go of everything. Calling it again does nothing.
func (a *App) Close() error { return a.life.close() }
