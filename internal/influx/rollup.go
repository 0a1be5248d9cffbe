package influx

import (
	"math"

	"github.com/barograph/barograph"
)

// roller rolls samples up that come sorted by time.
type roller struct {
	step   int64 // milliseconds; 0: the samples themselves
	rollup barograph.Rollup
	points []barograph.Point
	count  int // samples in the last point
}

func (r *roller) add(p barograph.Point) {
	if r.step == 0 {
		r.points = append(r.points, p)
		return
	}
	start := stepStart(r.step, p.UnixMilli)
	if len(r.points) == 0 || r.points[len(r.points)-1].UnixMilli != start {
		r.points = append(r.points, barograph.Point{UnixMilli: start, Value: p.Value})
		r.count = 1
		return
	}
	r.count++
	last := &r.points[len(r.points)-1]
	switch r.rollup {
	case barograph.RollupLast:
		last.Value = p.Value
	case barograph.RollupMax:
		last.Value = max(last.Value, p.Value)
	case barograph.RollupMin:
		last.Value = min(last.Value, p.Value)
	case barograph.RollupMean:
		last.Value = nextMean(last.Value, p.Value, float64(r.count))
	}
}

// nextMean returns the mean of n values of which the last is v, given that of
// those before. A sum would overflow where the mean does not.
func nextMean(mean, v, n float64) float64 {
	if next := mean + (v-mean)/n; !math.IsInf(next, 0) {
		return next
	}
	return mean*((n-1)/n) + v/n
}

// stepStart returns when the step begins that the time lies in.
func stepStart(step, at int64) int64 {
	over := at % step
	if over < 0 {
		over += step
	}
	return at - over
}
