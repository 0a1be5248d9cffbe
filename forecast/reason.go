package forecast

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// tally counts the windows whose outcome is known, for the words of a reason:
// those that the history ends before have not been decided, and a person would
// take them for misses.
type tally struct{ windows, hits int }

func (t *tally) add(hit, seen, horizon int) {
	if hit > 0 {
		t.hits++
	}
	if hit > 0 || seen >= horizon {
		t.windows++
	}
}

// reason says in plain words what a forecast rests on.
func (s *Series) reason(q Question, seen Passage) string {
	var b strings.Builder
	if seen.Windows > 0 {
		fmt.Fprintf(&b, "in %d of the %d %s of the last %s a limit as near as this one (%s) was reached within %s",
			seen.Hits, seen.Windows, seen.Witnesses, words(q.steps(s.now+1)), q.reading(s.amount(s.gap)), words(q.span()))
	}
	t, ok := s.course, s.hasCourse
	if ok && t.trust() > .5 {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(s.pace(q, t))
		if t.slope > 0 {
			fmt.Fprintf(&b, " and has %s to go", q.reading(s.amount(s.gap)))
		}
	}
	if b.Len() == 0 {
		fmt.Fprintf(&b, "the limit is %s away", q.reading(s.amount(s.gap)))
	}
	return b.String()
}

// pace says how fast the series goes which way.
func (s *Series) pace(q Question, t trend) string {
	unit, name := paceUnit(q.span())
	verb := "falls"
	if (t.slope > 0) == q.Operator.Upward() {
		verb = "rises"
	}
	return fmt.Sprintf("the value %s by about %s %s", verb, q.reading(s.amount(abs(t.slope)*float64(unit)/float64(stepOf(q)))), name)
}

func paceUnit(horizon time.Duration) (time.Duration, string) {
	switch {
	case horizon > 2*barograph.Day:
		return barograph.Day, "a day"
	case horizon > 2*time.Hour:
		return time.Hour, "an hour"
	}
	return time.Minute, "a minute"
}

// amount turns a difference of prepared values back into the question's unit.
func (s *Series) amount(difference float64) float64 {
	return min(math.Ldexp(difference, s.scale), math.MaxFloat64)
}

// span returns the horizon as a duration.
func (q Question) span() time.Duration { return q.steps(q.Horizon) }

// steps returns how long so many steps of the grid are.
func (q Question) steps(n int) time.Duration { return duration(float64(n) * float64(stepOf(q))) }

// duration returns a duration of so many nanoseconds, at most the longest.
func duration(nanoseconds float64) time.Duration {
	if !(nanoseconds < math.MaxInt64) {
		return math.MaxInt64
	}
	return time.Duration(nanoseconds)
}

// reading writes a value, or a difference of two, in its unit.
func (q Question) reading(v float64) string { return barograph.Reading(q.Metric, v) }

// words writes a duration in the largest unit of which there are two or more,
// with one decimal at most.
func words(d time.Duration) string {
	for _, u := range [...]struct {
		size time.Duration
		name string
	}{{365 * barograph.Day, "years"}, {barograph.Day, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d >= 2*u.size {
			tenths := math.Round(float64(d)/float64(u.size)*10) / 10
			return strconv.FormatFloat(tenths, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatFloat(math.Round(d.Seconds()), 'f', -1, 64) + " s"
}

// deviation returns how far the noise of a trend goes in so many steps.
func deviation(t trend, steps int) float64 { return math.Sqrt(t.variance * float64(steps)) }

func abs(v float64) float64 { return math.Abs(v) }
