package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	fewestPoints = 12                // to say anything at all
	longestNeed  = 3 * barograph.Day // of history, however long the horizon; else half of it
	staleSteps   = 5                 // usual spacings without a sample
	staleLeast   = 5 * time.Minute

	calmProbability = .04 // at most, for a state that says there is nothing to fear
	flatRange       = .05 // of the distance to the limit
	stillRange      = .01 // the same, below which no model needs to be asked
	farHorizons     = 100 // away: a pace this slow is none
)

// insufficientf returns the answer to a question without enough to go by.
func insufficientf(format string, args ...any) Answer {
	return Answer{State: barograph.StateInsufficientData, Reason: fmt.Sprintf(format, args...)}
}

func (a *Answer) refusef(state barograph.ForecastState, format string, args ...any) bool {
	a.State, a.Reason = state, fmt.Sprintf(format, args...)
	return true
}

// refuseQuestion refuses what is not a question.
func refuseQuestion(q Question) (Answer, bool) {
	switch {
	case !finite(q.Limit):
		return insufficientf("the limit %v is not a finite number", q.Limit), true
	case q.Horizon <= 0:
		return insufficientf("the horizon of %d steps is not above 0", q.Horizon), true
	}
	return Answer{}, false
}

// refuseEarly refuses what needs no model.
func (s *Series) refuseEarly(q Question, a *Answer) bool {
	a.StaleAge = s.staleAge(q)
	if age := q.age(); age > a.StaleAge {
		return a.refusef(barograph.StateStale, "the last sample is %s old", words(age))
	}
	if s.breached() {
		return a.refusef(barograph.StateAlreadyBreached, "the last value %s is %s %s", q.reading(a.Value), q.Operator, q.reading(q.Limit))
	}
	if bound, beyond := beyondBounds(q); beyond {
		return a.refusef(barograph.StateBeyondHorizon, "the value cannot pass %s and so never is %s %s", q.reading(bound), q.Operator, q.reading(q.Limit))
	}
	need := min(longestNeed, q.span()/2)
	if have := q.steps(s.now + 1); have < need {
		return a.refusef(barograph.StateInsufficientData, "have %s of history, need %s", words(have), words(need))
	}
	if len(s.observed) < fewestPoints {
		return a.refusef(barograph.StateInsufficientData, "have %d points of history, need %d", len(s.observed), fewestPoints)
	}
	low, high := s.extremes(0)
	if low == high {
		a.CDF.fill(FloorProbability)
		return a.refusef(barograph.StateFlat, "the value has been %s for %s", q.reading(a.Value), words(q.steps(s.now+1)))
	}
	if !q.Operator.Upward() && !q.Operator.Crossed(0, q.Limit) && isCount(q.Values) {
		return a.refusef(barograph.StateBeyondHorizon, "the value is a count, never below 0, and so never is %s %s", q.Operator, q.reading(q.Limit))
	}
	return false
}

// breached reports whether the last value has crossed the limit.
func (s *Series) breached() bool { return s.gap < 0 || s.gap == 0 && !s.strict }

// still reports whether the series has hardly moved, compared with what is
// missing to the limit, and would not at the same pace for a whole horizon.
func (s *Series) still() bool {
	low, high := s.extremes(0)
	return (high-low)*max(1, float64(s.horizon)/float64(s.now+1)) <= stillRange*s.gap
}

// refuseLate refuses where the models see no danger, and says which way it
// goes, or where they have nothing to go by.
func (s *Series) refuseLate(q Question, a *Answer) bool {
	if len(a.Models) == 0 && a.CDF[len(a.CDF)-1] == 0 {
		return a.refusef(barograph.StateInsufficientData, "have %d points since the last shift, too few for any model", s.now+1-s.segment)
	}
	p := a.CDF[len(a.CDF)-1]
	t, known := s.course, s.hasCourse
	switch {
	case p <= calmProbability:
		return s.refuseCalm(q, a, t, known)
	case known && (s.now+1)/2 < s.horizon && p > .1 && p < .9 && s.tooNoisy(t):
		return a.refusef(barograph.StateTooNoisy, "the value wanders by about %s within %s, more than the %s to the limit, and %s of history show no direction",
			q.reading(s.amount(deviation(t, s.horizon))), words(q.span()), q.reading(s.amount(s.gap)), words(q.steps(s.now+1)))
	}
	return false
}

