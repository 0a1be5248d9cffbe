package forecast

import (
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	longestStep    = 366 * barograph.Day
	longestHistory = 280 * 366 * barograph.Day // nearly as long as a duration can be
	spacingSlack   = 1.1                       // times the step: samples that are a little late still come once a step
	spacingSamples = 10_000
)

// SampledGrid returns the grid for a rule whose series has these samples,
// oldest first: that of [NewGrid], but with steps as long as the samples are
// usually apart if those are longer.
func SampledGrid(rule barograph.Rule, points []barograph.Point) Grid {
	g := NewGrid(rule)
	spacing := usualSpacing(points)
	if float64(spacing) <= spacingSlack*float64(g.Step) {
		return g
	}
	step := niceStep(time.Duration(float64(spacing) / spacingSlack))
	if spacing > barograph.Day {
		step = spacing.Round(barograph.Day)
	}
	return g.WithStep(rule, step)
}

// WithStep returns the grid for the rule with steps of this length, from a
// millisecond to 366 days, and as much history as the engine looks at.
func (g Grid) WithStep(rule barograph.Rule, step time.Duration) Grid {
	g.Step = min(max(step.Truncate(time.Millisecond), time.Millisecond), longestStep)
	g.Horizon = max(1, int((rule.Horizon.Std()-1)/g.Step)+1)
	g.History = min(maxPoints, int(longestHistory/g.Step))
	return g
}

// usualSpacing returns the median distance of the newest samples, 0 if there is
// none.
func usualSpacing(points []barograph.Point) time.Duration {
	points = points[max(0, len(points)-spacingSamples):]
	distances := make([]int64, 0, len(points))
	for i := 1; i < len(points); i++ {
		if d := points[i].UnixMilli - points[i-1].UnixMilli; d > 0 {
			distances = append(distances, d)
		}
	}
	if len(distances) == 0 {
		return 0
	}
	slices.Sort(distances)
	return time.Duration(min(distances[len(distances)/2], longestStep.Milliseconds())) * time.Millisecond
}

// Question puts the samples up to now, oldest first, on the grid as a store
// does, and asks about them.
func (g Grid) Question(rule barograph.Rule, points []barograph.Point, now time.Time) Question {
	last := g.cell(now)
	first := last - int64(g.History) + 1
	if len(points) > 0 {
		first = min(max(first, g.cell(time.UnixMilli(points[0].UnixMilli))), last)
	}
	values := make([]float64, last-first+1)
	for i := range values {
		values[i] = math.NaN()
	}
	for _, p := range points {
		at := g.cell(time.UnixMilli(p.UnixMilli))
		if at >= first && p.UnixMilli <= now.UnixMilli() {
			values[at-first] = g.rolledUp(values[at-first], p.Value)
		}
	}
	return Question{
		Metric: rule.Series.Metric, Values: values, Start: g.start(first), Step: g.Step, Now: now,
		Limit: rule.Limit, Operator: rule.Operator, Horizon: g.Horizon, Bounds: rule.Bounds,
	}
}

// rolledUp returns what becomes of a step's value with one more sample.
func (g Grid) rolledUp(sum, sample float64) float64 {
	switch {
	case !finite(sample):
		return sum
	case math.IsNaN(sum):
		return sample
	case g.Rollup == barograph.RollupMax:
		return max(sum, sample)
	case g.Rollup == barograph.RollupMin:
		return min(sum, sample)
	}
	return sample
}
