package alerting

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Store is what the engine needs of the database. Lists with an empty page are
// whole.
type Store interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Hosts(ctx context.Context, page barograph.Page) ([]barograph.Host, error)
	Predictions(ctx context.Context, f barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
	Breaches(ctx context.Context, f barograph.PredictionFilter, page barograph.Page) ([]barograph.Breach, error)
	Record(ctx context.Context, c barograph.Change) error
}

// EngineOptions are what an Engine works with.
type EngineOptions struct {
	Store   Store
	Reader  barograph.SampleReader // of the samples that Observe sees
	Changes <-chan struct{}        // receives when rules, subscriptions or hosts changed
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
	// Recorded is called after events were recorded, to wake whoever sends them.
	Recorded func()
}

// Engine judges samples and forecasts by the rules. Its methods may be called
// from many goroutines.
type Engine struct {
	cfg  Config
	opts EngineOptions
	seed maphash.Seed

	mu       sync.RWMutex // guards what reload replaces
	byMetric map[string][]*watches
	byRule   map[barograph.RuleID]*watches
	subs     []barograph.Subscription
	hosts    hostWatch

	queueMu sync.Mutex
	queue   []barograph.Change // not yet recorded, oldest first
	queued  chan struct{}

	events  *metrics.Counter
	samples *metrics.Counter
}

// NewEngine returns an engine that knows the present rules, and what was open
// when the server stopped.
func NewEngine(ctx context.Context, cfg Config, opts EngineOptions) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, opts: opts, seed: maphash.MakeSeed(),
		byMetric: map[string][]*watches{}, byRule: map[barograph.RuleID]*watches{},
		hosts: hostWatch{silentAfter: cfg.HostSilentAfter.Std(), started: opts.Clock.Now()}, queued: make(chan struct{}, 1),
		events:  opts.Metrics.NewCounter("barograph_events_recorded_total"),
		samples: opts.Metrics.NewCounter("barograph_samples_judged_total"),
	}
	if err := e.reload(ctx); err != nil {
		return nil, err
	}
	if err := e.restore(ctx); err != nil {
		return nil, err
	}
	e.catchUp(ctx)
	return e, nil
}

// Observe judges samples that were just written.
func (e *Engine) Observe(samples []barograph.Sample) {
	now := e.opts.Clock.Now()
	oldest := now.Add(-e.cfg.MaxSampleAge.Std())
	var out []transition
	judged := 0
	e.mu.RLock()
	var metric string
	var rules []*watches
	for i := range samples {
		s := &samples[i]
		if s.Series.Metric != metric {
			metric = s.Series.Metric
			rules = e.byMetric[metric]
		}
		if len(rules) == 0 {
			continue
		}
		at := s.Time()
		if at.Before(oldest) {
			continue
		}
		judged++
		for _, w := range rules {
			out = append(out, w.observe(s.Series, at, s.Value)...)
		}
	}
	e.enqueue(out)
	e.mu.RUnlock()
	e.samples.Add(judged)
}

// Forecasted judges forecasts of one rule. Forecasts of a rule that is gone or
// judges otherwise by now are dropped.
func (e *Engine) Forecasted(_ context.Context, rule barograph.Rule, fs []barograph.Forecast) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	w := e.byRule[rule.ID]
	if w == nil || !sameJudgement(w.rule, &rule) {
		return nil
	}
	e.enqueue(w.forecast(fs))
	return nil
}

// Run judges time and records what follows, until ctx ends; then it records
// what is left.
func (e *Engine) Run(ctx context.Context) error {
	ticks, stop := e.opts.Clock.Ticker(e.cfg.Interval.Std())
	defer stop()
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return e.recordLast(ctx)
		case <-e.queued:
			e.record(ctx)
		case <-retry.C:
			e.record(ctx)
		case <-e.opts.Changes:
			e.reloadOrLog(ctx)
		case <-ticks:
			e.reloadOrLog(ctx)
			e.tick(e.opts.Clock.Now())
			e.record(ctx)
		}
	}
}

// recordLast makes what was judged before the end durable.
func (e *Engine) recordLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Second, fmt.Errorf("recording the last events took more than 5 s"))
	defer cancel()
	e.record(ctx)
	return nil
}

func (e *Engine) tick(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.byRule {
		e.enqueue(w.tick(now, e.cfg.ForgetAfter.Std()))
	}
	e.push(e.changeOf(e.hosts.tick(now)))
}

// enqueue queues what people are told of the transitions. The caller holds mu.
func (e *Engine) enqueue(ts []transition) {
	if len(ts) == 0 {
		return
	}
	var c barograph.Change
	for _, t := range ts {
		if t.prediction != nil {
			c.Predictions = append(c.Predictions, *t.prediction)
		}
		if t.breach != nil {
			c.Breaches = append(c.Breaches, *t.breach)
		}
		c.Events = append(c.Events, eventOf(t))
	}
	e.push(e.withDeliveries(c))
}

// changeOf returns the change that records hosts' silences. The caller holds mu.
func (e *Engine) changeOf(silences []barograph.HostSilence, events []barograph.Event) barograph.Change {
	return e.withDeliveries(barograph.Change{Silences: silences, Events: events})
}

func (e *Engine) withDeliveries(c barograph.Change) barograph.Change {
	now := time.Now() // deliveries live by the wall clock, even in the demo
	for _, event := range c.Events {
		c.Deliveries = append(c.Deliveries, Deliveries(e.subs, event, now)...)
	}
	return c
}

func (e *Engine) push(c barograph.Change) {
	if len(c.Events) == 0 {
		return
	}
	e.queueMu.Lock()
	e.queue = append(e.queue, c)
	e.queueMu.Unlock()
	select {
	case e.queued <- struct{}{}:
	default:
	}
}

