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
	seasonLeast  = .35  // correlation of a season with the one before it
	seasonBetter = .05  // by which a longer season has to beat a shorter one
	seasonSteps  = 4    // in the shortest season that can be seen
	seasonFaint  = 1e-6 // of the spread: less is a pattern of rounding errors

	year = 8766 * time.Hour
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
	for _, period := range [...]time.Duration{time.Hour, barograph.Day, barograph.Week, year} {
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
	for i := first; i <= last; i++ {
		a := i - m/2
		s.detrended[i] = s.values[i] - (s.sums[a+m]-s.sums[a])/float64(m)
	}
	s.left, s.right = s.left[:0], s.right[:0]
	for i := first + m; i <= last; i++ {
		a, b := s.detrended[i], s.detrended[i-m]
		if !math.IsNaN(a) && !math.IsNaN(b) {
			s.left, s.right = append(s.left, a), append(s.right, b)
		}
	}
	if len(s.left) < max(8, m/2) {
		return 0
	}
	if stat.StdDev(s.left, nil) <= seasonFaint*s.spread {
		return 0
	}
	if r := stat.Correlation(s.left, s.right, nil); !math.IsNaN(r) {
		return r
	}
	return 0
}

// seasonFade is what a season's weight in the profile is to that of the next.
const seasonFade = .8

// deseason finds the profile of the season, the mean deviation of each phase
// from the mean of the season around it (classical decomposition; newer seasons
// count more), and takes it out of the series.
func (s *Series) deseason() {
	n, m := s.now+1, s.season
	s.profile = resize(s.profile, m)
	s.residual = resize(s.residual, n)
	copy(s.residual, s.filled)
	if m == 0 {
		return
	}
	clear(s.profile)
	s.left = resize(s.left, m)
	clear(s.left)
	weight := 1.0
	for end := n; end > 0; end -= m { // a season at a time, from now on back
		for i := max(0, end-m); i < end; i++ {
			if math.IsNaN(s.values[i]) {
				continue
			}
			a := min(max(0, i-m/2), n-m)
			s.profile[i%m] += weight * (s.filled[i] - (s.sums[a+m]-s.sums[a])/float64(m))
			s.left[i%m] += weight
		}
		weight *= seasonFade
	}
	for phase, w := range s.left {
		if w > 0 {
			s.profile[phase] /= w
		}
	}
	for i := range s.residual {
		s.residual[i] -= s.profile[i%m]
	}
}

// seasonalPath returns what the season adds to the residual at each step of
// the horizon, valid until the next call.
func (s *Series) seasonalPath() []float64 {
	steps := min(s.horizon, s.now)
	s.ahead = resize(s.ahead, steps)
	clear(s.ahead)
	if s.season > 0 {
		for k := range s.ahead {
			s.ahead[k] = s.profile[(s.now+1+k)%s.season]
		}
	}
	return s.ahead
}

// resize returns buf with n elements, of which the old content may be lost.
func resize(buf []float64, n int) []float64 {
	return slices.Grow(buf[:0], n)[:n]
}
