package forecast

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func TestFence(t *testing.T) {
	t.Parallel()
	past := []float64{0, 30, 80, 20, 50, 40} // only the last four are of the last horizon
	for name, c := range map[string]struct {
		op    barograph.Operator
		limit float64
		heard []float64
		want  news
	}{
		"nothing":                   {barograph.Above, 100, nil, newsNone},
		"among those before":        {barograph.Above, 100, []float64{40}, newsSome},
		"a quarter of the way":      {barograph.Above, 100, []float64{56}, newsUrgent},
		"less":                      {barograph.Above, 100, []float64{54}, newsSome},
		"away":                      {barograph.Above, 100, []float64{-10}, newsSome},
		"back from there":           {barograph.Above, 100, []float64{-10, 20}, newsUrgent},
		"partly back":               {barograph.Above, 100, []float64{-10, 17}, newsSome},
		"over the limit":            {barograph.Above, 41, []float64{41.1}, newsUrgent},
		"onto the limit":            {barograph.AtLeast, 41, []float64{41}, newsUrgent},
		"over one farther off":      {barograph.Above, 81, []float64{81}, newsUrgent},
		"near, as before":           {barograph.Above, 44, []float64{40.5}, newsSome},
		"a sixteenth lower":         {barograph.Below, 0, []float64{18.7}, newsUrgent},
		"a little lower":            {barograph.Below, 0, []float64{30.1}, newsSome},
		"a quarter of the way down": {barograph.Below, 0, []float64{29}, newsUrgent},
		"the first counts":          {barograph.Above, 100, []float64{60, 40}, newsUrgent},
	} {
		h := newHistory(barograph.Rule{Operator: c.op, Limit: c.limit, Horizon: barograph.Duration(barograph.Day)})
		h.grid.Horizon = 4
		tr := newTrack(barograph.Series{Metric: "m"}, 0)
		h.take(tr, outcome{fence: h.fence(past, 40)})
		for _, v := range c.heard {
			h.heard(tr, v)
		}
		if tr.news != c.want {
			t.Errorf("%s: news %d, want %d; fence %v", name, tr.news, c.want, tr.fence)
		}
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state       barograph.ForecastState
		probability float64
		closeAt     float64
		news        news
		ago         time.Duration
		want        due
	}{
		"calm":                        {barograph.StateFlat, 0, .4, newsSome, time.Minute, dueCalm},
		"moving away":                 {barograph.StateMovingAway, 0, .4, newsSome, time.Minute, dueCalm},
		"beyond the horizon":          {barograph.StateBeyondHorizon, 0, .4, newsSome, time.Minute, dueCalm},
		"unlikely":                    {barograph.StateForecast, .1, .4, newsSome, time.Minute, dueCalm},
		"not so unlikely":             {barograph.StateForecast, .11, .4, newsSome, time.Minute, dueNow},
		"unlikely, for a bold rule":   {barograph.StateForecast, .1, .9, newsSome, time.Minute, dueCalm},
		"not unlikely, for a shy one": {barograph.StateForecast, .06, .2, newsSome, time.Minute, dueNow},
		"likely":                      {barograph.StateForecast, .8, .4, newsSome, time.Minute, dueNow},
		"likely, without news":        {barograph.StateForecast, .8, .4, newsNone, time.Minute, dueUnchanged},
		"breached":                    {barograph.StateAlreadyBreached, 0, .4, newsSome, time.Minute, dueNow},
		"too noisy":                   {barograph.StateTooNoisy, 0, .4, newsSome, time.Minute, dueNow},
		"too short":                   {barograph.StateInsufficientData, 0, .4, newsSome, time.Minute, dueNow},
		"stale":                       {barograph.StateStale, 0, .4, newsSome, time.Minute, dueNow},
		"stale, without news":         {barograph.StateStale, 0, .4, newsNone, time.Hour, dueUnchanged},
		"calm, but nearer":            {barograph.StateFlat, 0, .4, newsUrgent, time.Minute, dueNow},
		"calm, but long ago":          {barograph.StateFlat, 0, .4, newsSome, time.Hour, dueNow},
	} {
		h := newHistory(barograph.Rule{Operator: barograph.Above, Limit: 9, Horizon: barograph.Duration(30 * barograph.Day), CloseAt: c.closeAt})
		tr := newTrack(barograph.Series{Metric: "m"}, 0)
		tr.phase, tr.last = 5*60e3, h.grid.cell(now) // periods begin at five to
		v := verdict{state: c.state, probability: c.probability, madeAt: now.Add(-c.ago)}
		for range calmAgreeing {
			h.take(tr, outcome{verdict: v, staleAge: time.Minute})
		}
		tr.news = c.news
		if got := h.due(tr, now); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
