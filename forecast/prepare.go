package forecast

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"

	"github.com/barograph/barograph"
)

// maxPoints is how much history is kept, counted from its end.
const maxPoints = 2016

// Series is a question prepared for the models: mirrored so that the limit lies
// above, scaled so that no arithmetic overflows, cut to the newest part, and
// with what all models need to know about it. It ends at its last known value.
type Series struct {
	values   []float64 // NaN is a null
	filled   []float64 // nulls take the value before them
	observed []int32   // where values are known
	ends     []int32   // the last index before the next long gap; nil: no such gap

	now     int     // the last index, whose value is known
	horizon int     // steps
	look    int     // the horizon rounded up to a power of two: how far models look around
	limit   float64 // scaled
	strict  bool    // the limit must be passed, not only reached
	slack   float64 // differences as small as this are rounding errors
	gap     float64 // from the last value up to the limit
	spread  float64 // from the 10 % to the 90 % quantile, above zero
	season  int     // steps; 0: none
	segment int     // where the last level shift happened
	scale   int     // values were divided by 2^scale

	profile   []float64 // of a season, by index modulo season; empty: no season
	residual  []float64 // the filled values without it
	course    trend     // of the last segment, if it has one
	hasCourse bool
	chance    float64 // of crossing within the look, before anything is counted
	straight  float64 // how much of what it moved lately is a straight line, 0 to 1
	line      CDF     // what that line says, if there is one

	// Scratch, kept for the next question.
	sums, detrended, left, right, sorted, ahead []float64
	analogues                                   []analogue
	chosen                                      []int32
	teeth                                       []tooth
	km                                          kaplanMeier
	ar                                          regression
}

// Prepare returns the question prepared for the models; ok is false if it has
// no values, no horizon or no finite limit.
func Prepare(q Question) (s *Series, ok bool) {
	s = new(Series)
	if !s.load(q) {
		return nil, false
	}
	s.describe(q)
	return s, true
}

// load takes over the values of the question.
func (s *Series) load(q Question) bool {
	values := trim(q.Values)
	s.horizon = min(q.Horizon, longestHorizon)
	s.look = lookAround(q.Horizon)
	if len(values) == 0 || q.Horizon <= 0 || !finite(q.Limit) {
		return false
	}
	s.now = len(values) - 1
	sign := 1.0
	if !q.Operator.Upward() {
		sign = -1
	}
	s.scale = exponent(values, q.Limit)
	s.limit = math.Ldexp(sign*q.Limit, -s.scale)
	s.strict = q.Operator == barograph.Above || q.Operator == barograph.Below
	s.copyValues(values, sign)
	s.markGaps()
	s.gap = s.limit - s.values[s.now]
	return true
}

// longestHorizon keeps steps within what can be multiplied.
const longestHorizon = 1 << 40

// lookAround returns the least power of two that is not below the horizon: what
// the models see of the past is the same for all horizons in between.
func lookAround(horizon int) int {
	look := 1
	for look < min(horizon, maxPoints) {
		look *= 2
	}
	return look
}

// trim returns the newest values, from the first to the last known one.
func trim(values []float64) []float64 {
	values = values[:lastKnown(values)+1]
	values = values[max(0, len(values)-maxPoints):]
	for len(values) > 0 && !finite(values[0]) {
		values = values[1:]
	}
	return values
}

// exponent returns the power of two that brings the largest value or the limit,
// whichever is larger, just below one. Dividing by a power of two is exact.
func exponent(values []float64, limit float64) int {
	largest := min(math.Abs(limit), math.MaxFloat64)
	for _, v := range values {
		if a := math.Abs(v); a > largest && a <= math.MaxFloat64 {
			largest = a
		}
	}
	_, exp := math.Frexp(largest)
	return exp
}

func (s *Series) copyValues(values []float64, sign float64) {
	n := len(values)
	s.values, s.filled = resize(s.values, n), resize(s.filled, n)
	s.observed = s.observed[:0]
	factor, exact := sign*math.Ldexp(1, -s.scale), s.scale > -1000 && s.scale < 1000
	last := 0.0
	for i, v := range values {
		switch {
		case !finite(v):
			v = math.NaN()
		case exact:
			v *= factor
		default:
			v = math.Ldexp(sign*v, -s.scale)
		}
		if !math.IsNaN(v) {
			last = v
			s.observed = append(s.observed, int32(i))
		}
		s.values[i], s.filled[i] = v, last
	}
}

// markGaps notes where a run of nulls longer than the horizon cuts the series
// in two, for windows to end there.
func (s *Series) markGaps() {
	s.ends = s.ends[:0]
	for j := 1; j < len(s.observed); j++ {
		if int(s.observed[j]-s.observed[j-1])-1 <= s.horizon {
			continue
		}
		for len(s.ends) < int(s.observed[j]) {
			s.ends = append(s.ends, s.observed[j-1])
		}
	}
	for len(s.ends) > 0 && len(s.ends) <= s.now {
		s.ends = append(s.ends, int32(s.now)) //nolint:gosec // at most maxPoints
	}
}

