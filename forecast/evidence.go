package forecast

import "math"

// Evidence is what the mixture weighs for one question: a row of terms for
// each point of the horizon, in the order of [Engine.Terms]. It is what the
// coefficients are fitted to.
type Evidence [len(CDF{})][]float64

// Terms returns the names of the mixture's terms, and how many of them, at the
// beginning, may not have a negative coefficient.
func (e *Engine) Terms() (names []string, nonNegative int) {
	for _, m := range e.models {
		for g := range gates {
			names = append(names, coefficientName(m.Name(), g))
		}
	}
	nonNegative = len(names)
	for _, term := range [...]string{constantName, logStepsName} {
		for g := range gates {
			names = append(names, coefficientName(term, g))
		}
	}
	return names, nonNegative
}

// Evidence returns what the mixture weighs for the question; ok is false if
// there is nothing to forecast: no value is known, the limit is crossed, or no
// model has anything to say.
func (e *Engine) Evidence(q Question) (ev Evidence, ok bool) {
	work := e.newScratch()
	if _, refused := refuseQuestion(q); refused || !work.series.load(q) || work.series.breached() {
		return ev, false
	}
	work.series.describe(q)
	open, ok := e.vote(work, func(Model, Passage) {})
	if !ok {
		return ev, false
	}
	var c CDF
	for k := range ev {
		row := make([]float64, 0, (len(e.models)+2)*int(gates))
		for j := range e.models {
			for _, o := range open {
				row = append(row, o*work.votes[j][k])
			}
		}
		row = append(row, open[:]...)
		for _, o := range open {
			row = append(row, o*math.Log(c.share(k)*float64(work.series.horizon)))
		}
		ev[k] = row
	}
	return ev, true
}
