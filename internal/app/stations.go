package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/agent"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/api"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/bus"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/manage"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/shares"
	"github.com/barograph/barograph/internal/telemetry"
	"github.com/barograph/barograph/probes"
)

// openDatabase opens the config database. A server of its own is waited for; a
// file that can't be opened now is somebody's mistake.
func (a *App) openDatabase(ctx context.Context) (db *configdb.DB, err error) {
	open := func(ctx context.Context) error {
		db, err = configdb.Open(ctx, a.cfg.Database, configdb.Deps{Dir: a.dir, Clock: a.clock, Log: a.log, Metrics: a.metrics})
		return err
	}
	if a.cfg.Database.URL == "" {
		err = open(ctx)
	} else {
		err = a.patiently(ctx, open)
	}
	if err != nil {
		return nil, err
	}
	a.life.onClose("config database", db.Close)
	return db, nil
}

func (a *App) openBus() (*bus.Bus, error) {
	events, err := bus.Open(a.cfg.Bus, bus.Deps{Dir: filepath.Join(a.dir, "bus"), Log: a.log, Metrics: a.metrics})
	if err != nil {
		return nil, err
	}
	a.life.onClose("bus", events.Close)
	return events, nil
}

// senders are those who carry events away.
type senders struct {
	relay      *alerting.Relay
	dispatcher *alerting.Dispatcher
}

// wake says that there are new events.
func (s senders) wake() {
	s.relay.Wake()
	s.dispatcher.Wake()
}

