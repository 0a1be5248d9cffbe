package forecast

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// outlierSize is how many times the whole usual range (from the 5 % to the 95 %
// quantile) an outlier leaps out of its surroundings.
const outlierSize = 3

// dropOutlier makes a null of a value that leaps out of its surroundings and
// back at the next step, far beyond all that the series usually does, if that
// happened only once: a fault of the measurement. What happens twice is what
// the series does, and the newest value is not judged before the next.
func (s *Series) dropOutlier() {
	sorted := s.sorted // by width, just now
	usual := stat.Quantile(.95, stat.Empirical, sorted, nil) - stat.Quantile(.05, stat.Empirical, sorted, nil)
	least := max(outlierSize*usual, roundingError*s.spread)
	found := 0
	for j := 1; j < len(s.observed)-1; j++ {
		i := s.observed[j]
		before, v, after := s.values[s.observed[j-1]], s.values[i], s.values[s.observed[j+1]]
		if up, down := v-before, v-after; math.Abs(up) > least && math.Abs(down) > least && (up > 0) == (down > 0) {
			if found > 0 {
				return
			}
			found = j
		}
	}
	if found == 0 {
		return
	}
	i := int(s.observed[found])
	before := s.filled[i-1]
	for k := i; k < int(s.observed[found+1]); k++ {
		s.filled[k] = before
	}
	s.values[i] = math.NaN()
	s.observed = append(s.observed[:found], s.observed[found+1:]...)
	s.markGaps()
	s.spread = s.width()
}
