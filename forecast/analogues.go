package forecast

import "math"

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
	analogueNeighbours = 120 // that vote, at most
	analogueCandidates = 500 // that are compared, at most
	analogueFewest     = 20  // candidates, below which there is no telling near from far

	levelWeight = 16  // of a squared distance in spreads
	slopeWeight = .25 // of a squared distance in usual slopes
	phaseWeight = 200 // of a squared distance in seasons
	kernelDecay = 2.5 // of a vote, from the nearest to the farthest neighbour
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
	voters := s.neighbours()
	if len(voters) == 0 {
		return Passage{}, false
	}
	farthest := math.SmallestNonzeroFloat64
	for _, a := range voters {
		farthest = max(farthest, a.distance)
	}
	km, votes := s.estimator(), tally{}
	for _, a := range voters {
		age := float64(s.now-a.origin) / float64(s.now+1)
		hit, seen := s.rise(a.origin, s.gap)
		km.add(hit, seen, math.Exp(-kernelDecay*a.distance/farthest-math.Ln2*age))
		votes.add(hit, seen, s.horizon)
	}
	p, ok := km.passage(s)
	p.Windows, p.Hits, p.Witnesses = votes.windows, votes.hits, "most similar situations"
	return p, ok
}

// neighbours returns the past moments most like the present one, in no
// particular order; none if too few can be compared.
func (s *Series) neighbours() []analogue {
	s.compareAnalogues()
	most := min(analogueNeighbours, max(8, len(s.analogues)/3), len(s.analogues))
	selectNearest(s.analogues, most)
	return s.analogues[:most]
}

// selectNearest brings the n nearest to the front (C. A. R. Hoare: Algorithm
// 65, Find, 1961). Of equally near ones the newer is the nearer.
func selectNearest(all []analogue, n int) {
	for len(all) > 1 && n > 0 && n < len(all) {
		pivot := all[len(all)/2]
		i, j := 0, len(all)-1
		for i <= j {
			for all[i].nearer(pivot) {
				i++
			}
			for pivot.nearer(all[j]) {
				j--
			}
			if i <= j {
				all[i], all[j] = all[j], all[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			all = all[:j+1]
		case n > i:
			all, n = all[i:], n-i
		default:
			return
		}
	}
}

func (a analogue) nearer(b analogue) bool {
	return a.distance < b.distance || a.distance == b.distance && a.origin > b.origin
}

// compareAnalogues fills s.analogues with at most analogueCandidates past
// moments.
func (s *Series) compareAnalogues() {
	s.analogues = s.analogues[:0]
	short, long := max(1, s.look*3/32), max(2, s.look*3/8)
	candidates := s.origins(long)
	if len(candidates) < analogueFewest {
		return
	}
	level := math.Sqrt(levelWeight) / s.spread
	shortUnit, longUnit := s.usualMove(short), s.usualMove(long)
	now := s.now
	shortNow := s.filled[now] - s.filled[now-short]
	longNow := s.filled[now] - s.filled[now-long]
	stride := strideFor(len(candidates), analogueCandidates)
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
		s.analogues = append(s.analogues, analogue{min(d, math.MaxFloat32), i}) // infinity over infinity is no number
	}
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
