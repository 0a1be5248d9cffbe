package forecast

import (
	"fmt"
	"math"
	"time"

	"github.com/barograph/barograph"
)

// What is learnt from a rule's closed predictions, and how much at most.
const (
	// evidenceHalfLife is after how long a prediction counts half, where that is
	// not less than two horizons of the rule.
	evidenceHalfLife = 30 * barograph.Day
	// mostOdds is the factor by which the odds of a probability are changed at
	// most.
	mostOdds = 3
	// silenceHalfLife is after how long without a closed prediction the logarithm
	// of that factor is halved, where that is not less than a horizon.
	silenceHalfLife = 14 * barograph.Day
	// tellFrom is the change of a probability from which on the reason says so.
	tellFrom = .05
)

// calibration corrects the forecasts of one rule by what came of its earlier
// predictions: the probability by a table of how often such warnings came true
// (reliability.go), the times by where in the announced range the breaches came
// (calibrationeta.go).
//
// What is learnt is whether the limit was crossed within the horizon of the
// first announcement, from predictions whose horizon is over: those of which
// the breach is known earlier would else crowd out those that wait for nothing.
// What the models said counts, not what the correction made of it.
//
// Of a prediction that was averted because the value turned back nobody knows
// what would have come, as somebody may have acted, whatever came later. It is
// censored: taken to have come true as probably as the models said. Left out, it
// would leave behind those that nobody cared for, and the better a rule is
// heeded, the worse it would seem. One that was withdrawn is left out.
//
// What is learnt of first announcements is applied to all forecasts: it is those
// that people hear.
//
// Predictions exist only above the rule's opening probability: below it nothing
// is learnt but that it can't be more likely than what is above. That is also
// how a correction could silence a rule for ever: what it makes less likely
// than the opening probability is never announced, and never found to be right
// after all. Three things keep it from that. The odds change by a factor of
// mostOdds at most, so that what the models are sure of is always announced.
// Old predictions count less and less. And without new ones the bound itself
// goes to 1: after silenceHalfLife to its square root, and so on, whatever was
// learnt; then the rule speaks again, and is heard.
type calibration struct {
	judgedSince time.Time // of the rule that it was learnt from
	table       reliability
	levels      etaLevels
	bound       float64 // of the change of log odds
}

// evidence is what one prediction teaches.
type evidence struct {
	said   float64       // how probable, by the models
	came   bool          // the limit was crossed within the horizon
	turned bool          // the value turned back: nobody knows what would have come
	place  float64       // where in the announced distribution of the time; NaN: unknown
	age    time.Duration // since the horizon was over
	weight float64       // by its age
}

// newCalibration learns from the outcomes of one rule, the oldest first.
func newCalibration(rule barograph.Rule, outcomes []barograph.Outcome, now time.Time) *calibration {
	horizon := rule.Horizon.Std()
	halfLife := max(evidenceHalfLife, 2*horizon)
	var seen []evidence
	var last time.Time
	for _, o := range outcomes {
		if o.Prediction.ClosedAt.After(last) {
			last = o.Prediction.ClosedAt
		}
		if e, ok := evidenceOf(o, horizon, now); ok {
			e.weight = halved(e.age, halfLife)
			seen = append(seen, e)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return &calibration{
		judgedSince: rule.JudgedSince,
		table:       newReliability(seen),
		levels:      newETALevels(seen, halfLife),
		bound:       math.Log(mostOdds) * halved(now.Sub(last), max(silenceHalfLife, horizon)),
	}
}

// halved returns what is left of 1 after a time.
func halved(age, halfLife time.Duration) float64 {
	return math.Exp2(-max(0, age.Hours()/halfLife.Hours()))
}

// evidenceOf returns false if nothing can be learnt from the outcome, or not yet.
func evidenceOf(o barograph.Outcome, horizon time.Duration, now time.Time) (evidence, bool) {
	p := o.Prediction
	over := p.OpenedAt.Add(horizon)
	if p.State == barograph.PredictionWithdrawn || p.State == barograph.PredictionOpen || now.Before(over) {
		return evidence{}, false
	}
	said := barograph.Uncalibrated{Probability: p.First.Probability, ETA: p.First.ETA}
	if p.First.Uncalibrated != nil {
		said = *p.First.Uncalibrated
	}
	if !(said.Probability > 0 && said.Probability < 1) {
		return evidence{}, false
	}
	e := evidence{said: said.Probability, turned: p.Turned, place: math.NaN(), age: now.Sub(over)}
	breach := o.BreachAt
	if p.State == barograph.PredictionConfirmed {
		breach = p.OpenedAt.Add(p.Lead.Std())
	}
	if !p.Turned && !breach.IsZero() && !breach.After(over) {
		e.came = true
		e.place = placeOf(breach, p.OpenedAt, said.ETA, over)
	}
	return e, true
}

// apply returns the forecast as it is told.
func (c *calibration) apply(fc barograph.Forecast) barograph.Forecast {
	if fc.State != barograph.StateForecast || fc.ETA == nil || !(fc.Probability > 0 && fc.Probability < 1) {
		return fc
	}
	raw := barograph.Uncalibrated{Probability: fc.Probability, ETA: *fc.ETA}
	fc.Probability = min(max(c.table.correct(raw.Probability, c.bound), FloorProbability), CeilingProbability)
	for k, f := range fc.CDF {
		scaled := c.levels.warp(f/raw.Probability) * fc.Probability
		fc.CDF[k] = min(max(scaled, min(f, FloorProbability)), fc.Probability)
	}
	fc.CDF[len(fc.CDF)-1] = fc.Probability
	if c.levels.moved() {
		fc.ETA = etaOf(fc)
	}
	if fc.Probability != raw.Probability || *fc.ETA != raw.ETA {
		fc.Uncalibrated = &raw
	}
	if math.Abs(fc.Probability-raw.Probability) >= tellFrom {
		fc.Reason += fmt.Sprintf("; by that %.0f %%, but %s", 100*raw.Probability, c.table.words(raw.Probability))
	}
	return fc
}

// etaOf returns the ETA that the forecast's distribution says.
func etaOf(fc barograph.Forecast) *barograph.ETA {
	cdf := CDF(fc.CDF)
	q := cdf.quantiles(float64(fc.Horizon))
	at := func(after float64) time.Time { return fc.MadeAt.Add(time.Duration(after)).Round(time.Millisecond) }
	return &barograph.ETA{Early: at(q.P10), Median: at(q.P50), Late: at(q.P90)}
}
