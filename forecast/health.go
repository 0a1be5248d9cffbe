package forecast

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// work is what a job is busy with.
type work struct {
	rule  string
	since time.Time
}

const (
	// A rule that was worked on for slowRounds intervals, and no less than
	// slowFor, is stuck: a first reading of a long history takes minutes.
	slowRounds = 10
	slowFor    = 5 * time.Minute
)

// Healthy returns nil if rules are forecast, else what is stuck. That one rule
// of several can't be is told in the log only.
func (f *Forecaster) Healthy(context.Context) error {
	if err := f.pulse.Stuck(); err != nil {
		return fmt.Errorf("forecasting: %w", err)
	}
	most := max(slowRounds*f.cfg.Interval.Std(), slowFor)
	for _, j := range f.all() {
		w := j.busy.Load()
		if w == nil {
			continue
		}
		if d := time.Since(w.since); d > most {
			return barograph.Errorf(barograph.KindUnavailable, "rule %q has been forecast for %s and is not done", w.rule, barograph.Duration(d.Round(time.Second)))
		}
	}
	return nil
}
