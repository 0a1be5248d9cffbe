package forecast

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// curveSmoothing is exponential smoothing of the level and of one or two
// seasons, whose remainder is autoregressive (Taylor 2003, 2010).
type curveSmoothing struct{}

func (curveSmoothing) name() string { return "double_seasonal_smoothing" }

func (curveSmoothing) project(c *course, origins []int, paths [][]float64) bool {
	if c.short == 0 || origins[0] < 3*c.short {
		return false
	}
	long := c.long
	if origins[0] < 3*long {
		long = 0
	}
	s := &smoothing{values: c.work, short: make([]float64, c.short), long: make([]float64, max(1, long)), hasLong: long > 0}
	last := len(origins) - 1
	past, now := origins[:last], origins[last:]
	if len(past) > 0 {
		s.fit(past[0])
		s.run(past[last-1], past, paths)
	}
	s.fit(now[0])
	s.run(now[0], now, paths[last:])
	for _, path := range paths {
		c.leave(path)
	}
	return true
}

// smoothing is a pass over values.
type smoothing struct {
	values      []float64
	constants   smoothingConstants
	short, long []float64 // the seasons by phase
	hasLong     bool
}

type smoothingConstants struct{ level, short, long, remainder float64 }

// run passes over the values before an index and returns the sum of squared
// one-step errors. On the way it forecasts from the origins.
func (s *smoothing) run(end int, origins []int, paths [][]float64) (loss float64) {
	c, m, l := s.constants, len(s.short), len(s.long)
	level, remainder := s.start(), 0.0
	for i := 0; ; i++ {
		for len(origins) > 0 && origins[0] == i {
			s.extend(i, level, remainder, paths[0])
			origins, paths = origins[1:], paths[1:]
		}
		if i == end {
			return loss
		}
		expected := level + s.short[i%m] + s.long[i%l]
		before := remainder
		remainder = s.values[i] - expected
		e := remainder - c.remainder*before
		if i >= 2*m {
			loss += e * e
		}
		level += c.level * e
		s.short[i%m] += c.short * e
		if s.hasLong {
			s.long[i%l] += c.long * e
		}
	}
}

// start sets the seasons from the first two short ones and returns the level.
func (s *smoothing) start() (level float64) {
	m := len(s.short)
	level = stat.Mean(s.values[:2*m], nil)
	for i := range s.short {
		s.short[i] = (s.values[i]+s.values[i+m])/2 - level
	}
	clear(s.long)
	return level
}

func (s *smoothing) extend(origin int, level, remainder float64, path []float64) {
	for i := range path {
		remainder *= s.constants.remainder
		at := origin + i
		path[i] = level + s.short[at%len(s.short)] + s.long[at%len(s.long)] + remainder
	}
}

// fit chooses the constants with the least loss before an index: on a grid, then
// in shrinking steps around the best of it.
func (s *smoothing) fit(end int) {
	var best smoothingConstants
	least := math.Inf(1)
	try := func(c smoothingConstants) {
		s.constants = c
		if loss := s.run(end, nil, nil); loss < least {
			best, least = c, loss
		}
	}
	for _, level := range []float64{.005, .03} {
		for _, short := range []float64{.05, .2} {
			for _, remainder := range []float64{.7, .95} {
				try(smoothingConstants{level, short, .1, remainder})
				if s.hasLong {
					try(smoothingConstants{level, short, .3, remainder})
				}
			}
		}
	}
	for factor := 2.0; factor > 1.15; factor = math.Sqrt(factor) {
		for _, f := range [...]float64{factor, 1 / factor} {
			c := best
			c.level = min(.9, c.level*f)
			try(c)
			c = best
			c.short = min(.9, c.short*f)
			try(c)
			c = best
			c.long = min(.9, c.long*f)
			try(c)
			c = best
			c.remainder = max(0, 1-(1-c.remainder)*f)
			try(c)
		}
	}
	s.constants = best
}
