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
	"golang.org/x/sync/errgroup"

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
// unless there are newer ones.
type Sink interface {
	Forecasted(ctx context.Context, rule barograph.Rule, forecasts []barograph.Forecast) error
}

// Deps is what the forecaster is given.
type Deps struct {
	Clock   barograph.Clock
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Forecaster forecasts the series of all enabled rules with a horizon.
type Forecaster struct {
	cfg     Config
	rules   Rules
	reader  barograph.SampleReader
	writer  barograph.SampleWriter
	sink    Sink
	deps    Deps
	engine  *Engine
	stats   stats
	trouble *troubles

	histories map[barograph.RuleID]*history // of the goroutine that sweeps
	unheard   map[barograph.RuleID]bool     // rules whose last batch the sink refused
	told      time.Time                     // when the log was last told how it goes

	mu     sync.RWMutex
	latest map[barograph.RuleID][]barograph.Forecast
}

// New returns a forecaster that reads histories from reader, writes its results
// to writer and hands forecasts to sink.
func New(cfg Config, rules Rules, reader barograph.SampleReader, writer barograph.SampleWriter, sink Sink, deps Deps) (*Forecaster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &Forecaster{
		cfg: cfg, rules: rules, reader: reader, writer: writer, sink: sink, deps: deps,
		engine:    NewEngine(),
		trouble:   newTroubles(deps.Log),
		histories: map[barograph.RuleID]*history{},
		unheard:   map[barograph.RuleID]bool{},
		latest:    map[barograph.RuleID][]barograph.Forecast{},
	}
	f.stats = newStats(deps.Metrics, f.count)
	return f, nil
}

// Run forecasts at once and then at every interval, until ctx ends; it returns
// nil.
func (f *Forecaster) Run(ctx context.Context) error {
	ticks, stop := f.deps.Clock.Ticker(f.cfg.Interval.Std())
	defer stop()
	for {
		f.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

// sweep forecasts all rules once.
func (f *Forecaster) sweep(ctx context.Context) {
	began := time.Now()
	rules, err := f.rules.Rules(ctx, barograph.Page{})
	defer f.trouble.report(ctx)
	if f.trouble.note("list rules", err); err != nil {
		return
	}
	kept := make(map[barograph.RuleID]bool, len(rules))
	for _, rule := range rules {
		if !rule.Enabled || rule.Horizon <= 0 {
			continue
		}
		kept[rule.ID] = true
		if ctx.Err() != nil {
			return
		}
		f.forecastRule(ctx, rule)
	}
	f.forget(kept)
	f.stats.seconds.UpdateDuration(began)
	f.tell(ctx, len(kept))
}

// tellEvery keeps the log readable: the first forecasts are news, later ones
// are looked up by whoever wants to know.
const tellEvery = time.Hour

// tell logs how many series are forecast, and what came of it.
func (f *Forecaster) tell(ctx context.Context, rules int) {
	states := map[barograph.ForecastState]int{}
	series := 0
	f.mu.RLock()
	for _, forecasts := range f.latest {
		for i := range forecasts {
			states[forecasts[i].State]++
			series++
		}
	}
	f.mu.RUnlock()
	if series == 0 || !f.told.IsZero() && time.Since(f.told) < tellEvery {
		return
	}
	f.told = time.Now()
	var words []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		words = append(words, fmt.Sprintf("%d %s", states[state], state))
	}
	f.deps.Log.InfoContext(ctx, "forecasts made", "rules", rules, "series", series, "states", strings.Join(words, ", "))
}

// forecastRule forecasts the series of one rule, as far as there is news.
func (f *Forecaster) forecastRule(ctx context.Context, rule barograph.Rule) {
	h := f.historyOf(rule)
	now := f.deps.Clock.Now()
	err := f.update(ctx, h, now)
	if f.trouble.note("read series", err); err != nil {
		return
	}
	f.trouble.note("count series", h.excess(f.cfg.MaxSeries))

	tracks := slices.Collect(maps.Values(h.tracks))
	slices.SortFunc(tracks, func(a, b *track) int { return strings.Compare(a.series.String(), b.series.String()) })
	news := f.ask(ctx, h, tracks, now)
	f.publish(rule.ID, tracks)
	f.deliver(ctx, rule, tracks, news)
	f.writeResults(ctx, rule, tracks, now)
}

func (f *Forecaster) historyOf(rule barograph.Rule) *history {
	h := f.histories[rule.ID]
	if h == nil || !h.fits(rule) {
		h = newHistory(rule)
		f.histories[rule.ID] = h
	}
	h.rule = rule
	return h
}

func (f *Forecaster) update(ctx context.Context, h *history, now time.Time) error {
	limit := f.cfg.ReadTimeout.Std()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the series store took more than %s", limit))
	defer cancel()
	err := h.update(ctx, f.reader, now, f.cfg.ReloadInterval.Std(), f.cfg.MaxSeries)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return err
}

// ask asks the engine about every series that changed or has gone stale, on all
// workers, and returns what is new.
func (f *Forecaster) ask(ctx context.Context, h *history, tracks []*track, now time.Time) []barograph.Forecast {
	var due []*track
	for _, t := range tracks {
		if t.changed || h.goneStale(t, now) {
			due = append(due, t)
		}
	}
	f.stats.skipped.Add(len(tracks) - len(due))
	var workers errgroup.Group
	workers.SetLimit(cmp.Or(f.cfg.Workers, runtime.GOMAXPROCS(0)))
	for batch := range slices.Chunk(due, 64) {
		workers.Go(func() error {
			for _, t := range batch {
				f.forecastTrack(ctx, h, t, now)
			}
			return nil
		})
	}
	_ = workers.Wait() // no worker returns an error
	news := make([]barograph.Forecast, len(due))
	for i, t := range due {
		news[i] = t.forecast
		f.stats.made(t.forecast.State)
	}
	return news
}

// forecastTrack forecasts one series. A fault in the engine costs this forecast
// only.
func (f *Forecaster) forecastTrack(ctx context.Context, h *history, t *track, now time.Time) {
	defer func() {
		if r := recover(); r != nil {
			f.deps.Log.ErrorContext(ctx, "forecast failed", "rule", h.rule.Name, "series", t.series.String(), "panic", r)
			t.forecast = newForecast(h.rule, h.grid, t.series, now,
				insufficientf("the forecast failed; the log says why"))
		}
	}()
	t.changed = false
	answer := f.engine.Answer(h.question(t, now))
	t.staleAge = answer.StaleAge
	t.forecast = newForecast(h.rule, h.grid, t.series, now, answer)
}

// newForecast puts an answer in terms of a rule's series and of time.
func newForecast(rule barograph.Rule, grid Grid, series barograph.Series, now time.Time, a Answer) barograph.Forecast {
	fc := barograph.Forecast{
		RuleID: rule.ID, Series: series, State: a.State, MadeAt: now,
		Horizon: rule.Horizon, Value: a.Value, Reason: a.Reason,
	}
	if a.State != barograph.StateForecast {
		return fc
	}
	at := func(steps float64) time.Time {
		return now.Add(min(time.Duration(steps*float64(grid.Step)), rule.Horizon.Std())).Round(time.Millisecond)
	}
	fc.Probability, fc.CDF = a.Probability, a.CDF
	fc.ETA = &barograph.ETA{Early: at(a.ETA.P10), Median: at(a.ETA.P50), Late: at(a.ETA.P90)}
	return fc
}

// deliver hands what is new to the sink, and everything if it refused the last
// batch.
func (f *Forecaster) deliver(ctx context.Context, rule barograph.Rule, tracks []*track, news []barograph.Forecast) {
	if f.unheard[rule.ID] {
		news = forecastsOf(tracks)
	}
	if len(news) == 0 {
		return
	}
	err := f.sink.Forecasted(ctx, rule, news)
	f.unheard[rule.ID] = err != nil
	f.trouble.note("hand over forecasts", err)
}

// forget drops what is kept for rules that are gone.
func (f *Forecaster) forget(kept map[barograph.RuleID]bool) {
	maps.DeleteFunc(f.histories, func(id barograph.RuleID, _ *history) bool { return !kept[id] })
	maps.DeleteFunc(f.unheard, func(id barograph.RuleID, _ bool) bool { return !kept[id] })
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.latest, func(id barograph.RuleID, _ []barograph.Forecast) bool { return !kept[id] })
}
