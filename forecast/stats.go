package forecast

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// stats are the forecaster's own metrics.
type stats struct {
	set       *metrics.Set
	seconds   *metrics.Histogram // of a sweep
	unchanged *metrics.Counter   // series that were skipped, for they had no news
	calm      *metrics.Counter   // series that were skipped, for their news does not matter
	busy      *metrics.Counter   // rules that were left out of a sweep
	panics    *metrics.Counter
	reads     *metrics.Counter // of the series store
	points    *metrics.Counter // that were read
	readTime  *metrics.Histogram

	mu    sync.Mutex
	names map[barograph.RuleID]string // metrics of rules
}

func newStats(set *metrics.Set, series, retained func() float64) *stats {
	set.NewGauge("barograph_forecast_series", series)
	set.NewGauge("barograph_forecast_retained_bytes", retained)
	return &stats{
		set:       set,
		seconds:   set.NewHistogram("barograph_forecast_seconds"),
		unchanged: set.NewCounter(`barograph_forecasts_skipped_total{why="unchanged"}`),
		calm:      set.NewCounter(`barograph_forecasts_skipped_total{why="calm"}`),
		busy:      set.NewCounter("barograph_forecast_rules_busy_total"),
		panics:    set.NewCounter("barograph_forecast_panics_total"),
		reads:     set.NewCounter("barograph_forecast_reads_total"),
		points:    set.NewCounter("barograph_forecast_read_points_total"),
		readTime:  set.NewHistogram("barograph_forecast_read_seconds"),
		names:     map[barograph.RuleID]string{},
	}
}

// made counts a forecast by its state.
func (s *stats) made(state barograph.ForecastState) {
	s.set.GetOrCreateCounter(fmt.Sprintf("barograph_forecasts_total{state=%q}", string(state))).Inc()
}

// took adds to the time that a rule cost.
func (s *stats) took(rule barograph.Rule, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("barograph_forecast_rule_seconds_total{rule=%q}", rule.Name)
	if old := s.names[rule.ID]; old != "" && old != name {
		s.set.UnregisterMetric(old)
	}
	s.names[rule.ID] = name
	s.set.GetOrCreateFloatCounter(name).Add(d.Seconds())
}

// forget removes the metrics of a rule that is gone.
func (s *stats) forget(id barograph.RuleID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := s.names[id]; name != "" {
		s.set.UnregisterMetric(name)
		delete(s.names, id)
	}
}

// read counts a reading of the series store.
func (s *stats) read(began time.Time, found []barograph.SeriesPoints) {
	s.readTime.UpdateDuration(began)
	s.reads.Inc()
	n := 0
	for i := range found {
		n += len(found[i].Points)
	}
	s.points.Add(n)
}

// The steps of a sweep.
const (
	listRules    = "list rules"
	readSeries   = "read series"
	countSeries  = "count series"
	handOver     = "hand over forecasts"
	writeResults = "write results"
)

// troubles logs which steps of a sweep fail, each when the first rule fails in it and
// when the last one works again.
type troubles struct {
	log *slog.Logger

	mu      sync.Mutex
	failing map[string]map[barograph.RuleID]error // by step
}

func newTroubles(log *slog.Logger) *troubles {
	return &troubles{log: log, failing: map[string]map[barograph.RuleID]error{}}
}

// note takes the outcome of a step for a rule.
func (t *troubles) note(ctx context.Context, step string, id barograph.RuleID, err error) {
	if ctx.Err() != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rules := t.failing[step]
	switch {
	case err != nil:
		if len(rules) == 0 {
			rules = map[barograph.RuleID]error{}
			t.failing[step] = rules
			t.log.WarnContext(ctx, "forecast step fails", "step", step, "error", err)
		}
		rules[id] = err
	case rules[id] != nil:
		if delete(rules, id); len(rules) == 0 {
			t.log.InfoContext(ctx, "forecast step works again", "step", step)
		}
	}
}

// ofAll returns why nothing is forecast at all: the rules can't be listed, or
// each of so many fails in the same step.
func (t *troubles) ofAll(rules int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.failing[listRules][""]; err != nil {
		return fmt.Errorf("%s: %w", listRules, err)
	}
	for _, step := range []string{readSeries, handOver, writeResults} {
		if failing := t.failing[step]; rules > 0 && len(failing) == rules {
			for _, err := range failing {
				return fmt.Errorf("%s: %w", step, err)
			}
		}
	}
	return nil
}

// forget drops what is known of a rule that is gone.
func (t *troubles) forget(id barograph.RuleID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, rules := range t.failing {
		delete(rules, id)
	}
}
