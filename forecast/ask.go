package forecast

import (
	"context"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// outcome is what came of asking about a series.
type outcome struct {
	verdict  verdict
	staleAge time.Duration
	fence    float64
}

// askAtOnce is how many series a worker takes at a time.
const askAtOnce = 64

// ask asks the engine about every series that is due, on as many workers as are
// free.
func (f *Forecaster) ask(ctx context.Context, h *history, now time.Time) ([]*track, []outcome) {
	asked := f.due(h, now)
	outcomes := make([]outcome, len(asked))
	var workers sync.WaitGroup
	for begin := 0; begin < len(asked) && ctx.Err() == nil; begin += askAtOnce {
		end := min(begin+askAtOnce, len(asked))
		f.asking <- struct{}{}
		workers.Go(func() {
			defer func() { <-f.asking }()
			buf := make([]float64, 0, h.grid.History+2*blockCells)
			for i := begin; i < end; i++ {
				outcomes[i] = f.askOne(ctx, h, asked[i], now, buf)
			}
		})
	}
	workers.Wait()
	for i := range outcomes {
		f.stats.made(outcomes[i].verdict.state)
	}
	return asked, outcomes
}

// due returns the series to ask about.
func (f *Forecaster) due(h *history, now time.Time) []*track {
	var asked []*track
	unchanged, calm := 0, 0
	for _, t := range h.tracks {
		switch h.due(t, now) {
		case dueNow:
			asked = append(asked, t)
		case dueCalm:
			calm++
		case dueUnchanged:
			unchanged++
		}
	}
	f.stats.unchanged.Add(unchanged)
	f.stats.calm.Add(calm)
	return asked
}

// askOne asks about one series. A fault in the engine costs this forecast only.
func (f *Forecaster) askOne(ctx context.Context, h *history, t *track, now time.Time, buf []float64) (o outcome) {
	defer func() {
		if r := recover(); r != nil {
			f.stats.panics.Inc()
			f.deps.Log.ErrorContext(ctx, "forecast failed", "rule", h.rule.Name, "series", t.series.String(), "panic", r)
			o.staleAge = t.staleAge
			o.verdict = newVerdict(newForecast(h.rule, h.grid, t.series, now,
				insufficientf("the forecast failed; the log says why")))
		}
	}()
	q := h.question(t, now, buf)
	a := f.engine.Answer(q)
	fc := f.calibrated(h.rule, newForecast(h.rule, h.grid, t.series, now, a))
	return outcome{verdict: newVerdict(fc), staleAge: a.StaleAge, fence: h.fence(q.Values, a.Value)}
}

// newForecast puts an answer in terms of a rule's series and of time.
func newForecast(rule barograph.Rule, grid Grid, series barograph.Series, now time.Time, a Answer) barograph.Forecast {
	fc := barograph.Forecast{
		RuleID: rule.ID, Series: series, State: a.State, MadeAt: now,
		Horizon: rule.Horizon, Value: a.Value, Reason: a.Reason,
	}
	if a.State != barograph.StateForecast {
		return fc
	}
	at := func(steps float64) time.Time {
		return now.Add(min(time.Duration(steps*float64(grid.Step)), rule.Horizon.Std())).Round(time.Millisecond)
	}
	fc.Probability, fc.CDF = a.Probability, a.CDF
	fc.ETA = &barograph.ETA{Early: at(a.ETA.P10), Median: at(a.ETA.P50), Late: at(a.ETA.P90)}
	return fc
}

// verdict is a forecast without what the rule and the series say already.
type verdict struct {
	state        barograph.ForecastState
	madeAt       time.Time
	value        float64 // the last known, also when it came after madeAt
	probability  float64
	cdf          CDF
	eta          [3]time.Duration // from madeAt on
	uncalibrated *barograph.Uncalibrated
	reason       string
}

func newVerdict(fc barograph.Forecast) verdict {
	v := verdict{
		state: fc.State, madeAt: fc.MadeAt, value: fc.Value, probability: fc.Probability, cdf: fc.CDF,
		uncalibrated: fc.Uncalibrated, reason: fc.Reason,
	}
	if fc.ETA != nil {
		v.eta = [...]time.Duration{fc.ETA.Early.Sub(fc.MadeAt), fc.ETA.Median.Sub(fc.MadeAt), fc.ETA.Late.Sub(fc.MadeAt)}
	}
	return v
}

// forecast returns the verdict as a forecast.
func (v *verdict) forecast(rule barograph.Rule, series barograph.Series) barograph.Forecast {
	fc := barograph.Forecast{
		RuleID: rule.ID, Series: series, State: v.state, MadeAt: v.madeAt, Horizon: rule.Horizon,
		Value: v.value, Probability: v.probability, CDF: v.cdf, Uncalibrated: v.uncalibrated, Reason: v.reason,
	}
	if v.state == barograph.StateForecast {
		fc.ETA = &barograph.ETA{Early: v.madeAt.Add(v.eta[0]), Median: v.madeAt.Add(v.eta[1]), Late: v.madeAt.Add(v.eta[2])}
	}
	return fc
}
