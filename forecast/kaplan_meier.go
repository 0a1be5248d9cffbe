package forecast

import "math"

// kaplanMeier estimates a first-passage distribution from windows of which some
// were cut short, by the product-limit estimator.
//
// E. L. Kaplan and P. Meier: Nonparametric estimation from incomplete
// observations. Journal of the American Statistical Association 53 (1958).
type kaplanMeier struct {
	horizon  int
	crossed  []float64 // [k]: weight of windows that crossed after k steps
	censored []float64 // [k]: weight of windows that were cut short after k steps
	total    float64
	whole    float64 // weight of windows that were seen to the end
}

// estimator returns the series' estimator, empty.
func (s *Series) estimator() *kaplanMeier {
	km := &s.km
	longest := min(s.horizon, s.now) + 1
	km.crossed, km.censored = resize(km.crossed, longest), resize(km.censored, longest)
	clear(km.crossed)
	clear(km.censored)
	km.horizon, km.total, km.whole = s.horizon, 0, 0
	return km
}

// add counts a window that crossed after hit steps (0: not at all) and was seen
// for seen steps of the horizon.
func (km *kaplanMeier) add(hit, seen int, weight float64) {
	km.total += weight
	if seen == km.horizon {
		km.whole += weight
	}
	switch {
	case hit > 0:
		km.crossed[hit] += weight
	case seen < km.horizon:
		km.censored[seen] += weight
	}
}

// cdf returns the estimate. It is pulled towards one half by prior windows, so
// that few windows give no certainty.
func (km *kaplanMeier) cdf(prior float64) (c CDF) {
	survival, atRisk, step := 1.0, km.total-km.censored[0], 1
	pull := prior / (2 * float64(km.horizon)) // prior windows that cross in one step
	for k := range c {
		end := (k + 1) * km.horizon / len(c)
		for ; step <= end && step < len(km.crossed); step++ {
			survival *= 1 - min(1, (km.crossed[step]+pull)/(max(atRisk, 0)+prior))
			atRisk -= km.crossed[step] + km.censored[step]
		}
		if step <= end { // beyond all that was seen
			survival *= math.Pow(1-pull/prior, float64(end-step+1))
			step = end + 1
		}
		c[k] = 1 - survival
	}
	return c
}

// passage returns the estimate as a model's, with the share of windows that
// were seen to the end as its clarity.
func (km *kaplanMeier) passage(prior float64) (Passage, bool) {
	if !(km.total > 0) {
		return Passage{}, false
	}
	return Passage{CDF: km.cdf(prior), Clarity: km.whole / km.total}, true
}
