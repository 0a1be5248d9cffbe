package forecast

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// stats are the forecaster's own metrics.
type stats struct {
	set     *metrics.Set
	seconds *metrics.Histogram // of a sweep
	skipped *metrics.Counter   // series without news
}

func newStats(set *metrics.Set, series func() float64) stats {
	set.NewGauge("barograph_forecast_series", series)
	return stats{
		set:     set,
		seconds: set.NewHistogram("barograph_forecast_seconds"),
		skipped: set.NewCounter("barograph_forecasts_skipped_total"),
	}
}

// made counts a forecast by its state.
func (s stats) made(state barograph.ForecastState) {
	s.set.GetOrCreateCounter(fmt.Sprintf("barograph_forecasts_total{state=%q}", string(state))).Inc()
}

// troubles logs which steps of a sweep fail, each when that begins and when it
// ends.
type troubles struct {
	log   *slog.Logger
	sweep map[string]error // outcome of this sweep's steps; the first error counts
	known map[string]bool  // steps that failed in the sweep before
}

func newTroubles(log *slog.Logger) *troubles {
	return &troubles{log: log, sweep: map[string]error{}, known: map[string]bool{}}
}

// note takes the outcome of a step.
func (t *troubles) note(step string, err error) {
	if t.sweep[step] == nil {
		t.sweep[step] = err
	}
}

// report logs what changed in this sweep.
func (t *troubles) report(ctx context.Context) {
	for step, err := range t.sweep {
		switch {
		case ctx.Err() != nil:
		case err != nil && !t.known[step]:
			t.log.WarnContext(ctx, "forecast step fails", "step", step, "error", err)
		case err == nil && t.known[step]:
			t.log.InfoContext(ctx, "forecast step works again", "step", step)
		}
		t.known[step] = err != nil
	}
	clear(t.sweep)
}

// excess returns an error if the rule chooses more series than are allowed.
func (h *history) excess(most int) error {
	if h.cut == 0 {
		return nil
	}
	return fmt.Errorf("rule %s chooses %d series, of which only the first %d are forecast: narrow its selector or raise max_series",
		h.rule.Name, most+h.cut, most)
}
