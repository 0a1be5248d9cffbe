package forecast

import "math"

// dampedRecent is how many values the smoothing constants are fitted to.
const dampedRecent = 500

// curveDamped is exponential smoothing of level and trend, of the series without
// its season, whose trend fades with the distance (Gardner and McKenzie 1985).
type curveDamped struct{}

func (curveDamped) name() string { return "damped_trend" }

func (curveDamped) project(c *course, origins []int, paths [][]float64) bool {
	if origins[0] < 6 {
		return false
	}
	var d damping
	for k, o := range origins {
		plain, season := withoutSeason(c.work[:o], c.short)
		if k == 0 || k == len(origins)-1 {
			d = fitDamping(plain[max(0, o-dampedRecent):])
		}
		_, level, trend := d.run(plain)
		for i := range paths[k] {
			trend *= d.fade
			level += trend
			paths[k][i] = level + season[(o+i)%len(season)]
		}
		c.leave(paths[k])
	}
	return true
}

// damping holds the smoothing constants of level and trend, and the share of the
// trend that is left after a step.
type damping struct{ level, trend, fade float64 }

// run returns the sum of squared one-step errors, and the last level and trend.
func (d damping) run(values []float64) (loss, level, trend float64) {
	few := min(len(values)-1, 4)
	level, trend = values[0], (values[few]-values[0])/float64(few)
	both := d.level * d.trend
	for _, v := range values[1:] {
		trend *= d.fade
		level += trend
		e := v - level
		loss += e * e
		level += d.level * e
		trend += both * e
	}
	return loss, level, trend
}

// fitDamping looks for the least loss on a grid, then around the best of it.
func fitDamping(values []float64) damping {
	best, lowest := damping{}, math.Inf(1)
	try := func(d damping) float64 {
		loss, _, _ := d.run(values)
		if loss < lowest {
			best, lowest = d, loss
		}
		return loss
	}
	for _, fade := range []float64{.8, .9, .97} {
		for _, level := range []float64{.1, .4, .7, .999} {
			for _, trend := range []float64{.0001, .02, .1, .4} {
				try(damping{level, trend, fade})
			}
		}
	}
	d := best
	goldenSection(d.level*.6, min(.9999, d.level*1.6), func(v float64) float64 { return try(damping{v, d.trend, d.fade}) })
	d = best
	goldenSection(d.trend*.3, min(.9999, d.trend*3), func(v float64) float64 { return try(damping{d.level, v, d.fade}) })
	return best
}
