package barograph

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Place names what a series is about: its host or target first, then what else
// tells it from its neighbours.
func (s Series) Place() string {
	first := s.Labels.Get("host")
	if first == "" {
		first = s.Labels.Get("target")
	}
	var rest []string
	for _, l := range s.Labels {
		if !slices.Contains([]string{"host", "target", "kind", "demo", "device", "fstype"}, l.Name) {
			rest = append(rest, l.Name+"="+l.Value)
		}
	}
	switch {
	case first == "" && len(rest) == 0:
		return s.Metric
	case len(rest) == 0:
		return first
	}
	return strings.TrimSpace(first + " (" + strings.Join(rest, ", ") + ")")
}

// Beyond says on which side of the limit the trouble is: "above 90 %".
func (o Operator) Beyond(metric string, limit float64) string {
	reading := LimitReading(metric, limit)
	switch o {
	case Above:
		return "above " + reading
	case AtLeast:
		return "at or above " + reading
	case Below:
		return "below " + reading
	case AtMost:
		return "at or below " + reading
	}
	return "beyond " + reading
}

// Words writes when, as "Thu 14:00 – Fri 09:00", seen from now, as a clock in
// the zone shows it.
func (e ETA) Words(now time.Time, zone *time.Location) string {
	if e.Early.IsZero() {
		return ""
	}
	early, late := Stamp(e.Early, now, zone), Stamp(e.Late, now, zone)
	if day := len(early) - len("15:04"); len(early) == len(late) && early[:day] == late[:day] {
		late = late[day:]
	}
	return early + " – " + late
}

// Stamp writes a time of the days around now with its weekday, any other with
// its date, as a clock in the zone shows it.
func Stamp(t, now time.Time, zone *time.Location) string {
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.Sub(now).Abs() < 6*Day:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

// Percent writes a probability or another share of 1: "81 %".
func Percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }
