package chart

import "time"

const day = 24 * time.Hour

// calendarStep is a distance of time ticks: months, or a duration that ticks of
// a day are counted in from midnight.
type calendarStep struct {
	size   time.Duration // about
	months int
	layout string
}

// calendarSteps are the distances of time ticks, least first. All start at
// midnight, Monday, the first of a month or of a year.
func calendarSteps() []calendarStep {
	const s, m, h = time.Second, time.Minute, time.Hour
	const clock, date = "15:04", "2 Jan"
	steps := []calendarStep{}
	for _, d := range []time.Duration{s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s} {
		steps = append(steps, calendarStep{size: d, layout: "15:04:05"})
	}
	for _, d := range []time.Duration{m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h, 3 * h, 6 * h, 12 * h} {
		steps = append(steps, calendarStep{size: d, layout: clock})
	}
	for _, d := range []time.Duration{day, 2 * day, 4 * day, 7 * day, 14 * day} {
		steps = append(steps, calendarStep{size: d, layout: date})
	}
	for _, n := range []int{1, 2, 3, 6} {
		steps = append(steps, calendarStep{size: time.Duration(n) * 30 * day, months: n, layout: "Jan"})
	}
	for _, n := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		steps = append(steps, calendarStep{size: time.Duration(min(n, 290)) * 365 * day, months: 12 * n, layout: "2006"})
	}
	return steps
}

// timeTicks returns at most most round times within the frame, and how they are
// written in the zone.
func timeTicks(from, to float64, zone *time.Location, most int) (at []float64, labels []string) {
	first, last := timeOf(from).In(zone), timeOf(to).In(zone)
	for _, step := range calendarSteps() {
		if float64(step.size)/float64(time.Second)*float64(most) < (to-from)*.8 {
			continue
		}
		at, labels = at[:0], labels[:0]
		for t := step.floor(first); !t.After(last) && len(at) <= most; t = step.next(t) {
			if !t.Before(first) {
				at, labels = append(at, seconds(t)), append(labels, step.label(t))
			}
		}
		if len(at) <= most {
			break
		}
	}
	return at, labels
}

// floor returns the last tick that is not after t.
func (s calendarStep) floor(t time.Time) time.Time {
	year, month, date := t.Date()
	midnight := time.Date(year, month, date, 0, 0, 0, 0, t.Location())
	switch {
	case s.months >= 12:
		years := s.months / 12
		return time.Date(year-mod(year, years), 1, 1, 0, 0, 0, 0, t.Location())
	case s.months > 0:
		return time.Date(year, month-time.Month(mod(int(month)-1, s.months)), 1, 0, 0, 0, 0, t.Location())
	case s.size >= 7*day:
		return midnight.AddDate(0, 0, -mod(int(t.Weekday())-1, 7))
	case s.size >= day:
		return midnight
	}
	return midnight.Add(t.Sub(midnight).Truncate(s.size))
}

// next returns the tick after t. Where clocks were changed, the ticks of a day
// start anew at midnight.
func (s calendarStep) next(t time.Time) time.Time {
	switch {
	case s.months > 0:
		return t.AddDate(0, s.months, 0)
	case s.size >= day:
		return t.AddDate(0, 0, int(s.size/day))
	}
	next, tomorrow := t.Add(s.size), (calendarStep{size: day}).floor(t).AddDate(0, 0, 1)
	if next.After(tomorrow) {
		return tomorrow
	}
	return next
}

// label writes a tick; the first of a day or year says which it is.
func (s calendarStep) label(t time.Time) string {
	midnight := t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0
	switch {
	case s.months > 0 && s.months < 12 && t.Month() == time.January:
		return t.Format("2006")
	case s.size < day && midnight:
		return t.Format("2 Jan")
	}
	return t.Format(s.layout)
}

func mod(a, n int) int { return ((a % n) + n) % n }

func timeOf(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }
