package forecast

// Models returns the engine's models, in its order.
func (e *Engine) Models() []Model { return e.models }

// FittedCoefficients returns those that the program carries, by name.
func FittedCoefficients() map[string]float64 { return fitted() }

// GatePairs returns how open the gates are; the two of a row belong together.
func (s *Series) GatePairs() (pairs [gates / 2][2]float64) {
	for g, open := range s.gateValues() {
		pairs[g/2][g%2] = open
	}
	return pairs
}

// Mix returns what the mixture makes of what the models say of the series.
func (e *Engine) Mix(s *Series, said []CDF) CDF {
	v := make(votes, len(e.models))
	for j := range said {
		v.set(j, &said[j], float64(s.horizon)/float64(s.look))
	}
	return e.mixture.cdf(v, s.gateValues(), s.horizon)
}

// Known returns the indices whose values are neither null nor dropped, counted
// from the first known one, and those that the models take for such.
func (s *Series) Known() (known, observed []int) {
	for i, v := range s.values {
		if finite(v) {
			known = append(known, i)
		}
	}
	for _, i := range s.observed {
		observed = append(observed, int(i))
	}
	return known, observed
}

// Season returns the steps of the season that was found.
func (s *Series) Season() int { return s.season }

// Peaks returns those of the complete teeth, in the question's unit.
func (s *Series) Peaks() (peaks []float64) {
	teeth := s.findTeeth()
	for _, t := range teeth[:max(0, len(teeth)-1)] {
		peaks = append(peaks, s.amount(s.peak(t)))
	}
	return peaks
}

// Toothedness returns how regular the teeth are.
func (s *Series) Toothedness() float64 { return s.toothedness() }

// Window is one that was seen for so many steps and, unless Hit is 0, crossed
// after Hit of them.
type Window struct {
	Hit, Seen int
	Weight    float64
}

// WindowPrior is how many windows every estimate starts with.
const WindowPrior = windowPrior

// Windows are what a distribution is estimated from.
type Windows struct {
	All           []Window
	Points        int // of the series
	Horizon, Look int
	Chance        float64 // of the prior windows, to cross within the look
	Straight      float64
	Line          CDF
}

func (w Windows) estimator() (*Series, *kaplanMeier) {
	s := &Series{
		now: w.Points - 1, horizon: w.Horizon, look: w.Look,
		chance: w.Chance, straight: w.Straight, line: w.Line,
	}
	km := s.estimator()
	for _, a := range w.All {
		km.add(a.Hit, a.Seen, a.Weight)
	}
	return s, km
}

// ProductLimit returns the estimate with a prior of this weight.
func (w Windows) ProductLimit(prior float64) CDF {
	_, km := w.estimator()
	return km.cdf(prior, w.Chance)
}

// Passage returns the estimate with the prior that the series gives.
func (w Windows) Passage() (CDF, bool) {
	s, km := w.estimator()
	p, ok := km.passage(s)
	return p.CDF, ok
}

// SelectNearest brings the n least distances to the front and returns the order
// that leaves the indices in. Of equal ones the later is the nearer.
func SelectNearest(distances []float64, n int) []int {
	all := make([]analogue, len(distances))
	for i, d := range distances {
		all[i] = analogue{d, i}
	}
	selectNearest(all, n)
	order := make([]int, len(all))
	for i, a := range all {
		order[i] = a.origin
	}
	return order
}

// InverseGaussian returns the probability that a Brownian motion rises by the
// gap within the steps.
func InverseGaussian(steps, gap, slope, variance float64) float64 {
	return inverseGaussian(steps, gap, slope, variance)
}