// record writes what is queued, in one transaction. What can't be written stays
// queued, in order.
func (e *Engine) record(ctx context.Context) {
	e.queueMu.Lock()
	batch := e.queue
	e.queue = nil
	e.queueMu.Unlock()
	if len(batch) == 0 {
		return
	}
	if err := e.opts.Store.Record(ctx, join(batch)); err != nil {
		e.opts.Log.ErrorContext(ctx, "events could not be recorded and will be tried again", "events", len(batch), "err", err)
		e.queueMu.Lock()
		e.queue = append(batch, e.queue...)
		e.queueMu.Unlock()
		return
	}
	for _, c := range batch {
		for _, event := range c.Events {
			e.events.Inc()
			e.opts.Log.InfoContext(ctx, string(event.Type), "summary", event.Data.Summary) //nolint:sloglint // the type is one of a dozen constants
		}
	}
	e.opts.Recorded()
}

func join(batch []barograph.Change) (all barograph.Change) {
	for _, c := range batch {
		all.Predictions = append(all.Predictions, c.Predictions...)
		all.Breaches = append(all.Breaches, c.Breaches...)
		all.Silences = append(all.Silences, c.Silences...)
		all.Events = append(all.Events, c.Events...)
		all.Deliveries = append(all.Deliveries, c.Deliveries...)
	}
	return all
}

func (e *Engine) reloadOrLog(ctx context.Context) {
	if err := e.reload(ctx); err != nil && ctx.Err() == nil {
		e.opts.Log.ErrorContext(ctx, "rules could not be read, the old ones stay in force", "err", err)
	}
}

// reload takes over the present rules, subscriptions and hosts.
func (e *Engine) reload(ctx context.Context) error {
	rules, err := e.opts.Store.Rules(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	subs, err := e.opts.Store.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read subscriptions: %w", err)
	}
	hosts, err := e.opts.Store.Hosts(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read hosts: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subs = subs
	now := e.opts.Clock.Now()
	for _, name := range e.hosts.replace(hosts) {
		e.withdrawHost(now, name)
	}
	e.replaceRules(now, rules)
	return nil
}

func (e *Engine) withdrawHost(now time.Time, name string) {
	for _, w := range e.byRule {
		e.enqueue(w.withdraw(now, "the host was removed", func(s barograph.Series) bool { return s.Labels.Get("host") == name }))
	}
}

func (e *Engine) replaceRules(now time.Time, rules []barograph.Rule) {
	present := map[barograph.RuleID]bool{}
	for _, rule := range rules {
		if !rule.Enabled {
			continue
		}
		present[rule.ID] = true
		w := e.byRule[rule.ID]
		switch {
		case w == nil:
			e.byRule[rule.ID] = newWatches(e.seed, rule)
		case sameJudgement(w.rule, &rule):
			w.replace(rule)
		default:
			e.enqueue(w.withdraw(now, "the rule was changed", everySeries))
			e.byRule[rule.ID] = newWatches(e.seed, rule)
		}
	}
	clear(e.byMetric)
	for id, w := range e.byRule {
		if !present[id] {
			e.enqueue(w.withdraw(now, "the rule was removed or disabled", everySeries))
			delete(e.byRule, id)
			continue
		}
		e.byMetric[w.rule.Series.Metric] = append(e.byMetric[w.rule.Series.Metric], w)
	}
}

func everySeries(barograph.Series) bool { return true }

// restore takes up the predictions and breaches that are open in the database;
// those of rules that are gone are closed.
func (e *Engine) restore(ctx context.Context) error {
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err := e.opts.Store.Predictions(ctx, open, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read open predictions: %w", err)
	}
	breaches, err := e.opts.Store.Breaches(ctx, open, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read open breaches: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range slices.Backward(predictions) {
		e.restoreOne(p.RuleID, p.RuleName, p.Severity, p.Series, nil, &p)
	}
	for _, b := range slices.Backward(breaches) {
		e.restoreOne(b.RuleID, b.RuleName, b.Severity, b.Series, &b, nil)
	}
	return nil
}

func (e *Engine) restoreOne(id barograph.RuleID, name string, sev barograph.Severity, series barograph.Series, b *barograph.Breach, p *barograph.Prediction) {
	now := e.opts.Clock.Now()
	if w := e.byRule[id]; w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if s := w.get(series); s != nil {
			s.restore(now, b, p)
			return
		}
	}
	s := &state{rule: &barograph.Rule{ID: id, Name: name, Severity: sev}, series: series}
	s.restore(now, b, p)
	e.enqueue(s.withdraw(now, "the rule was removed or changed while the server was down"))
}

const catchUpTimeout = 10 * time.Second

// catchUp judges what was stored shortly before the server stopped: a crash
// between a sample's acknowledgement and its judgement costs no event. A store
// that is away now costs the catching up only.
func (e *Engine) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpTimeout, fmt.Errorf("reading the last samples took more than %s", catchUpTimeout))
	defer cancel()
	now := e.opts.Clock.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.byRule {
		found, err := e.opts.Reader.Select(ctx, barograph.Query{
			Selector: w.rule.Series, From: now.Add(-e.cfg.MaxSampleAge.Std() - w.rule.For.Std()), To: now.Add(e.cfg.MaxSampleAge.Std()),
		})
		if err != nil {
			e.opts.Log.WarnContext(ctx, "the last samples before this start were not judged", "rule", w.rule.Name, "err", err)
			return
		}
		for _, s := range found {
			e.enqueue(w.resume(s.Series, s.Points))
		}
	}
}
