package alerting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// The words that all messages are made of.

// where names the place that a series is about: its host or target first, then
// what else tells it from its neighbours.
func where(s barograph.Series) string {
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

// beyond says on which side of the limit the trouble is: "above 90 %".
func beyond(metric string, rule *barograph.RuleRef) string {
	if rule == nil {
		return "beyond its limit"
	}
	limit := reading(metric, rule.Limit)
	switch rule.Operator {
	case barograph.Above:
		return "above " + limit
	case barograph.AtLeast:
		return "at or above " + limit
	case barograph.Below:
		return "below " + limit
	case barograph.AtMost:
		return "at or below " + limit
	}
	return "beyond " + limit
}

// reading writes a value in the unit that the metric's name tells.
func reading(metric string, v float64) string {
	switch {
	case strings.HasSuffix(metric, "_ratio"):
		return number(100*v) + " %"
	case strings.HasSuffix(metric, "_bytes"):
		return bytesText(v)
	case strings.HasSuffix(metric, "_bytes_per_second"):
		return bytesText(v) + "/s"
	case strings.HasSuffix(metric, "_seconds"):
		return secondsText(v)
	}
	return number(v)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

func percent(p float64) string { return fmt.Sprintf("%.0f %%", 100*p) }

func bytesText(v float64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; (v >= step || v <= -step) && i < len(units)-1; i++ {
		v /= step
	}
	return number(v) + " " + units[i]
}

func secondsText(v float64) string {
	if v < 1 && v > -1 {
		return number(1000*v) + " ms"
	}
	if v < 60 && v > -60 {
		return number(v) + " s"
	}
	if v < 0 {
		return "-" + barograph.Words(secondsDuration(-v))
	}
	return barograph.Words(secondsDuration(v))
}

// secondsDuration converts, cutting off what a Duration cannot hold.
func secondsDuration(v float64) time.Duration {
	const most = 290 * 365 * barograph.Day
	return time.Duration(min(v, most.Seconds())) * time.Second
}

// etaRange writes when as "Thu 14:00 – Fri 09:00 UTC", seen from now.
func etaRange(eta barograph.ETA, now time.Time) string {
	if eta.Early.IsZero() {
		return ""
	}
	early, late := stamp(eta.Early, now), stamp(eta.Late, now)
	if day := len(early) - len("15:04"); len(early) == len(late) && early[:day] == late[:day] {
		late = late[day:]
	}
	return early + " – " + late + " UTC"
}

// stamp writes a time of the days around now with its weekday, any other with
// its date, all in UTC.
func stamp(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	switch {
	case t.Sub(now).Abs() < 6*barograph.Day:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

// oneLine makes any text one line without control characters, so that no label
// or annotation can begin a header or a paragraph of its own.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029'
	}), " ")
}

// clip shortens s to at most n runes.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
