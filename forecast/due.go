package forecast

import (
	"time"

	"github.com/barograph/barograph"
)

// Most series are far from their limit most of the time, and a value more or
// less changes nothing about that. Such a series is not asked about again at
// every value, but is skipped as long as all of this holds:
//
//   - Its last two verdicts saw no danger: they said flat, moving away or beyond
//     the horizon, or a probability of at most a quarter of the rule's CloseAt
//     and never more than 10 %. Two, because whoever waits for calm waits for
//     two forecasts that agree.
//   - No value came noticeably nearer to the limit: none crossed it, none went a
//     quarter of the way to it from any value since, and none was nearer to it,
//     by more than a sixteenth of what was left, than the nearest value of the
//     last horizon had been.
//   - Nothing changed in its past, as by samples that came late.
//   - It has not gone stale.
//   - It was asked about within the last two steps of its grid, and the last
//     hour.
//
// So a verdict is at most two steps, which is about a fiftieth of the horizon,
// or an hour behind values that change little, and never behind one that
// matters.
const (
	calmAgreeing = 2
	calmShare    = .25 // of CloseAt
	calmMost     = .1
	fenceNear    = 1. / 16
	fenceFar     = 1. / 4
	calmSteps    = 2
	calmLongest  = time.Hour
)

// due says whether to ask about a series now.
type due uint8

const (
	dueUnchanged due = iota // no: nothing is new
	dueCalm                 // no: what is new does not matter
	dueNow
)

// due returns whether the series is to be asked about.
func (h *history) due(t *track, now time.Time) due {
	switch {
	case h.goneStale(t, now):
		return dueNow
	case t.news == newsNone:
		return dueUnchanged
	case t.news == newsUrgent, t.calm < calmAgreeing, !h.noDanger(t), h.periodOf(t, now) != h.periodOf(t, t.verdict.madeAt):
		return dueNow
	}
	return dueCalm
}

// noDanger reports whether the last verdict saw none.
func (h *history) noDanger(t *track) bool {
	v := &t.verdict
	return v.state.Calm() || v.state == barograph.StateForecast && v.probability <= min(calmMost, calmShare*h.rule.CloseAt)
}

// periodOf returns which of the periods after which calm series are asked about
// the time is in. They begin at other times for each series, so that not all fall
// due at once.
func (h *history) periodOf(t *track, at time.Time) int64 {
	period := min(calmSteps*h.grid.Step, calmLongest).Milliseconds()
	return (at.UnixMilli() + int64(t.phase)%period) / period
}

// goneStale reports whether the last verdict on a series no longer holds, for
// its samples are too old by now.
func (h *history) goneStale(t *track, now time.Time) bool {
	if t.verdict.state == barograph.StateStale {
		return false
	}
	return now.Sub(h.grid.start(t.last+1)) > t.staleAge
}

// take makes what came of asking the last verdict on the series.
func (h *history) take(t *track, o outcome) {
	t.verdict, t.staleAge, t.fence, t.news = o.verdict, o.staleAge, o.fence, newsNone
	t.calm = min(t.calm+1, calmAgreeing)
	if !h.noDanger(t) {
		t.calm = 0
	}
}

// fence returns the value beyond which news is urgent after these values.
func (h *history) fence(values []float64, last float64) float64 {
	nearest := last
	for _, v := range values[max(0, len(values)-h.grid.Horizon):] {
		if finite(v) && h.beyond(v, nearest) {
			nearest = v
		}
	}
	return h.fenceIn(nearest+(h.rule.Limit-nearest)*fenceNear, last)
}

// fenceIn brings the fence so near to the value that no large part of the way
// from there to the limit passes unnoticed.
func (h *history) fenceIn(fence, value float64) float64 {
	if far := value + (h.rule.Limit-value)*fenceFar; h.beyond(fence, far) {
		return far
	}
	return fence
}

// heard takes a value that is new.
func (h *history) heard(t *track, value float64) {
	switch {
	case h.rule.Operator.Crossed(value, h.rule.Limit), h.beyond(value, t.fence):
		t.news = newsUrgent
	default:
		t.news = max(t.news, newsSome)
		t.fence = h.fenceIn(t.fence, value)
	}
}

// beyond reports whether a is farther on the way to the limit than b.
func (h *history) beyond(a, b float64) bool {
	if h.rule.Operator.Upward() {
		return a > b
	}
	return a < b
}
