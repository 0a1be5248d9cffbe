package forecast

import (
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

// AheadMetric is the series that a curve is shown as, with the labels of the
// series, and "rule", the rule's name, "metric", the series' own, and "quantile":
// what share of the outcomes is expected below. The course itself is "0.5".
const AheadMetric = "barograph_forecast"

// AheadSamples returns the curve as samples ahead of now: three series, the
// lower edge of the band, the course and the upper edge, oldest first each. The
// value of a step is its mean, and so stamped with the middle of the step.
func AheadSamples(rule barograph.Rule, series barograph.Series, curve barograph.Curve) []barograph.Sample {
	lines := [...][]float64{curve.Lower, curve.Mean, curve.Upper}
	samples := make([]barograph.Sample, 0, len(lines)*len(curve.Mean))
	for i, s := range aheadSeries(rule, series, curve.Level) {
		for k, v := range lines[i] {
			samples = append(samples, barograph.Sample{Series: s, UnixMilli: middle(curve, k).UnixMilli(), Value: v})
		}
	}
	return samples
}

// aheadSeries returns the series of a curve's lines, lowest first.
func aheadSeries(rule barograph.Rule, series barograph.Series, level float64) [3]barograph.Series {
	named := make([]barograph.Label, 0, 3)
	if series.Metric != "" {
		named = append(named, barograph.Label{Name: "metric", Value: series.Metric})
	}
	var out [3]barograph.Series
	for i, q := range [...]float64{(1 - level) / 2, .5, (1 + level) / 2} {
		quantile := strconv.FormatFloat(q, 'g', 4, 64) // 0.025, not 0.025000000000000022
		out[i] = barograph.Series{Metric: AheadMetric, Labels: with(series.Labels, append(named,
			barograph.Label{Name: "quantile", Value: quantile}, barograph.Label{Name: "rule", Value: rule.Name})...)}
	}
	return out
}

// middle returns the middle of the curve's step, counted from 0.
func middle(c barograph.Curve, step int) time.Time {
	return c.Start.Add(time.Duration((float64(step) + .5) * c.StepSeconds * float64(time.Second)))
}
