package forecast

import (
	"time"

	"github.com/barograph/barograph"
)

const (
	mostSteps    = 96                 // of a horizon: finer steps cost time and tell nothing more
	historyTimes = 7                  // horizons of history, at least
	historyLeast = 15 * barograph.Day // of history, for two weekly seasons, if the points suffice
)

// Grid is the working grid of a rule: time is cut into steps, and the samples
// of a step are rolled up into one value.
type Grid struct {
	Step    time.Duration
	Horizon int // steps that a forecast looks ahead
	History int // steps that it looks back, at most 2,016
	Rollup  barograph.Rollup
}

// NewGrid returns the grid for a rule with a horizon: the finest of the usual
// steps with at most 96 of them in the horizon, and history of seven horizons
// or 15 days, whichever is more. Values are rolled up towards the limit, so
// that no crossing within a step is lost.
func NewGrid(rule barograph.Rule) Grid {
	horizon := rule.Horizon.Std()
	g := Grid{Step: niceStep(horizon / mostSteps), Rollup: barograph.RollupMin}
	if rule.Operator.Upward() {
		g.Rollup = barograph.RollupMax
	}
	g.Horizon = max(1, int((horizon+g.Step-1)/g.Step))
	g.History = min(maxPoints, max(historyTimes*g.Horizon, int(historyLeast/g.Step)))
	return g
}

// niceStep returns the least usual step that is not shorter than d.
func niceStep(d time.Duration) time.Duration {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, step := range [...]time.Duration{
		s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s,
		m, 2 * m, 5 * m, 10 * m, 15 * m, 20 * m, 30 * m,
		h, 2 * h, 3 * h, 4 * h, 6 * h, 8 * h, 12 * h,
	} {
		if d <= step {
			return step
		}
	}
	return barograph.Day
}

// cell returns the number of the step, counted from the Unix epoch, that holds
// the time.
func (g Grid) cell(t time.Time) int64 {
	step, ms := g.Step.Milliseconds(), t.UnixMilli()
	n := ms / step
	if ms < 0 && ms%step != 0 {
		n--
	}
	return n
}

// start returns when the step with this number begins.
func (g Grid) start(cell int64) time.Time { return time.UnixMilli(cell * g.Step.Milliseconds()).UTC() }
