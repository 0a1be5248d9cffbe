package forecast

import (
	"cmp"
	"math"
	"slices"
)

// Analogues asks what happened in the situations that were most like the
// present one: near in level, in short and in long slope and, where there is a
// season, in phase.
//
// S. Yakowitz: Nearest-neighbour methods for time series analysis. Journal of
// Time Series Analysis 8 (1987). The idea is older: E. N. Lorenz, Atmospheric
// predictability as revealed by naturally occurring analogues (1969).
type Analogues struct{}

var _ Model = Analogues{}

const (
	analogueNeighbours = 50  // that vote
	analogueCandidates = 500 // that are compared, at most
	analogueFewest     = 20  // candidates, below which there is no telling near from far

	levelWeight = 9   // of a squared distance in spreads
	slopeWeight = .5  // of a squared distance in usual slopes
	phaseWeight = 200 // of a squared distance in seasons
)

// analogue is a past moment and how unlike the present it is.
type analogue struct {
	distance float64
	origin   int
}

// Name returns "analogues".
func (Analogues) Name() string { return "analogues" }

// FirstPassage implements Model.
func (Analogues) FirstPassage(s *Series) (Passage, bool) {
	long := max(2, s.horizon/2)
	candidates := s.origins(long)
	if len(candidates) < analogueFewest {
		return Passage{}, false
	}
	s.rankAnalogues(candidates, max(1, s.horizon/8), long)
	voters := s.analogues[:min(analogueNeighbours, max(8, len(s.analogues)/3), len(s.analogues))]
	bandwidth := voters[len(voters)-1].distance + math.SmallestNonzeroFloat64

	km, votes := s.estimator(), tally{}
	for _, a := range voters {
		age := float64(s.now-a.origin) / float64(s.now+1)
		hit, seen := s.rise(a.origin, s.gap)
		km.add(hit, seen, math.Exp(-1.5*a.distance/bandwidth)*math.Exp2(-age))
		votes.add(hit, seen, s.horizon)
	}
	p, ok := km.passage(2 * windowPrior * km.total / float64(len(voters)))
	p.Windows, p.Hits, p.Witnesses = votes.windows, votes.hits, "most similar situations"
	return p, ok
}

// rankAnalogues fills s.analogues with at most analogueCandidates of the
// candidates, nearest first.
func (s *Series) rankAnalogues(candidates []int32, short, long int) {
	level := math.Sqrt(levelWeight) / s.spread
	shortUnit, longUnit := s.usualMove(short), s.usualMove(long)
	now := s.now
	shortNow := s.filled[now] - s.filled[now-short]
	longNow := s.filled[now] - s.filled[now-long]

	s.analogues = s.analogues[:0]
	stride := max(1, len(candidates)/analogueCandidates)
	for at := len(candidates) - 1; at >= 0; at -= stride {
		i := int(candidates[at])
		x := (s.filled[i] - s.filled[now]) * level
		y := (s.filled[i] - s.filled[i-short] - shortNow) / shortUnit
		z := (s.filled[i] - s.filled[i-long] - longNow) / longUnit
		d := x*x + slopeWeight*(y*y+z*z)
		if s.season > 0 {
			phase := float64((now-i)%s.season) / float64(s.season)
			phase = min(phase, 1-phase)
			d += phaseWeight * phase * phase
		}
		s.analogues = append(s.analogues, analogue{min(d, math.MaxFloat32), i})
	}
	slices.SortFunc(s.analogues, func(a, b analogue) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(b.origin, a.origin))
	})
}

// usualMove returns the mean absolute change over lag steps, above zero.
func (s *Series) usualMove(lag int) float64 {
	sum, n := 0.0, 0
	for i := lag; i <= s.now; i += max(1, s.now/400) {
		sum += math.Abs(s.filled[i] - s.filled[i-lag])
		n++
	}
	return sum/float64(max(n, 1)) + 1e-9*s.spread
}
