package forecast

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// The series that forecasts are written to, with the labels of the forecast
// series and "rule", the rule's name, and "metric", the series' own.
const (
	ProbabilityMetric = "barograph_breach_probability"
	ETAMetric         = "barograph_eta_seconds" // and "quantile"; from the sample's time on

	ownPrefix = "barograph_"
)

// writeResults writes the verdicts on all series, stamped with the time of this
// sweep, also those that stand unchanged. Refusals are written only where they
// say that nothing is to be feared: as a probability of 0.
func (f *Forecaster) writeResults(ctx context.Context, h *history, now time.Time) error {
	samples := make([]barograph.Sample, 0, len(h.tracks))
	for _, t := range h.tracks {
		samples = appendResults(samples, h.rule, t, now)
	}
	if len(samples) == 0 {
		return nil
	}
	ctx, cancel := f.limit(ctx, "the series store")
	defer cancel()
	if err := because(ctx, f.writer.Write(ctx, samples)); err != nil {
		return fmt.Errorf("write forecasts of rule %s: %w", h.rule.Name, err)
	}
	return nil
}

func appendResults(samples []barograph.Sample, rule barograph.Rule, t *track, now time.Time) []barograph.Sample {
	v := &t.verdict
	if v.state != barograph.StateForecast && !v.state.Calm() {
		return samples
	}
	add := func(metric string, labels barograph.Labels, value float64) {
		samples = append(samples, barograph.Sample{
			Series: barograph.Series{Metric: metric, Labels: labels}, UnixMilli: now.UnixMilli(), Value: value,
		})
	}
	labels := with(t.series.Labels, barograph.Label{Name: "metric", Value: t.series.Metric}, barograph.Label{Name: "rule", Value: rule.Name})
	add(ProbabilityMetric, labels, v.probability)
	if v.state != barograph.StateForecast {
		return samples
	}
	for i, quantile := range [...]string{"0.1", "0.5", "0.9"} {
		at := v.madeAt.Add(v.eta[i])
		add(ETAMetric, with(labels, barograph.Label{Name: "quantile", Value: quantile}), max(0, at.Sub(now).Seconds()))
	}
	return samples
}

// with returns the labels with others, sorted by name, added; those win.
func with(ls barograph.Labels, others ...barograph.Label) barograph.Labels {
	out := make(barograph.Labels, 0, len(ls)+len(others))
	for _, l := range ls {
		for len(others) > 0 && others[0].Name < l.Name {
			out, others = append(out, others[0]), others[1:]
		}
		if len(others) == 0 || others[0].Name != l.Name {
			out = append(out, l)
		}
	}
	return append(out, others...)
}
