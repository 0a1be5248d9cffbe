package forecast

import "math"

// Reversion takes the courses of the past, moved to where the series is now, and
// lets the difference between then and now fade at the pace at which the series
// used to return to its mean.
//
// G. E. Uhlenbeck and L. S. Ornstein: On the theory of the Brownian motion.
// Physical Review 36 (1930); the noise is not assumed Gaussian but taken from
// the past, and the season is taken out first.
type Reversion struct{}

var _ Model = Reversion{}

const (
	reversionLooks = 6  // how far back the mean is taken, in horizons
	reversionLeast = 60 // steps, in any case
)

// Name returns "mean reversion".
func (Reversion) Name() string { return "mean reversion" }

// FirstPassage implements Model.
func (Reversion) FirstPassage(s *Series) (Passage, bool) {
	from := s.reversionStart()
	keep := s.reversion(from)
	path := s.seasonalPath()
	km := s.estimator()
	for _, at := range s.witnesses(from) {
		i := int(at)
		// What is left of the difference between then and now, k steps later.
		left := s.residual[s.now] - s.residual[i]
		seen := s.seen(i)
		window, known := s.residual[i+1:i+1+seen], s.values[i+1:i+1+seen]
		hit := 0
		target := s.limit - s.slack
		for k, r := range window {
			left *= keep
			if path[k]+r+left >= target && !math.IsNaN(known[k]) {
				hit = k + 1
				break
			}
		}
		km.add(hit, seen, 1)
	}
	return km.passage(s)
}

// reversionStart returns from where on the mean of the present is taken.
func (s *Series) reversionStart() int {
	n := s.now + 1
	from := n - max(reversionLooks*s.look, reversionLeast, 2*s.season)
	return max(0, from, min(s.segment, n-shortSegment))
}

// shortSegment is how few points after a shift say nothing yet.
const shortSegment = 10

// reversion returns the share of a deviation from the mean of the residual, from
// the index on, that is left one step later.
func (s *Series) reversion(from int) float64 {
	recent, mean := s.residual[from:s.now+1], 0.0
	for _, r := range recent {
		mean += r / float64(len(recent))
	}
	lag := max(1, s.look*3/16)
	var product, square float64
	for i := lag; i < len(recent); i++ {
		product += (recent[i] - mean) * (recent[i-lag] - mean)
		square += (recent[i-lag] - mean) * (recent[i-lag] - mean)
	}
	if !(square > 0) {
		return 1
	}
	return math.Pow(min(max(product/square, 1e-6), 1), 1/float64(lag))
}
