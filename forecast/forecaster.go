package forecast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Rules lists the rules there are.
type Rules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
}

// Sink takes forecasts as they are made.
//
// A batch holds those series of one rule for which there was something new;
// after an error the same forecasts are handed over again at the next tick,
// unless there are newer ones. Batches of different rules may come at once.
type Sink interface {
	Forecasted(ctx context.Context, rule barograph.Rule, forecasts []barograph.Forecast) error
}

// Deps is what the forecaster is given.
type Deps struct {
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
	// Calibrator corrects the forecasts; nil: they stay as the models say.
	Calibrator Calibrator
	// Wake receives when other rules are to be forecast; nil: they are looked at
	// when it is time.
	Wake <-chan struct{}
}

// Forecaster forecasts the series of all enabled rules with a horizon.
//
// Rules are swept at once, each by itself: one that takes longer than the
// interval, because of the series store or of its number of series, is left out
// until it is done, and counted. Only the processor and readsAtOnce readings
// are shared.
type Forecaster struct {
	cfg     Config
	rules   Rules
	reader  barograph.SampleReader
	writer  barograph.SampleWriter
	sink    Sink
	deps    Deps
	engine  *Engine
	stats   *stats
	trouble *troubles
	pulse   *barograph.Pulse
	told    time.Time // when the log was last told how it goes; of Run's goroutine

	reading chan struct{} // holds one for each reading of the store
	asking  chan struct{} // and for each worker

	mu   sync.RWMutex
	jobs map[barograph.RuleID]*job
}

// readsAtOnce is how many readings the store is given at once. As long as fewer
// rules are slow, they delay no others.
const readsAtOnce = 8

// New returns a forecaster that reads histories from reader, writes its results
// to writer and hands forecasts to sink.
func New(cfg Config, rules Rules, reader barograph.SampleReader, writer barograph.SampleWriter, sink Sink, deps Deps) (*Forecaster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &Forecaster{
		cfg: cfg, rules: rules, reader: reader, writer: writer, sink: sink, deps: deps,
		engine:  NewEngine(),
		trouble: newTroubles(deps.Log),
		pulse:   barograph.NewPulse(cfg.Interval.Std()),
		reading: make(chan struct{}, readsAtOnce),
		asking:  make(chan struct{}, cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0))),
		jobs:    map[barograph.RuleID]*job{},
	}
	f.stats = newStats(deps.Metrics, f.count, f.retained)
	return f, nil
}

// Run forecasts at once and then at every interval, until ctx ends; it returns
// nil when all that it began has ended.
func (f *Forecaster) Run(ctx context.Context) error {
	ticks, stop := f.deps.Clock.Ticker(f.cfg.Interval.Std())
	defer stop()
	var sweeps sync.WaitGroup
	defer sweeps.Wait()
	for {
		f.await(ctx, f.sweep(ctx, &sweeps))
		f.pulse.Beat(f.trouble.ofAll(len(f.all())))
		f.tell(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		case <-f.deps.Wake:
		}
	}
}

// await waits until a sweep is done, but no longer than to the next.
func (f *Forecaster) await(ctx context.Context, done <-chan struct{}) {
	patience := time.NewTimer(f.cfg.Interval.Std())
	defer patience.Stop()
	select {
	case <-ctx.Done():
	case <-patience.C:
	case <-done:
	}
}

// sweep begins to forecast all rules, but those that are still busy, and returns
// what is closed when that is done.
func (f *Forecaster) sweep(ctx context.Context, sweeps *sync.WaitGroup) (done <-chan struct{}) {
	finished := make(chan struct{})
	began := time.Now()
	rules, err := f.list(ctx)
	if f.trouble.note(ctx, listRules, "", err); err != nil {
		close(finished)
		return finished
	}
	f.forget(rules)
	var all sync.WaitGroup
	for _, rule := range rules {
		j := f.job(rule.ID)
		if !j.busy.CompareAndSwap(nil, &work{rule.Name, began}) {
			f.stats.busy.Inc()
			continue
		}
		all.Go(func() {
			defer j.busy.Store(nil)
			f.forecastRule(ctx, j, rule)
		})
	}
	sweeps.Go(func() {
		all.Wait()
		f.stats.seconds.UpdateDuration(began)
		close(finished)
	})
	return finished
}

// list returns the rules to forecast.
func (f *Forecaster) list(ctx context.Context) ([]barograph.Rule, error) {
	ctx, cancel := f.limit(ctx, "the list of rules")
	defer cancel()
	rules, err := f.rules.Rules(ctx, barograph.Page{})
	if err != nil {
		return nil, because(ctx, err)
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r barograph.Rule) bool { return !r.Enabled || r.Horizon <= 0 }), nil
}

// limit gives whatever is named the time that the configuration allows.
func (f *Forecaster) limit(ctx context.Context, what string) (context.Context, context.CancelFunc) {
	most := f.cfg.ReadTimeout.Std()
	return context.WithTimeoutCause(ctx, most, fmt.Errorf("%s took more than %s", what, most))
}

// because adds to an error what the context says about it.
func because(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return err
}

// tellEvery keeps the log readable: the first forecasts are news, later ones
// are looked up by whoever wants to know.
const tellEvery = time.Hour

// tell logs how many series are forecast, and what came of it.
func (f *Forecaster) tell(ctx context.Context) {
	if ctx.Err() != nil || !f.told.IsZero() && time.Since(f.told) < tellEvery {
		return
	}
	states := map[barograph.ForecastState]int{}
	rules, series := 0, 0
	for _, j := range f.all() {
		rules++
		series += j.count(states)
	}
	if series == 0 {
		return
	}
	f.told = time.Now()
	var words []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		words = append(words, fmt.Sprintf("%d %s", states[state], state))
	}
	f.deps.Log.InfoContext(ctx, "forecasts made", "rules", rules, "series", series, "states", strings.Join(words, ", "))
}
