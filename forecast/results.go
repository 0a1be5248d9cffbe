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

// writeResults writes the forecasts, stamped with the time of this sweep, also
// those that stand unchanged. Refusals are written only where they say that
// nothing is to be feared: as a probability of 0.
func (f *Forecaster) writeResults(ctx context.Context, rule barograph.Rule, tracks []*track, now time.Time) {
	samples := make([]barograph.Sample, 0, 4*len(tracks))
	for _, t := range tracks {
		samples = appendResults(samples, rule, t.forecast, now)
	}
	if len(samples) == 0 {
		return
	}
	err := f.writer.Write(ctx, samples)
	if err != nil {
		err = fmt.Errorf("write forecasts of rule %s: %w", rule.Name, err)
	}
	f.trouble.note("write results", err)
}

func appendResults(samples []barograph.Sample, rule barograph.Rule, fc barograph.Forecast, now time.Time) []barograph.Sample {
	if fc.State != barograph.StateForecast && !fc.State.Calm() {
		return samples
	}
	labels := fc.Series.Labels.With("rule", rule.Name).With("metric", fc.Series.Metric)
	add := func(metric string, labels barograph.Labels, value float64) {
		samples = append(samples, barograph.Sample{
			Series: barograph.Series{Metric: metric, Labels: labels}, UnixMilli: now.UnixMilli(), Value: value,
		})
	}
	add(ProbabilityMetric, labels, fc.Probability)
	if fc.ETA == nil {
		return samples
	}
	for _, q := range [...]struct {
		name string
		at   time.Time
	}{{"0.1", fc.ETA.Early}, {"0.5", fc.ETA.Median}, {"0.9", fc.ETA.Late}} {
		add(ETAMetric, labels.With("quantile", q.name), max(0, q.at.Sub(now).Seconds()))
	}
	return samples
}
