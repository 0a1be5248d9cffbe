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
	Bare    bool
	Version string // of the program, as pages show it
}

// App is a server.
type App struct {
	cfg     Config
	dir     string
	bare    bool
	version string
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
		cfg: opts.Config, dir: opts.Dir, bare: opts.Bare, version: opts.Version, clock: opts.Clock, log: opts.Log, metrics: metrics.NewSet(),
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

// setUp builds the server, step by step, in the order in which each needs those
// before it. Every part registers how it is undone at once.
func (a *App) setUp(ctx context.Context) error {
	if err := a.takeDir(); err != nil {
		return err
	}
	var p parts
	firstStart, err := a.openAll(ctx, &p)
	if err != nil {
		return err
	}
	if err := a.addForesight(ctx, &p); err != nil {
		return err
	}
	if err := a.addIntake(&p); err != nil {
		return err
	}
	if err := a.addAnswering(ctx, &p); err != nil {
		return err
	}
	if err := a.announce(ctx, p.db); err != nil {
		return err
	}
	if firstStart { // last of all: a token of a start that failed would never be shown
		return a.createAdminToken(ctx, p.db)
	}
	return nil
}

// openAll opens what the server works on: the series store, the database, with
// its share of the work there, and the bus.
func (a *App) openAll(ctx context.Context, p *parts) (firstStart bool, err error) {
	if p.store, p.embedded, err = a.openStore(); err != nil { //nolint:contextcheck // its opening is not to be broken off: it repairs what a crash left
		return false, err
	}
	if p.db, err = a.openDatabase(ctx); err != nil {
		return false, err
	}
	if p.servers, err = a.joinServers(ctx, p.db); err != nil {
		return false, err
	}
	p.ours = sharedDatabase{p.db, p.servers}
	a.life.add("janitor", janitor{p.db, p.servers, a.cfg.EventsRetention.Std(), a.clock, a.log}.run)
	if firstStart, err = a.seed(ctx, p.db); err != nil {
		return false, err
	}
	p.events, err = a.openBus()
	return firstStart, err
}

// addForesight adds those who foresee, judge and tell.
func (a *App) addForesight(ctx context.Context, p *parts) (err error) {
	if p.curves, err = a.addCurves(p.ours, p.store); err != nil {
		return err
	}
	a.addAhead(p.ours, p.curves, p.store)
	if p.senders, err = a.addDelivery(p.db, p.events, p.curves); err != nil {
		return err
	}
	if p.engine, err = a.addAlerting(ctx, p.ours, p.store, p.senders.wake); err != nil {
		return err
	}
	if p.watchdog, err = a.addWatchdog(p.engine, p.events); err != nil {
		return err
	}
	p.writer = judgedWriter{p.store, p.engine}
	p.forecaster, err = a.addForecast(ctx, p.ours, p.store, p.writer, p.engine)
	return err
}

// addIntake adds those by whom samples come in.
func (a *App) addIntake(p *parts) (err error) {
	if p.in, err = a.addIngest(p.writer, p.db); err != nil {
		return err
	}
	if p.sources, err = a.addSources(p.ours, p.store, p.writer); err != nil {
		return err
	}
	p.prober, err = a.addProbes(p.ours, p.writer)
	return err
}

// addAnswering adds those who show what the others do, and the agent, which asks.
func (a *App) addAnswering(ctx context.Context, p *parts) (err error) {
	a.addSelfMetrics(p)
	if p.manage, err = a.newManage(p); err != nil {
		return err
	}
	handler, err := a.newAPI(p) //nolint:contextcheck // loading the embedded specification waits for nobody
	if err != nil {
		return err
	}
	site, err := a.addPages(p, handler)
	if err != nil {
		return err
	}
	if err := a.addHTTP(ctx, front{handler, site}); err != nil {
		return err
	}
	return a.addAgent(ctx, p.db)
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
