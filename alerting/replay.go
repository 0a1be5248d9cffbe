package alerting

import (
	"time"

	"github.com/barograph/barograph"
)

// Replay judges the past of one series by one rule. It is the state machine
// that judges the present, with a memory in place of the database and nobody to
// tell. Its methods take what happened in the order in which it did; they are
// not for concurrent use.
type Replay struct {
	cfg   Config
	state state
	tick  time.Time // the next time that time itself is judged

	predictions []barograph.Prediction
	breaches    []barograph.Breach
}

// NewReplay returns a replay that begins at the time.
func NewReplay(cfg Config, rule barograph.Rule, series barograph.Series, begin time.Time) *Replay {
	return &Replay{cfg: cfg, state: state{rule: &rule, series: series}, tick: begin}
}

// Observe judges a sample.
func (r *Replay) Observe(at time.Time, value float64) {
	r.Pass(at)
	r.remember(r.state.observe(at, value))
}

// Forecasted judges a forecast.
func (r *Replay) Forecasted(f barograph.Forecast) {
	r.Pass(f.MadeAt)
	r.remember(r.state.forecast(f))
}

// Pass lets time pass until now, judging it as often as the engine does.
func (r *Replay) Pass(now time.Time) {
	for ; r.tick.Before(now); r.tick = r.tick.Add(r.cfg.Interval.Std()) {
		r.remember(r.state.tick(r.tick, r.cfg.ForgetAfter.Std()))
	}
}

// Predictions returns all that were opened, oldest first, as they are now.
func (r *Replay) Predictions() []barograph.Prediction { return r.predictions }

// Breaches returns all that started, oldest first, as they are now.
func (r *Replay) Breaches() []barograph.Breach { return r.breaches }

// remember keeps what the engine would record. At most one prediction and one
// breach of a series are open, so that a change is of the last one.
func (r *Replay) remember(ts []transition) {
	for _, t := range ts {
		if p := t.prediction; p != nil {
			if n := len(r.predictions); n > 0 && r.predictions[n-1].ID == p.ID {
				r.predictions[n-1] = *p
			} else {
				r.predictions = append(r.predictions, *p)
			}
		}
		if b := t.breach; b != nil {
			if n := len(r.breaches); n > 0 && r.breaches[n-1].ID == b.ID {
				r.breaches[n-1] = *b
			} else {
				r.breaches = append(r.breaches, *b)
			}
		}
	}
}
