package forecast

import (
	"cmp"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Latest returns the latest forecasts of the rule ("": of all rules) for series
// with this value of the label "host" ("": for all), most probable first, then
// soonest first. The caller owns the slice.
func (f *Forecaster) Latest(ruleID barograph.RuleID, host string) []barograph.Forecast {
	out := []barograph.Forecast{}
	for _, j := range f.all() {
		out = j.append(out, ruleID, host)
	}
	slices.SortFunc(out, func(a, b barograph.Forecast) int {
		return cmp.Or(
			cmp.Compare(b.Probability, a.Probability),
			soonest(a).Compare(soonest(b)),
			cmp.Compare(a.RuleID, b.RuleID),
			compareSeries(a.Series, b.Series),
		)
	})
	return out
}

func soonest(fc barograph.Forecast) time.Time {
	if fc.ETA == nil {
		return fc.MadeAt.Add(fc.Horizon.Std())
	}
	return fc.ETA.Median
}

// append appends the forecasts of the job, if they are of the rule and the host.
func (j *job) append(out []barograph.Forecast, ruleID barograph.RuleID, host string) []barograph.Forecast {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if ruleID != "" && ruleID != j.rule.ID {
		return out
	}
	for _, t := range j.shown {
		if host == "" || t.series.Labels.Get("host") == host {
			out = append(out, t.verdict.forecast(j.rule, t.series))
		}
	}
	return out
}

// count adds to the states and returns how many series there are.
func (j *job) count(states map[barograph.ForecastState]int) int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, t := range j.shown {
		states[t.verdict.state]++
	}
	return len(j.shown)
}

// count returns how many series have a forecast or a refusal.
func (f *Forecaster) count() float64 {
	n := 0
	for _, j := range f.all() {
		j.mu.RLock()
		n += len(j.shown)
		j.mu.RUnlock()
	}
	return float64(n)
}

// retained returns how many bytes all series hold on to.
func (f *Forecaster) retained() float64 {
	n := 0
	for _, j := range f.all() {
		j.mu.RLock()
		n += j.retained
		j.mu.RUnlock()
	}
	return float64(n)
}
