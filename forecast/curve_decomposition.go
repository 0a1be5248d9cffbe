package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// curveDecomposition takes the trend, the season and the longer season out of
// the series one after another, as MSTL does (Bandara, Hyndman and Bergmeir
// 2021), but with interquartile means of the last cycles in the place of loess:
// an outlier is one vote. What is left goes back to its mean as an autoregression of
// the first order.
type curveDecomposition struct{}

func (curveDecomposition) name() string { return "decomposition" }

func (curveDecomposition) project(c *course, origins []int, paths [][]float64) bool {
	m := c.short
	if m == 0 || origins[0] < 3*m {
		return false
	}
	rest := make([]float64, len(c.work))
	for k, o := range origins {
		rest = rest[:o]
		copy(rest, c.work)
		trend, short, long := takeSeasons(rest, m, c.long)
		floats.Sub(rest, trend)
		back := firstOrder(rest[max(0, o-max(4*m, 2*len(long))):])
		floats.Add(rest, trend)
		base := recentMean(rest, float64(m)/2)
		e := rest[o-1] - base
		for i := range paths[k] {
			e *= back
			paths[k][i] = base + e + short[(o+i)%m] + long[(o+i)%len(long)]
		}
		c.leave(paths[k])
	}
	return true
}

// takeSeasons subtracts the season of m steps and, if there are enough of it, the
// longer one from the values. It returns the trend that the values keep, and the
// seasons by phase.
func takeSeasons(values []float64, m, longer int) (trend, short, long []float64) {
	span, long := m, []float64{0}
	if longer > 0 && len(values) >= curveLongCycles*longer {
		span = longer
	}
	trend = centredMeans(values, span)
	floats.Sub(values, trend)
	short = takeSeason(values, m, 8)
	if span > m {
		long = takeSeason(values, span, 5)
	}
	floats.Add(values, trend)
	return trend, short, long
}

// takeSeason subtracts the season of m steps from the values and returns it by
// phase.
func takeSeason(values []float64, m, cycles int) []float64 {
	season, n := make([]float64, m), len(values)
	seen := make([]float64, 0, cycles)
	for phase := range season {
		seen = seen[:0]
		for i := n - 1 - (n-1-phase)%m; i >= 0 && len(seen) < cycles; i -= m {
			seen = append(seen, values[i])
		}
		slices.Sort(seen)
		outer := len(seen) / 4
		season[phase] = stat.Mean(seen[outer:len(seen)-outer], nil)
	}
	floats.AddConst(-stat.Mean(season, nil), season)
	for i := range values {
		values[i] -= season[i%m]
	}
	return season
}

// firstOrder returns the coefficient of an autoregression of the first order.
func firstOrder(values []float64) float64 {
	const most = .99
	now, before := values[1:], values[:len(values)-1]
	square := floats.Dot(before, before)
	if square == 0 {
		return 0
	}
	return max(0, min(most, floats.Dot(now, before)/square))
}

// recentMean returns the mean of values that count half as much after so many
// steps.
func recentMean(values []float64, half float64) float64 {
	sum, weights, weight := 0.0, 0.0, 1.0
	for _, v := range slices.Backward(values) {
		sum += weight * v
		weights += weight
		weight *= math.Exp2(-1 / half)
		if weight < 1e-6 {
			break
		}
	}
	return sum / weights
}
