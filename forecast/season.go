package forecast

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/barograph/barograph"
)

const (
	seasonLeast  = .35 // correlation of a season with the one before it
	seasonBetter = .05 // by which a longer season has to beat a shorter one
	seasonSteps  = 4   // in the shortest season that can be seen
)

// findSeason returns the calendar period, in steps, at which the series
// resembles itself best, 0 if there is none. The trend is removed first (a
// centred mean of one season), or else every trend would pass for a season.
func (s *Series) findSeason(step time.Duration) int {
	n := s.now + 1
	s.sums = resize(s.sums, n+1)
	s.sums[0] = 0
	floats.CumSum(s.sums[1:], s.filled)
	best, strength := 0, seasonLeast
	for _, period := range [...]time.Duration{time.Hour, barograph.Day, barograph.Week} {
		m := int(math.Round(float64(period) / float64(step)))
		if m < seasonSteps || n < 2*m+2 {
			continue
		}
		if r := s.seasonality(m); r > strength {
			best, strength = m, r+seasonBetter
		}
	}
	return best
}

// seasonality returns the correlation of the detrended series with itself one
// season of m steps earlier, 0 if too little of it is known.
func (s *Series) seasonality(m int) float64 {
	n := s.now + 1
	s.detrended = resize(s.detrended, n)
	first, last := m/2, n-m+m/2 // where a centred mean fits
	for i := first; i <= last && i < n; i++ {
		a := i - m/2
		s.detrended[i] = s.values[i] - (s.sums[a+m]-s.sums[a])/float64(m)
	}
	s.left, s.right = s.left[:0], s.right[:0]
	for i := first + m; i <= last && i < n; i++ {
		a, b := s.detrended[i], s.detrended[i-m]
		if !math.IsNaN(a) && !math.IsNaN(b) {
			s.left, s.right = append(s.left, a), append(s.right, b)
		}
	}
	if len(s.left) < max(8, m/2) {
		return 0
	}
	if r := stat.Correlation(s.left, s.right, nil); !math.IsNaN(r) {
		return r
	}
	return 0
}

// resize returns buf with n elements, of which the old content may be lost.
func resize(buf []float64, n int) []float64 {
	return slices.Grow(buf[:0], n)[:n]
}
