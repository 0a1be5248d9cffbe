package forecast

import "math"

// kaplanMeier estimates a first-passage distribution from windows of which some
// were cut short, by the product-limit estimator.
//
// E. L. Kaplan and P. Meier: Nonparametric estimation from incomplete
// observations. Journal of the American Statistical Association 53 (1958).
type kaplanMeier struct {
	horizon  int
	look     int
	windows  int
	crossed  []float64 // [k]: weight of windows that crossed after k steps
	censored []float64 // [k]: weight of windows that were cut short after k steps
	total    float64
}

// estimator returns the series' estimator, empty.
func (s *Series) estimator() *kaplanMeier {
	km := &s.km
	longest := min(s.horizon, s.now) + 1
	km.crossed, km.censored = resize(km.crossed, longest), resize(km.censored, longest)
	clear(km.crossed)
	clear(km.censored)
	km.horizon, km.look, km.windows, km.total = s.horizon, s.look, 0, 0
	return km
}

// add counts a window that crossed after hit steps (0: not at all) and was seen
// for seen steps of the horizon.
func (km *kaplanMeier) add(hit, seen int, weight float64) {
	km.total += weight
	km.windows++
	switch {
	case hit > 0:
		km.crossed[hit] += weight
	case seen < km.horizon:
		km.censored[seen] += weight
	}
}

// windowPrior is how many independent windows every estimate starts with.
const windowPrior = .6

// passage returns the estimate. It is pulled towards what the series lets
// assume, so that few windows give no certainty. Windows that overlap are not
// independent, and what happened once is seen by all that hold it: the pull
// counts against as many of them as there is room for side by side.
func (km *kaplanMeier) passage(s *Series) (p Passage, ok bool) {
	if km.windows < 2 || !(km.total > 0) {
		return Passage{}, false
	}
	independent := max(1, float64(s.now+1)/float64(km.look))
	prior := windowPrior / min(independent, float64(km.windows))
	p.CDF = km.cdf((1-s.straight)*prior*km.total, s.chance)
	for k := range p.CDF {
		p.CDF[k] += s.straight * prior / (1 + prior) * (s.line[k] - p.CDF[k])
	}
	return p, true
}

// cdf returns the estimate with prior windows of this weight, which cross within
// the look with this chance. Beyond all that was seen only they are left.
func (km *kaplanMeier) cdf(prior, chance float64) (c CDF) {
	survival, atRisk, step := 1.0, km.total-km.censored[0], 1
	cross := -math.Expm1(math.Log1p(-chance) / float64(km.look)) // of prior windows, in a step
	for k := range c {
		end := (k + 1) * km.horizon / len(c)
		for ; step <= end && step < len(km.crossed); step++ {
			if left := max(atRisk, 0) + prior; left > 1e-12*km.total {
				survival *= 1 - min(1, (km.crossed[step]+cross*prior)/left)
			} else {
				survival *= 1 - cross
			}
			atRisk -= km.crossed[step] + km.censored[step]
		}
		if step <= end {
			survival *= math.Pow(1-cross, float64(end-step+1))
			step = end + 1
		}
		c[k] = 1 - survival
	}
	return c
}