func (a *App) addDelivery(db *configdb.DB, events *bus.Bus, curves *forecast.Curves) (senders, error) {
	instance, err := instanceID(a.dir, time.Now())
	if err != nil {
		return senders{}, err
	}
	notifiers, err := alerting.NewNotifiers(a.cfg.Delivery, alerting.NotifierDeps{Curves: curves, Clock: a.clock, Log: a.log})
	if err != nil {
		return senders{}, err
	}
	relay := alerting.NewRelay(db, events, a.log, a.metrics)
	dispatcher, err := alerting.NewDispatcher(a.cfg.Delivery, db, notifiers, alerting.DispatcherDeps{
		Instance: instance, Recorded: relay.Wake, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return senders{}, err
	}
	a.life.add("dispatcher", dispatcher.Run)
	a.life.add("relay", relay.Run)
	return senders{relay, dispatcher}, nil
}

// addWatchdog adds who tries out the whole way of an event all the time.
func (a *App) addWatchdog(engine *alerting.Engine, events *bus.Bus) (*alerting.Watchdog, error) {
	client, err := a.cfg.Delivery.GuardedClient(alerting.Reach{})
	if err != nil {
		return nil, err
	}
	w, err := alerting.NewWatchdog(a.cfg.Delivery.Watchdog, alerting.WatchdogDeps{
		Announcer: engine, Subscriber: events, Client: client, Clock: a.clock, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	a.life.add("watchdog", w.Run)
	return w, nil
}

func (a *App) addAlerting(ctx context.Context, db sharedDatabase, store seriesStore, recorded func()) (*alerting.Engine, error) {
	changes, stopChanges := db.Changes()
	a.life.onClose("changes", func() error { stopChanges(); return nil })
	engine, err := alerting.NewEngine(ctx, a.cfg.Alerting, alerting.EngineOptions{
		Store: db, Reader: store, Changes: changes, Shares: db.shares,
		Clock: a.clock, Log: a.log, Metrics: a.metrics, Recorded: recorded,
	})
	if err != nil {
		return nil, err
	}
	a.life.add("alerting", engine.Run)
	return engine, nil
}

// calibrator adds who learns from closed predictions, and knows what there is to
// learn by now.
func (a *App) calibrator(ctx context.Context, db *configdb.DB, deps forecast.Deps) (*forecast.Calibrations, error) {
	c := forecast.NewCalibrations(db, db, deps)
	if err := c.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("learn from earlier predictions: %w", err)
	}
	a.life.add("calibration", c.Run)
	a.life.add("scoreboard", forecast.NewScoreboard(db, deps).Run)
	return c, nil
}

func (a *App) addForecast(ctx context.Context, db sharedDatabase, store seriesStore, writer judgedWriter, sink forecast.Sink) (*forecast.Forecaster, error) {
	deps := forecast.Deps{Clock: a.clock, Log: a.log, Metrics: a.metrics}
	learnt, err := a.calibrator(ctx, db.DB, deps)
	if err != nil {
		return nil, err
	}
	deps.Calibrator = learnt
	changes, stopChanges := db.shares.Changes()
	a.life.onClose("changes of shares", func() error { stopChanges(); return nil })
	deps.Wake = changes
	f, err := forecast.New(a.cfg.Forecast, sharedRules{db}, store, writer, sink, deps)
	if err != nil {
		return nil, err
	}
	a.life.add("forecast", f.Run)
	return f, nil
}

func (a *App) addCurves(db sharedDatabase, store seriesStore) (*forecast.Curves, error) {
	c, err := forecast.NewCurves(a.cfg.Forecast, db, sharedPredictions{db}, store, forecast.Deps{Clock: a.clock, Log: a.log, Metrics: a.metrics})
	if err != nil {
		return nil, err
	}
	a.life.add("curves", c.Run)
	return c, nil
}

// addAhead adds who writes curves ahead of now, where the store takes the future.
func (a *App) addAhead(db sharedDatabase, curves *forecast.Curves, store seriesStore) {
	remote, ok := store.(remoteStore)
	if !ok {
		return
	}
	future, ok := remote.seriesStore.(forecast.AheadStore)
	if !ok {
		return
	}
	ours := func(id barograph.RuleID) bool { return db.shares.HoldsID(string(id)) }
	deps := forecast.Deps{Clock: a.clock, Log: a.log, Metrics: a.metrics}
	a.life.add("curves ahead", forecast.NewAheadWriter(curves, db.DB, ours, future, deps).Run)
}

func (a *App) addIngest(writer judgedWriter, db *configdb.DB) (*ingest.Ingest, error) {
	in, err := ingest.New(a.cfg.Ingest, ingest.Options{
		Writer: writer, Hosts: db, Clock: a.clock, Log: a.log, Metrics: a.metrics, Problem: api.NewProblemWriter(a.clock, a.log),
	})
	if err != nil {
		return nil, err
	}
	a.life.add("ingest", in.Run)
	return in, nil
}

// addSources adds who fetches the series of rules that name a source.
func (a *App) addSources(db sharedDatabase, store seriesStore, writer judgedWriter) (*ingest.Sources, error) {
	s, err := ingest.NewSources(a.cfg.Sources, ingest.SourceOptions{
		Rules: sharedRules{db}, All: db.DB, Writer: writer, Reader: store,
		Past: func(rule barograph.Rule) (span, step time.Duration) {
			g := forecast.NewGrid(rule)
			return time.Duration(g.History) * g.Step, g.Step
		},
		Clock: a.clock, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	a.life.add("sources", s.Run)
	return s, nil
}

func (a *App) addProbes(db sharedDatabase, writer judgedWriter) (*probes.Scheduler, error) {
	p, err := probes.New(a.cfg.Probes, sharedTargets{db}, writer, probes.Deps{
		Probers: probes.NewProbers(a.cfg.Probes, probes.Env{Clock: a.clock}), Clock: a.clock, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return nil, err
	}
	a.life.add("probes", p.Run)
	return p, nil
}

// parts are what a server is made of.
type parts struct {
	store      seriesStore
	embedded   *promtsdb.Store // the same, nil if it is another
	db         *configdb.DB
	servers    *shares.Shares
	ours       sharedDatabase // db, of which servers says what is this server's
	events     *bus.Bus
	senders    senders
	engine     *alerting.Engine
	watchdog   *alerting.Watchdog
	writer     judgedWriter
	forecaster *forecast.Forecaster
	curves     *forecast.Curves
	in         *ingest.Ingest
	sources    *ingest.Sources
	prober     *probes.Scheduler
	manage     *manage.Manage
}

// stations returns who says of each station whether it works.
func (p *parts) stations() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"series_store": p.store.Healthy, "config_database": p.db.Healthy, "servers": p.servers.Healthy, "bus": p.events.Healthy,
		"relay": p.senders.relay.Healthy, "dispatcher": p.senders.dispatcher.Healthy, "watchdog": p.watchdog.Healthy,
		"alerting": p.engine.Healthy, "forecast": p.forecaster.Healthy, "ingest": p.in.Healthy, "probes": p.prober.Healthy,
	}
}

// newManage returns what people do, for all who let them.
func (a *App) newManage(p *parts) (*manage.Manage, error) {
	return manage.New(manage.Options{
		Hosts: p.db, HostKeys: p.db, Checks: p.db, Targets: p.db,
		Rules: p.db, Sources: p.sources, Restorer: p.engine,
		Backtester:    newBacktester(p.store, a.cfg.Forecast, a.cfg.Alerting, a.clock),
		Subscriptions: p.db, Channels: a.cfg.Delivery, Secrets: p.db, Endpoints: p.senders.dispatcher,
		Events: p.db, Replayer: alerting.NewReplayer(p.db, a.clock, p.senders.wake),
		Silences: p.db, Warnings: p.db, Acknowledger: p.engine, Tokens: p.db,
		NewWebhookSecret: alerting.NewWebhookSecret, Clock: a.clock, Logger: a.log,
	})
}

func (a *App) newAPI(p *parts) (*api.API, error) {
	copies, err := a.newBackups(p.db, p.store)
	if err != nil {
		return nil, err
	}
	others := peers{p.servers, p.events}
	forecasts, sources := wholeForecasts{others, p.forecaster}, wholeSources{p.sources, others}
	a.addAnswers(others, p.events, forecasts, sources)
	return api.New(api.Options{
		Config: a.cfg.API,
		Manage: p.manage,
		Hosts:  p.db, Seen: p.db, Checks: p.db, Targets: p.db, Rules: p.db, Sources: sources, Series: p.store,
		Subscriptions: p.db, Deliveries: p.db, Silences: p.db, Audit: p.db, Events: p.db, Predictions: p.db,
		Forecasts: forecasts, Curves: p.curves, Scorecards: p.db, Tokens: p.db, Keys: p.db,
		Subscriber: p.events, ShellEquivalent: agent.Equivalent,
		Submit: p.in.Submit(), Samples: p.in.Samples(), LineProtocol: p.in.LineProtocol(), RemoteWrite: p.in.RemoteWrite(),
		PromQL: a.promQL(p.embedded, p.db, p.curves), Metrics: telemetry.MetricsHandler(a.metrics),
		Backups: copies, Stations: p.stations(),
		Clock: a.clock, Logger: a.log, Set: a.metrics,
	})
}
