package alerting

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Store is what the engine needs of the database. Lists with an empty page are
// whole.
type Store interface {
	RuleStore
	HoldStore
	HistoryStore
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	Record(ctx context.Context, c barograph.Change) error
}

// HistoryStore has the predictions and breaches, and what was told of them.
type HistoryStore interface {
	// Events returns events, the newest first by their IDs.
	Events(ctx context.Context, f barograph.EventFilter, page barograph.Page) ([]barograph.Event, error)
	Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error)
	Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error)
	Predictions(ctx context.Context, f barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
	Breaches(ctx context.Context, f barograph.PredictionFilter, page barograph.Page) ([]barograph.Breach, error)
}

// RuleStore has the rules.
type RuleStore interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

// EngineOptions are what an Engine works with.
type EngineOptions struct {
	Store   Store
	Reader  barograph.SampleReader // of the samples that Observe sees
	Changes <-chan struct{}        // receives when rules or hosts changed
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
	Shares  Shares // nil: there are no other servers
	// Recorded is called after events were recorded, to wake whoever sends them.
	Recorded func()
}

// Engine judges samples and forecasts by the rules. Its methods may be called
// from many goroutines.
//
// Locks are taken in this order: that of decisions, the engine's, the follower's,
// that of one metric's watches, the queue's.
type Engine struct {
	cfg   Config
	opts  EngineOptions
	seed  maphash.Seed
	queue queue

	mu       sync.RWMutex // guards what reload replaces
	rules    map[barograph.RuleID]*barograph.Rule
	byMetric map[string]*watches
	parts    parts // of the work, that the rules are of

	follower  follower
	standings standings

	acknowledging sync.Mutex // one at a time

	hosts     hostWatch // this and the next three belong to Run's goroutine
	late      []late
	unread    error // why rules and hosts could not be read the last time
	undecided error // why the last decisions about standings failed
	pulse     *barograph.Pulse

	samples *metrics.Counter
}

// NewEngine returns an engine that knows the present rules, and what was open
// when the server stopped.
func NewEngine(ctx context.Context, cfg Config, opts EngineOptions) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opts.Shares == nil {
		opts.Shares = undivided{}
	}
	e := &Engine{
		cfg: cfg, opts: opts, seed: maphash.MakeSeed(), queue: newQueue(opts),
		rules: map[barograph.RuleID]*barograph.Rule{}, byMetric: map[string]*watches{},
		hosts:   hostWatch{silentAfter: cfg.HostSilentAfter.Std(), started: opts.Clock.Now()},
		pulse:   barograph.NewPulse(recordEvery),
		samples: opts.Metrics.NewCounter("barograph_samples_judged_total"),
	}
	fresh, err := e.takeOver(ctx)
	if err != nil {
		return nil, err
	}
	e.catchUp(ctx, fresh)
	e.follower.until = time.Time{} // nothing comes before Run
	return e, nil
}

// Observe judges samples that were just written; where there are other servers,
// after those that these wrote before. It keeps the series' names and
// labels, which therefore must not alias a buffer that is used again, but not
// the slice.
func (e *Engine) Observe(samples []barograph.Sample) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if !e.hold(samples) {
		e.judgeSamples(samples)
	}
}

// judgeSamples judges samples. The caller holds mu.
func (e *Engine) judgeSamples(samples []barograph.Sample) {
	now := e.opts.Clock.Now()
	oldest := now.Add(-e.cfg.MaxSampleAge.Std())
	judged := 0
	for len(samples) > 0 {
		metric, n := samples[0].Series.Metric, 1
		for n < len(samples) && samples[n].Series.Metric == metric {
			n++
		}
		if w := e.byMetric[metric]; w != nil {
			judged += w.observe(samples[:n], oldest, now)
		}
		samples = samples[n:]
	}
	e.samples.Add(judged)
}

// Forecasted judges forecasts of one rule. Forecasts of a rule that is gone or
// judges otherwise by now are dropped.
func (e *Engine) Forecasted(_ context.Context, rule barograph.Rule, fs []barograph.Forecast) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if known := e.rules[rule.ID]; known != nil && known.SameJudgement(rule) {
		e.byMetric[rule.Series.Metric].forecast(e.opts.Clock.Now(), rule.ID, fs)
	}
	return nil
}

// Run judges time and records what follows, until ctx ends; then it records
// what is left.
func (e *Engine) Run(ctx context.Context) error {
	ticks, stop := e.opts.Clock.Ticker(e.cfg.Interval.Std())
	defer stop()
	retry := time.NewTicker(recordEvery)
	defer retry.Stop()
	shared, stopShared := e.opts.Shares.Changes()
	defer stopShared()
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { e.follow(ctx) })
	for {
		select {
		case <-ctx.Done():
			following.Wait()
			return e.recordLast(ctx)
		case <-e.queue.news():
			e.record(ctx)
		case <-retry.C:
			e.record(ctx)
		case <-e.opts.Changes:
			e.reload(ctx)
		case <-shared:
			e.reload(ctx)
		case <-ticks:
			e.step(ctx)
		}
		e.beat()
	}
}

// record records what is queued. Of what was changed before it was queued, as by
// a silence, the news may have come at the same moment: it is heeded first.
func (e *Engine) record(ctx context.Context) {
	select {
	case <-e.opts.Changes:
		e.reload(ctx)
	default:
	}
	e.queue.record(ctx)
}

// step looks at the database and at the time, and records what follows.
func (e *Engine) step(ctx context.Context) {
	e.reload(ctx)
	e.tick(e.opts.Clock.Now())
	e.queue.record(ctx)
	e.decide(ctx)
}

// recordLast makes what was judged before the end durable.
func (e *Engine) recordLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Second, errors.New("recording the last events took more than 5 s"))
	defer cancel()
	e.queue.record(ctx)
	if n := e.queue.len(); n > 0 {
		return fmt.Errorf("the last %d changes of predictions, breaches and hosts could not be recorded", n)
	}
	return nil
}

func (e *Engine) tick(now time.Time) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, w := range e.byMetric {
		w.tick(now, e.cfg.ForgetAfter.Std())
	}
	silences, events := e.hosts.tick()
	e.queue.holds.replaceHosts(e.hosts.hosts)
	for i := range events {
		e.queue.push(barograph.Change{Silences: silences[i : i+1], Events: events[i : i+1], Shares: []barograph.Share{e.hosts.part}})
	}
}

// emit queues what people are told of one step of one series. The caller holds
// mu, for reading at least.
func (e *Engine) emit(ts ...transition) {
	if len(ts) == 0 {
		return
	}
	var c barograph.Change
	if part, ours := e.parts.of(string(ts[0].rule.ID)); ours {
		c.Shares = []barograph.Share{part}
	}
	for _, t := range ts {
		if t.prediction != nil {
			c.Predictions = append(c.Predictions, *t.prediction)
			if t.prediction.State != barograph.PredictionOpen {
				e.standings.note(t.rule.ID)
			}
		}
		if t.breach != nil {
			c.Breaches = append(c.Breaches, *t.breach)
		}
		c.Events = append(c.Events, eventOf(t))
	}
	e.queue.push(c)
}
