package forecast

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barograph/barograph"
)

// job is the forecasting of one rule.
type job struct {
	busy atomic.Pointer[work] // nil: with nothing
	gone atomic.Bool          // the rule is; what is still done for it leaves no trace

	// Of the goroutine that keeps it busy.
	history *history
	unheard bool // the sink refused the last batch

	mu       sync.RWMutex // guards what follows, and the verdicts of the tracks
	rule     barograph.Rule
	shown    []*track // those with a verdict; replaced, never changed
	retained int      // bytes that they hold on to
}

// job returns the job of the rule.
func (f *Forecaster) job(id barograph.RuleID) *job {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[id]
	if j == nil {
		j = &job{}
		f.jobs[id] = j
	}
	return j
}

// all returns all jobs.
func (f *Forecaster) all() []*job {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Collect(maps.Values(f.jobs))
}

// forget drops what is kept for rules that are gone.
func (f *Forecaster) forget(rules []barograph.Rule) {
	kept := make(map[barograph.RuleID]bool, len(rules))
	for _, r := range rules {
		kept[r.ID] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, j := range f.jobs {
		if !kept[id] {
			j.gone.Store(true)
			delete(f.jobs, id)
			f.trouble.forget(id)
			f.stats.forget(id)
		}
	}
}

// forecastRule forecasts the series of one rule, as far as there is news. A
// fault costs this rule's round only, and what was known of its series.
func (f *Forecaster) forecastRule(ctx context.Context, j *job, rule barograph.Rule) {
	began := time.Now()
	defer func() {
		if r := recover(); r != nil {
			j.history = nil
			f.stats.panics.Inc()
			f.deps.Log.ErrorContext(ctx, "forecasting a rule failed", "rule", rule.Name, "panic", r, "stack", string(debug.Stack()))
		}
		if !j.gone.Load() {
			f.stats.took(rule, time.Since(began))
		}
	}()
	if j.history == nil || !sameForecasts(j.history.rule, rule) {
		j.history = newHistory(rule)
	}
	h := j.history
	h.rule = rule
	now := f.deps.Clock.Now()
	known, err := h.update(ctx, f.read, now, f.cfg.ReloadInterval.Std(), f.cfg.MaxSeries)
	if err != nil {
		err = fmt.Errorf("read the series of rule %s: %w", rule.Name, err)
	}
	f.note(ctx, j, readSeries, err)
	if !known {
		return
	}
	f.note(ctx, j, countSeries, h.excess(f.cfg.MaxSeries))

	asked, outcomes := f.ask(ctx, h, now)
	if ctx.Err() != nil {
		return // not all of them were asked
	}
	j.commit(h, asked, outcomes)
	f.deliver(ctx, j, asked)
	f.note(ctx, j, writeResults, f.writeResults(ctx, h, now))
}

// note takes the outcome of a step of the job.
func (f *Forecaster) note(ctx context.Context, j *job, step string, err error) {
	if !j.gone.Load() {
		f.trouble.note(ctx, step, j.history.rule.ID, err)
	}
}

// read asks the series store, within the time that it may take.
func (f *Forecaster) read(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	select {
	case f.reading <- struct{}{}:
		defer func() { <-f.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := f.limit(ctx, "the series store")
	defer cancel()
	began := time.Now()
	found, err := f.reader.Select(ctx, q)
	f.stats.read(began, found)
	return found, because(ctx, err)
}

// commit makes the outcomes the verdicts that others see.
func (j *job) commit(h *history, asked []*track, outcomes []outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, t := range asked {
		h.take(t, outcomes[i])
	}
	j.retained = 0
	for _, t := range h.tracks {
		if v, ok := t.value(h.open); ok {
			t.verdict.value = v
		}
		j.retained += t.size()
	}
	j.rule = h.rule
	if !slices.Equal(j.shown, h.tracks) {
		j.shown = slices.Clone(h.tracks)
	}
}

// deliver hands the forecasts of those that were asked to the sink, and
// everything if it refused the last batch.
func (f *Forecaster) deliver(ctx context.Context, j *job, asked []*track) {
	h := j.history
	if j.unheard {
		asked = h.tracks
	}
	if len(asked) == 0 {
		return
	}
	news := make([]barograph.Forecast, len(asked))
	for i, t := range asked {
		news[i] = t.verdict.forecast(h.rule, t.series)
	}
	err := f.sink.Forecasted(ctx, h.rule, news)
	j.unheard = err != nil
	f.note(ctx, j, handOver, err)
	if err == nil {
		return
	}
	for _, t := range h.tracks {
		t.calm = 0 // whoever waits for two calm forecasts has not heard them
	}
}
