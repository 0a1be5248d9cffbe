package forecast

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

const (
	shapeWeekGain = .97 // of the error: what the longer season has to save to be used
	shapeTrials   = 7   // levels that this is tried on
)

// curveShape forecasts how much a season brings in all (level) and how that is
// spread over its phases (shape), each for itself: the level by exponential
// smoothing, after its own pattern within the longer season is taken out, the
// shape as a mean of recent seasons and of those at the same place of the
// longer season. Splitting a day's total by the profile of earlier days is the top-down
// forecast of Gross and Sohl (1990).
type curveShape struct{}

func (curveShape) name() string { return "level_shape" }

func (curveShape) project(c *course, origins []int, paths [][]float64) bool {
	m := c.short
	if m == 0 || origins[0] < 3*m || c.low < 0 {
		return false
	}
	for k, o := range origins {
		newShaped(c.values[:o], m, c.long/m).extend(paths[k])
	}
	return true
}

// shaped is a series cut into seasons, counted so that the last one ends now.
type shaped struct {
	seasons [][]float64
	levels  []float64 // the sum of each
	cycle   int       // seasons in a longer season; 1: none
}

func newShaped(values []float64, m, cycle int) *shaped {
	s := &shaped{cycle: 1}
	for from := len(values) % m; from < len(values); from += m {
		s.seasons = append(s.seasons, values[from:from+m])
		s.levels = append(s.levels, floats.Sum(values[from:from+m]))
	}
	n := len(s.levels)
	if cycle > 1 && n >= 3*cycle && s.tryCycle(cycle) < shapeWeekGain*s.tryCycle(1) {
		s.cycle = cycle
	}
	return s
}

// tryCycle returns the error at the last levels, each forecast from those before.
func (s *shaped) tryCycle(cycle int) float64 {
	sum, n := 0.0, len(s.levels)
	for at := n - min(shapeTrials, n/3); at < n; at++ {
		sum += math.Abs(nextLevels(s.levels[:at], cycle, 1)[0] - s.levels[at])
	}
	return sum
}

// nextLevels forecasts levels.
func nextLevels(levels []float64, cycle, count int) []float64 {
	n, pattern := len(levels), levelPattern(levels, cycle)
	plain := make([]float64, n)
	for i, v := range levels {
		plain[i] = v / pattern[i%cycle]
	}
	_, level := exponentialSmooth(plain, bestSmoothing(plain))
	next := make([]float64, count)
	for i := range next {
		next[i] = level * pattern[(n+i)%cycle]
	}
	return next
}

// levelPattern returns by how much each place of the longer season differs from
// its mean, somewhat shrunk.
func levelPattern(levels []float64, cycle int) []float64 {
	const recent, shrink = 4, .85
	pattern := make([]float64, cycle)
	n := len(levels)
	for i := range cycle {
		sum, count := 0.0, 0.0
		for j := n - 1 - i; j >= 0 && count < recent; j -= cycle {
			sum += levels[j]
			count++
		}
		pattern[(n-1-i)%cycle] = sum / count
	}
	mean := floats.Sum(pattern) / float64(cycle)
	for i, v := range pattern {
		pattern[i] = 1
		if mean > 0 {
			pattern[i] = shrink*v/mean + 1 - shrink
		}
	}
	return pattern
}

func (s *shaped) extend(path []float64) {
	m := len(s.seasons[0])
	levels := nextLevels(s.levels, s.cycle, (len(path)+m-1)/m)
	for q, level := range levels {
		part := path[q*m : min((q+1)*m, len(path))]
		shape := s.shape(q)
		for i := range part {
			part[i] = level * shape[i]
		}
	}
}

// shape returns the share of each phase in the season that is ahead by this
// many.
func (s *shaped) shape(ahead int) []float64 {
	n := len(s.seasons)
	shape, total := make([]float64, len(s.seasons[0])), 0.0
	add := func(at int, weight float64) {
		if at >= 0 && at < n && s.levels[at] > 0 {
			floats.AddScaled(shape, weight/s.levels[at], s.seasons[at])
			total += weight
		}
	}
	add(n-1, .5)
	add(n-2, .35)
	for j := 1; j <= 4 && s.cycle > 1; j++ {
		add(n+ahead%s.cycle-s.cycle*j, 1.6*math.Pow(.75, float64(j-1)))
	}
	for j := 3; j <= 5 && s.cycle == 1; j++ {
		add(n-j, .25)
	}
	if total > 0 {
		floats.Scale(1/total, shape)
	}
	return shape
}