// describe finds out what the models need to know.
func (s *Series) describe(q Question) {
	s.spread = s.width()
	s.dropOutlier()
	s.slack = roundingError * s.spread
	if s.strict {
		s.slack = -s.slack
	}
	s.season = s.findSeason(stepOf(q))
	s.segment = s.findSegment()
	s.deseason()
	s.assume()
}

// assume finds out what estimates from windows start with: the chance of a rise
// as far as the limit, an even one for all that the series ever moved and soon
// none beyond, and what the straight line says, as far as the series is one.
func (s *Series) assume() {
	low, high := s.extremes(0)
	ratio := s.gap / max(high-low, s.spread)
	s.chance = .5 / max(1, ratio*ratio*ratio*ratio)
	s.straight = 0
	if s.course, s.hasCourse = s.trend(); s.hasCourse {
		s.line, s.straight = s.lineOf(s.course), s.straightness(s.course)
	}
}

// roundingError is the share of the spread that is not told from none: two
// sums that ought to be the same may differ by it.
const roundingError = 1e-9

// width returns the distance from the 10 % to the 90 % quantile, or, if that is
// zero, of the whole range, or, if that is zero too, to the limit.
func (s *Series) width() float64 {
	sorted := s.sortedSample(s.filled, sampleSize)
	width := stat.Quantile(.9, stat.Empirical, sorted, nil) - stat.Quantile(.1, stat.Empirical, sorted, nil)
	if width > 0 {
		return width
	}
	if low, high := s.extremes(0); high > low {
		return high - low
	}
	return math.Abs(s.gap) + 1e-9
}

// sampleSize is how many values quantiles are taken from, about.
const sampleSize = 256

// sortedSample returns at most about most of the values, evenly chosen and
// sorted, valid until the next call.
func (s *Series) sortedSample(values []float64, most int) []float64 {
	s.sorted = s.sorted[:0]
	stride := max(1, len(values)/most)
	for i := len(values) - 1; i >= 0; i -= stride {
		s.sorted = append(s.sorted, values[i])
	}
	slices.Sort(s.sorted)
	return s.sorted
}

// extremes returns the least and the largest value from the index on.
func (s *Series) extremes(from int) (low, high float64) {
	low, high = s.filled[from], s.filled[from]
	for _, v := range s.filled[from:] {
		if v < low {
			low = v
		} else if v > high {
			high = v
		}
	}
	return low, high
}

// shortestWindow is how many steps a window must show to be a witness.
func (s *Series) shortestWindow() int { return max(1, s.look/6) }

// origins returns the past moments from index first on that windows may start
// at: those with a value and a window that is not too short.
func (s *Series) origins(first int) []int32 {
	last := s.now - s.shortestWindow()
	a := sort.Search(len(s.observed), func(j int) bool { return int(s.observed[j]) >= first })
	b := sort.Search(len(s.observed), func(j int) bool { return int(s.observed[j]) > last })
	return s.observed[a:max(a, b)]
}

// rise looks at the window that follows index i: after how many steps had the
// series risen by the given amount (0: not at all), and how many steps of the
// horizon were seen.
func (s *Series) rise(i int, by float64) (hit, seen int) {
	seen = s.seen(i)
	target := s.values[i] + by - s.slack
	for k, v := range s.values[i+1 : i+1+seen] {
		if v >= target {
			return k + 1, seen
		}
	}
	return 0, seen
}

// seen returns how many steps of the horizon after index i are known, or would
// be if there were no nulls.
func (s *Series) seen(i int) int {
	end := s.now
	if len(s.ends) > 0 {
		end = int(s.ends[i])
	}
	return min(s.horizon, end-i)
}

// recent returns where the part of the history begins that is like the present:
// after the last level shift, if that is long enough ago.
func (s *Series) recent() int {
	if s.now+1-s.segment < max(recentLeast, s.look*3/4) {
		return 0
	}
	return s.segment
}

// recentLeast is how many points it takes at least.
const recentLeast = 24

// strideFor returns every how manieth of n to take, to have at most so many.
func strideFor(n, most int) int { return max(1, (n+most-1)/most) }

// mostWitnesses is how many past moments a model asks, at most.
const mostWitnesses = 128

// witnesses returns at most mostWitnesses of the origins, newest first, evenly
// spread, valid until the next call.
func (s *Series) witnesses(first int) []int32 {
	origins := s.origins(first)
	s.chosen = s.chosen[:0]
	stride := strideFor(len(origins), mostWitnesses)
	for at := len(origins) - 1; at >= 0; at -= stride {
		s.chosen = append(s.chosen, origins[at])
	}
	return s.chosen
}

func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat64 }
