package forecast

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// curveTheta is the Theta method (Assimakopoulos and Nikolopoulos 2000), the
// best of the M3 competition: the mean of a straight line through the series
// without its season, and of simple exponential smoothing of the same series with
// doubled distance from that line.
type curveTheta struct{}

func (curveTheta) name() string { return "theta" }

func (curveTheta) project(c *course, origins []int, paths [][]float64) bool {
	if origins[0] < 4 {
		return false
	}
	n := len(c.work)
	index, doubled := make([]float64, n), make([]float64, n)
	for i := range index {
		index[i] = float64(i)
	}
	var alpha float64
	for k, o := range origins {
		plain, season := withoutSeason(c.work[:o], c.short)
		a, b := stat.LinearRegression(index[:o], plain, nil, false)
		for i, v := range plain {
			doubled[i] = 2*v - (a + b*index[i])
		}
		if k == 0 || k == len(origins)-1 {
			alpha = bestSmoothing(doubled[:o])
		}
		_, level := exponentialSmooth(doubled[:o], alpha)
		for i := range paths[k] {
			line := a + b*float64(o+i)
			paths[k][i] = (level+line)/2 + season[(o+i)%len(season)]
		}
		c.leave(paths[k])
	}
	return true
}

// withoutSeason returns the values without their season, and the season by
// phase: the mean distance from the centred mean of one season (classical
// decomposition; Macaulay 1931).
func withoutSeason(values []float64, m int) (plain, season []float64) {
	if m < 2 || len(values) < 2*m+2 {
		return values, []float64{0}
	}
	means := centredMeans(values, m)
	season = make([]float64, m)
	counts := make([]float64, m)
	for i := m / 2; i < len(values)-m/2; i++ {
		season[i%m] += values[i] - means[i]
		counts[i%m]++
	}
	floats.Div(season, counts)
	floats.AddConst(-stat.Mean(season, nil), season)
	plain = make([]float64, len(values))
	for i, v := range values {
		plain[i] = v - season[i%m]
	}
	return plain, season
}

// bestSmoothing returns the smoothing constant with the least squared error of
// one-step forecasts.
func bestSmoothing(values []float64) float64 {
	return goldenSection(.0001, .9999, func(alpha float64) float64 {
		loss, _ := exponentialSmooth(values, alpha)
		return loss
	})
}

// exponentialSmooth returns the sum of squared one-step errors and the last level of simple
// exponential smoothing (Brown 1956). The first level is the one with the
// least loss: errors are linear in it.
func exponentialSmooth(values []float64, alpha float64) (loss, level float64) {
	var ee, ew, ww float64 // of the errors from level zero, and what the first level does to them
	weight := 1.0
	for _, v := range values {
		e := v - level
		ee += e * e
		ew += e * weight
		ww += weight * weight
		level += alpha * e
		weight *= 1 - alpha
	}
	first := ew / ww
	return ee - first*ew, level + weight*first
}

// goldenSection returns where a function of one minimum has it, by golden section
// (Kiefer 1953).
func goldenSection(a, b float64, f func(float64) float64) float64 {
	const rounds = 16
	cut := (math.Sqrt(5) - 1) / 2
	c, d := b-cut*(b-a), a+cut*(b-a)
	fc, fd := f(c), f(d)
	for range rounds {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - cut*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + cut*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}
