package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// checkOnHost is how a check fares on a host.
type checkOnHost struct {
	barograph.Check

	What     string // what measures it
	Place    string // which of its series the value is of: /var
	Value    string // "": none is known
	At       moment
	State    badge
	Refused  bool
	Message  string
	Since    moment // of the state, if it is not ok
	MakeRule string // URL; "": there is no series
}

// checksOf returns how each of the checks fares that are meant for the host.
func checksOf(h barograph.Host, checks []barograph.Check, values measured, who visitor) []checkOnHost {
	all := make([]checkOnHost, 0, len(checks))
	for _, c := range checks {
		row := checkOnHost{Check: c, What: whatMeasures(c)}
		last, known := values.greatest(mainMetric(c))
		if known {
			row.Place, row.Value, row.At = distinction(last.Series), barograph.Reading(last.Metric, last.Value), who.At(last.At)
			row.MakeRule = makeRule(last.Series)
		}
		row.judge(h, last, known, who)
		all = append(all, row)
	}
	slices.SortStableFunc(all, func(a, b checkOnHost) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// judge says how the check fares: by what the agent says of it, or else by how old
// its last value is.
func (c *checkOnHost) judge(h barograph.Host, last lastValue, known bool, who visitor) {
	if i := slices.IndexFunc(h.Statuses, func(s barograph.CheckStatus) bool { return s.Check == c.Name }); i >= 0 {
		status := h.Statuses[i]
		switch status.State {
		case barograph.CheckRefused:
			c.State, c.Refused, c.Since = badge{"not allowed on this host", "warning"}, true, who.At(status.Since)
			return
		case barograph.CheckFailed:
			c.State, c.Message, c.Since = badge{"failed", "bad"}, status.Message, who.At(status.Since)
			return
		case barograph.CheckOK:
		}
	}
	switch {
	case !known && h.LastSeen.IsZero():
		c.State = badge{"host not heard yet", "neutral"}
	case !known:
		c.State = badge{"no value yet", "neutral"}
	case who.Now.Sub(last.At) > latest(c.Check):
		c.State = badge{"no recent value", "warning"}
	default:
		c.State = badge{"ok", "good"}
	}
}

// latest is how long ago the last value of a check may be: some turns, and as long
// as an agent may have trouble to send it without anybody being alarmed.
func latest(c barograph.Check) time.Duration {
	const turns, patience = 3, 10 * time.Minute
	return max(turns*c.Interval.Std(), patience)
}

// whatMeasures names what measures a check.
func whatMeasures(c barograph.Check) string {
	if c.Collector != "" {
		return "collector " + string(c.Collector)
	}
	return c.Command
}

// distinction is what tells a series from others of its host and metric: /var.
func distinction(series barograph.Series) string {
	for _, name := range []string{"mount", "interface"} {
		if v := series.Labels.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// makeRule returns the URL of a form for a rule of the series.
func makeRule(series barograph.Series) string {
	return "/rules/new?" + url.Values{"from_series": {series.String()}}.Encode()
}

// checksFor returns the enabled checks that are meant for the host.
func checksFor(h barograph.Host, all []barograph.Check) []barograph.Check {
	labels := h.Labeled()
	return slices.DeleteFunc(slices.Clone(all), func(c barograph.Check) bool { return !c.Enabled || !c.Matchers.Matches(labels) })
}