func (s *Series) refuseCalm(q Question, a *Answer, t trend, known bool) bool {
	pace := t.slope * float64(s.horizon)
	steady := known && s.steady(t)
	switch {
	case steady && abs(pace)*farHorizons > s.gap && pace > 0:
		left := s.gap / t.slope * float64(stepOf(q))
		return a.refusef(barograph.StateBeyondHorizon, "%s; at that pace the limit, %s away, is reached in %s, after the horizon of %s",
			s.pace(q, t), q.reading(s.amount(s.gap)), words(duration(left)), words(q.span()))
	case steady && abs(pace)*farHorizons > s.gap:
		return a.refusef(barograph.StateMovingAway, "%s, away from the limit, which is %s away", s.pace(q, t), q.reading(s.amount(s.gap)))
	}
	if low, high := s.extremes(0); high-low <= flatRange*s.gap {
		return a.refusef(barograph.StateFlat, "the value has moved by no more than %s in %s; the limit is %s away",
			q.reading(s.amount(high-low)), words(q.steps(s.now+1)), q.reading(s.amount(s.gap)))
	}
	return false
}

// steady reports whether the trend, and not the noise around it, makes up most
// of what the series has moved.
func (s *Series) steady(t trend) bool {
	low, high := s.extremes(s.now + 1 - t.points)
	return t.trust() > .5 && abs(t.slope)*float64(t.points) > (high-low)/2
}

// tooNoisy reports whether the noise within a horizon could reach the limit
// while no direction can be seen.
func (s *Series) tooNoisy(t trend) bool {
	noise := deviation(t, s.horizon)
	return noise > s.gap && abs(t.slope)*float64(s.horizon) < noise
}

// staleAge returns the age of the last sample that is unusual for the series.
func (s *Series) staleAge(q Question) time.Duration {
	return max(staleLeast, q.steps(staleSteps*s.spacing()))
}

// age returns how long ago the last sample was taken, at least.
func (q Question) age() time.Duration {
	last := lastKnown(q.Values)
	if q.Now.IsZero() {
		return q.steps(len(q.Values) - 1 - last)
	}
	return q.Now.Sub(q.Start) - q.steps(last+1)
}

// spacing returns the median distance of known values in steps.
func (s *Series) spacing() int {
	s.sorted = s.sorted[:0]
	for j := 1; j < len(s.observed); j++ {
		s.sorted = append(s.sorted, float64(s.observed[j]-s.observed[j-1]))
	}
	if len(s.sorted) == 0 {
		return 1
	}
	slices.Sort(s.sorted)
	return int(s.sorted[len(s.sorted)/2])
}

// beyondBounds returns the bound that keeps the series from the limit.
func beyondBounds(q Question) (bound float64, beyond bool) {
	if q.Bounds == nil {
		return 0, false
	}
	b := q.Bounds.Min
	if q.Operator.Upward() {
		b = q.Bounds.Max
	}
	if b == nil || !finite(*b) || q.Operator.Crossed(*b, q.Limit) {
		return 0, false
	}
	return *b, true
}

// isCount reports whether all known values are whole numbers of which none is
// negative.
func isCount(values []float64) bool {
	for _, v := range values {
		if finite(v) && (v < 0 || v != math.Trunc(v)) {
			return false
		}
	}
	return true
}

// fill spreads a probability evenly over the horizon.
func (c *CDF) fill(p float64) {
	for k := range c {
		c[k] = p * c.share(k)
	}
}
