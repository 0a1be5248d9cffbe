package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// kind says how a limit is chosen; it is the "rule" of a question.
type kind string

const (
	quantile   kind = "q"     // one of the upper quantiles of the past
	distance   kind = "d"     // some way from the last value, by how much the series moves
	maximum    kind = "max"   // the most there was, or a little more
	line       kind = "lin"   // where the present trend leads to
	percentage kind = "fix"   // one of those that people give to percentages
	growth     kind = "cap"   // a little more than the last value
	count      kind = "pend"  // one of those that people give to small counts
	round      kind = "round" // a round number above the last value
)

func kinds() []kind {
	return []kind{quantile, distance, maximum, line, percentage, growth, count, round}
}

// usual returns the mix for questions that don't say of which kind they are.
func usual() []kind {
	return []kind{quantile, quantile, quantile, quantile, distance, distance, distance, maximum, maximum, line, line, round, round}
}

// turns reports whether a limit of the kind can be below as well as above.
func (k kind) turns() bool {
	return k == quantile || k == distance || k == maximum || k == line
}

// limit draws a limit of the kind, in the mirrored terms of the past.
func (k kind) limit(p *past, r *rand.Rand) float64 {
	switch k {
	case quantile:
		return p.quantile(pick(r, .85, .9, .95, .98, .99, .995))
	case distance:
		return p.last() + p.move(r)
	case maximum:
		return slices.Max(p.values) + spreadOf(p.values)*pick(r, 0, 0, 0, 0, 0, .02, .05, .1)
	case line:
		return p.line(r)
	case percentage:
		return p.sign * pick(r, 5., 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95)
	case growth:
		return p.last() * (1 + pick(r, .001, .002, .005, .01, .02, .05, .1))
	case count:
		return p.sign * pick(r, 3., 5, 8, 10, 12, 15, 20, 25, 30, 40, 50)
	case round:
		step := roundStep(spreadOf(p.values) * pick(r, .1, .2, .5))
		return (math.Floor(p.last()/step) + 1) * step
	}
	return p.last() // crossed already: no question
}

// past is what a limit is chosen by.
type past struct {
	values  []float64 // known ones, mirrored by the sign so that the limit lies above
	sign    float64
	horizon int
}

func newPast(history []float64, horizon int, upward bool) *past {
	p := &past{values: observed(history), sign: 1, horizon: horizon}
	if !upward {
		p.mirror()
	}
	return p
}

// mirror asks the other way.
func (p *past) mirror() {
	p.sign = -p.sign
	floats.Scale(-1, p.values)
}

func (p *past) last() float64 { return p.values[len(p.values)-1] }

func (p *past) deviation() float64 { return stat.PopStdDev(p.values, nil) }

func (p *past) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(p.values))
	at, rest := math.Modf(q * float64(len(sorted)-1))
	low, high := sorted[int(at)], sorted[min(int(at)+1, len(sorted)-1)]
	return low + rest*(high-low)
}

// move draws a distance, by one of three measures of how much the series moves:
// in all, in a random walk of the horizon's length, and between a horizon's ends.
func (p *past) move(r *rand.Rand) float64 {
	switch r.IntN(3) {
	case 0:
		return p.deviation() * pick(r, .1, .2, .5, .7, 1, 1.5, 2)
	case 1:
		walk := stat.PopStdDev(p.steps(1), nil) * math.Sqrt(float64(p.horizon))
		return walk * pick(r, .1, .2, .5, 1, 1.5)
	}
	if len(p.values) <= 2*p.horizon {
		return 0
	}
	moves := past{values: p.steps(p.horizon)}
	return moves.quantile(.5) * pick(r, .5, 1, 1.5, 2)
}

// steps returns how far values are apart, lag steps from one another.
func (p *past) steps(lag int) []float64 {
	out := make([]float64, len(p.values)-lag)
	for i := range out {
		out[i] = math.Abs(p.values[i+lag] - p.values[i])
	}
	return out
}

// line draws a limit that the trend of late would come near to, or pass, within
// the horizon. If the trend falls, the question is turned round.
func (p *past) line(r *rand.Rand) float64 {
	n := min(len(p.values), max(8, p.horizon*pick(r, 1, 2, 4)))
	x, y := make([]float64, n), p.values[len(p.values)-n:]
	for i := range x {
		x[i] = float64(i)
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	if slope < 0 {
		p.mirror()
	}
	return p.last() + math.Abs(slope)*float64(p.horizon)*pick(r, .1, .25, .4, .5, .6, .75, .9, 1.1, 1.3)
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// rounded returns the number with three significant figures.
func rounded(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v // out of range
	}
	return out
}

// roundStep returns the largest of 1, 2 and 5 times a power of ten that is not
// above v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{5, 2} {
		if m*power <= v {
			return m * power
		}
	}
	return power
}

// observed returns a copy of the values that are known.
func observed(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}

// missing returns the share of the values that aren't known.
func missing(values []float64) float64 {
	return 1 - float64(len(observed(values)))/float64(len(values))
}

func spreadOf(values []float64) float64 { return slices.Max(values) - slices.Min(values) }
