package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

const (
	shiftOfUsual  = 6   // how many times the usual step a shift is
	shiftOfSpread = .25 // and how much of the spread
	shiftLook     = 5   // points on both sides that have to agree
	shiftFewest   = 3   // points after it, or it may be an outlier
)

// findSegment returns where the last level shift happened: a reset, a clean-up,
// a patch day, a route change. It is the latest step that is far larger than
// usual and after which the series stayed: the medians of the points on its two
// sides differ as well, so that a lone outlier is none.
func (s *Series) findSegment() int {
	if s.now < 2*shiftLook {
		return 0
	}
	s.left = resize(s.left, s.now)
	for i := range s.left {
		s.left[i] = math.Abs(s.filled[i+1] - s.filled[i])
	}
	usual := stat.Quantile(.9, stat.Empirical, s.sortedSample(s.left, sampleSize), nil)
	return s.lastShift(max(shiftOfUsual*usual, shiftOfSpread*s.spread))
}

// lastShift returns the index of the latest shift of more than this size, 0 if
// there is none.
func (s *Series) lastShift(size float64) int {
	for i := s.now + 1 - shiftFewest; i > 0; i-- {
		if math.Abs(s.filled[i]-s.filled[i-1]) <= size {
			continue
		}
		before := median(s.filled[max(0, i-shiftLook):i])
		after := median(s.filled[i:min(s.now+1, i+shiftLook)])
		if math.Abs(after-before) > size/2 {
			return i
		}
	}
	return 0
}

// median returns the median of at most shiftLook values.
func median(few []float64) float64 {
	var buf [shiftLook]float64
	sorted := buf[:copy(buf[:], few)]
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
