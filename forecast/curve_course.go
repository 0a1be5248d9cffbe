package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/barograph/barograph"
)

const (
	curveRanges   = 2   // how far outside the past's range a path may lead, in ranges
	logsFromRatio = 1.2 // of the largest to the smallest value; below it a logarithm is a line
	logsOfZeros   = .1  // of the mean, added where the logarithm of zero would be asked for
)

// course is a question prepared for the models of the curve: cut to the newest
// part, scaled so that no arithmetic overflows, and with its nulls filled.
type course struct {
	values []float64 // the last one is known
	known  []bool    // false: a null that was filled
	// work holds the values on the scale that suits them: logarithms where they
	// are positive and vary by much, else the values themselves.
	work   []float64
	logs   bool
	offset float64 // work is log(values+offset)

	steps       int // to forecast after the last value
	short, long int // seasons in steps, 0: none; long is a multiple of short
	low, high   float64
	floor       float64 // no path leads below it
	scale       int     // values were divided by 2^scale
	added       bool    // level shifts were taken out by adding
}

// newCourse returns the question's course; ok is false if it has no horizon or
// no known value.
func newCourse(q Question) (c *course, ok bool) {
	recent := q.Values[max(0, len(q.Values)-maxPoints):]
	last := lastFinite(recent)
	if last < 0 || q.Horizon <= 0 {
		return nil, false
	}
	c = &course{steps: q.Horizon + len(recent) - 1 - last}
	c.load(recent[:last+1])
	c.findSeasons(stepOf(q))
	if c.align() {
		c.findSeasons(stepOf(q)) // is seen better now
	}
	c.fillGaps()
	c.transform()
	return c, true
}

func lastFinite(values []float64) int {
	for i, v := range slices.Backward(values) {
		if finite(v) {
			return i
		}
	}
	return -1
}

// load takes the values over, from the first known one on. Scaling by a power
// of two is exact.
func (c *course) load(values []float64) {
	largest := 0.0
	for _, v := range values {
		if finite(v) {
			largest = max(largest, math.Abs(v))
		}
	}
	_, c.scale = math.Frexp(largest)
	c.values, c.known = make([]float64, 0, len(values)), make([]bool, 0, len(values))
	c.low, c.high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		switch {
		case finite(v):
			v = math.Ldexp(v, -c.scale)
			c.low, c.high = min(c.low, v), max(c.high, v)
			c.values, c.known = append(c.values, v), append(c.known, true)
		case len(c.values) > 0:
			c.values, c.known = append(c.values, c.values[len(c.values)-1]), append(c.known, false)
		}
	}
	c.floor = math.Inf(-1)
	if c.low >= 0 {
		c.floor = 0
	}
}

// fillGaps fills nulls: a straight line across, plus, if the gap is long
// and a season before it is there, what that season did.
func (c *course) fillGaps() {
	for i := 1; i < len(c.values); i++ {
		if c.known[i] {
			continue
		}
		end := i
		for !c.known[end] {
			end++
		}
		c.fillGap(i, end)
		i = end
	}
}

func (c *course) fillGap(from, end int) {
	m := c.long
	if m == 0 || from <= m {
		m = c.short
	}
	if from <= m || end-from < max(2, c.short/8) {
		m = 0
	}
	season := func(i int) float64 {
		if m == 0 {
			return 0
		}
		return c.values[i-m]
	}
	before, after := c.values[from-1]-season(from-1), c.values[end]-season(end)
	for i := from; i < end; i++ {
		share := float64(i-from+1) / float64(end-from+1)
		c.values[i] = max(c.low, min(c.high, before+share*(after-before)+season(i)))
	}
}

// transform chooses the scale that the models work on. Where a level
// shift was taken out by adding, values add up: no logarithms.
func (c *course) transform() {
	c.work = slices.Clone(c.values)
	if c.added || c.low < 0 || c.high <= logsFromRatio*c.low {
		return
	}
	c.logs = c.high > 0
	if c.low == 0 {
		c.offset = logsOfZeros * stat.Mean(c.values, nil)
	}
	if c.logs {
		for i, v := range c.values {
			c.work[i] = math.Log(v + c.offset)
		}
	}
}

// leave takes a path from the scale that models work on back to values.
func (c *course) leave(path []float64) {
	if !c.logs {
		return
	}
	for i, v := range path {
		path[i] = math.Exp(v) - c.offset
	}
}

// enter takes a value to the scale that models work on; less than a tenth of the
// lowest value of the past counts as that tenth.
func (c *course) enter(v float64) float64 {
	if !c.logs {
		return v
	}
	return math.Log(max(v, c.low/10) + c.offset)
}

// clip keeps a value near the range of the past, and a series that was never
// negative from becoming so. What is not a number becomes the last value.
func (c *course) clip(v float64) float64 {
	if math.IsNaN(v) {
		v = c.values[len(c.values)-1]
	}
	reach := curveRanges * (c.high - c.low)
	least, most := max(c.floor, c.low-reach), c.high+reach
	return max(least, min(most, v))
}

// restore takes a value back to the question's unit and into its bounds.
func (c *course) restore(v float64, b *barograph.Bounds) float64 {
	v = math.Ldexp(c.clip(v), c.scale)
	v = max(-math.MaxFloat64, min(math.MaxFloat64, v))
	if b != nil && b.Min != nil {
		v = max(v, *b.Min)
	}
	if b != nil && b.Max != nil {
		v = min(v, *b.Max)
	}
	return v
}

// centredMeans returns the mean of the m values around each value, the nearest
// such mean at both ends. There must be m values.
func centredMeans(values []float64, m int) []float64 {
	n := len(values)
	sums, means := make([]float64, n+1), make([]float64, n)
	floats.CumSum(sums[1:], values)
	for i := range means {
		from := max(0, min(n-m, i-m/2))
		means[i] = (sums[from+m] - sums[from]) / float64(m)
	}
	return means
}
