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
	f.mu.RLock()
	out := []barograph.Forecast{}
	for id, fs := range f.latest {
		if ruleID != "" && ruleID != id {
			continue
		}
		for _, fc := range fs {
			if host == "" || fc.Series.Labels.Get("host") == host {
				out = append(out, fc)
			}
		}
	}
	f.mu.RUnlock()
	slices.SortFunc(out, func(a, b barograph.Forecast) int {
		return cmp.Or(
			cmp.Compare(b.Probability, a.Probability),
			soonest(a).Compare(soonest(b)),
			cmp.Compare(a.RuleID, b.RuleID),
			cmp.Compare(a.Series.String(), b.Series.String()),
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

// publish makes the tracks' forecasts the latest of the rule.
func (f *Forecaster) publish(id barograph.RuleID, tracks []*track) {
	fs := forecastsOf(tracks)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latest[id] = fs
}

func forecastsOf(tracks []*track) []barograph.Forecast {
	fs := make([]barograph.Forecast, len(tracks))
	for i, t := range tracks {
		fs[i] = t.forecast
	}
	return fs
}

// count returns how many series have a forecast or a refusal.
func (f *Forecaster) count() float64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := 0
	for _, fs := range f.latest {
		n += len(fs)
	}
	return float64(n)
}
