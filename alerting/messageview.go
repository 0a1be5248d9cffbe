package alerting

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// view is an event as the templates see it: everything is text already, and
// one line each.
type view struct {
	Event    barograph.Event
	Type     barograph.EventType
	Template string // the event's type, "other" if the event lacks the part its type calls for
	Tag      string // the severity, or test
	Color    string // of the severity
	Headline string // what happened, in one line

	What, Where                           string // disk_used_ratio, db1 (mount=/)
	Value                                 string // the last known, with its unit
	Limit                                 string // > 90 %
	Lead, Range, Early, Before            string // 31 h; Thu 14:00 – Fri 09:00 UTC; its begin; what was announced first
	Sure                                  string // 82 %
	Ahead                                 string // how long before it came it was predicted
	Since, Lasted, LastSeen, Reason, Rule string
	Turned                                bool

	Advice       string // from the templates
	Annotated    string // the annotation "summary"
	Facts, Notes []fact
	At           string
}

// fact is one line of a message.
type fact struct{ Name, Value string }

// Link reports whether the value is a web address.
func (f fact) Link() bool {
	return strings.HasPrefix(f.Value, "https://") || strings.HasPrefix(f.Value, "http://")
}

func newView(e barograph.Event) view {
	v := view{Event: e, Type: e.Type, Template: "other", Headline: strings.TrimRight(oneLine(e.Data.Summary), ".")}
	if v.Headline == "" {
		v.Headline = summarize(e)
	}
	v.setTag()
	v.At = e.Time.UTC().Format("Mon 2 Jan 2006 15:04:05") + " UTC"
	v.setLimit()
	if e.Data.Value != nil {
		v.Value = reading(v.What, *e.Data.Value)
	}
	switch group, _, _ := strings.Cut(string(e.Type), "."); {
	case group == "prediction" && e.Data.Prediction != nil:
		v.setPrediction(*e.Data.Prediction)
	case group == "breach" && e.Data.Breach != nil:
		v.setBreach(*e.Data.Breach)
	case group == "host" && e.Data.Host != nil:
		v.setHost(*e.Data.Host)
	case group == "endpoint" && e.Data.Endpoint != nil:
		v.setEndpoint(*e.Data.Endpoint)
	case group == "rule" && e.Data.Rule != nil:
		v.setRule(*e.Data.Rule)
	case e.Type == barograph.EventWatchdog && !e.Data.Test:
		v.Template = string(e.Type)
	}
	v.setFacts()
	v.setNotes()
	return v
}

func (v *view) setTag() {
	v.Tag, v.Color = "info", "#3b82c4"
	switch v.Event.Severity {
	case barograph.SeverityWarning:
		v.Tag, v.Color = "warning", "#d29922"
	case barograph.SeverityCritical:
		v.Tag, v.Color = "critical", "#cf222e"
	case barograph.SeverityInfo:
	}
	if v.Event.Data.Test {
		v.Tag = "test"
	}
}

// setSeries names what the event is about.
func (v *view) setSeries(s barograph.Series, rule string) {
	v.Template = string(v.Type)
	v.What, v.Where, v.Rule = s.Metric, oneLine(where(s)), oneLine(rule)
	v.setLimit()
	if v.Event.Data.Value != nil {
		v.Value = reading(s.Metric, *v.Event.Data.Value)
	}
}

func (v *view) setLimit() {
	if rule := v.Event.Data.Rule; rule != nil {
		v.Limit = string(rule.Operator) + " " + reading(v.What, rule.Limit)
	}
}

func (v *view) setPrediction(p barograph.Prediction) {
	v.setSeries(p.Series, p.RuleName)
	said := p.Latest
	if v.Value == "" {
		v.Value = reading(v.What, said.Value)
	}
	v.Lead = barograph.Words(max(said.ETA.Median.Sub(v.Event.Time), 0))
	v.Range, v.Early = etaRange(said.ETA, v.Event.Time), stamp(said.ETA.Early, v.Event.Time)+" UTC"
	v.Before = etaRange(p.First.ETA, v.Event.Time)
	v.Sure = percent(said.Probability)
	v.Turned = p.Turned
	v.Reason = oneLine(p.CloseReason)
	if v.Reason == "" {
		v.Reason = oneLine(said.Reason)
	}
	if p.Lead > 0 {
		v.Ahead = barograph.Words(p.Lead.Std())
	}
}

func (v *view) setBreach(b barograph.Breach) {
	v.setSeries(b.Series, b.RuleName)
	if v.Value == "" {
		v.Value = reading(v.What, b.Value)
	}
	v.Since = stamp(b.StartedAt, v.Event.Time) + " UTC"
	v.Reason = oneLine(b.EndReason)
	if b.Lead > 0 {
		v.Ahead = barograph.Words(b.Lead.Std())
	}
	if !b.EndedAt.IsZero() {
		v.Lasted = barograph.Words(lasted(b))
	}
}

func (v *view) setHost(h barograph.HostRef) {
	v.Template, v.Where = string(v.Type), oneLine(h.Name)
	if !h.LastSeen.IsZero() {
		v.LastSeen = stamp(h.LastSeen, v.Event.Time) + " UTC"
	}
}

func (v *view) setEndpoint(ep barograph.EndpointRef) {
	v.Template, v.Reason = string(v.Type), oneLine(ep.Reason)
	v.Where = fmt.Sprintf("the %s endpoint %s of subscription %s", ep.Kind, ep.ID, ep.SubscriptionID)
}

func (v *view) setRule(r barograph.RuleRef) {
	v.Template, v.Rule = string(v.Type), oneLine(r.Name)
	v.What = v.Event.Labels.Get("metric")
	v.setLimit()
	if d := v.Event.Data.Demotion; d != nil && v.Type == barograph.EventRuleDemoted {
		v.Reason = oneLine(d.Reason)
	}
}

// expected lists what a digest foretells, one prediction a line.
func (v *view) expected() (lines []fact) {
	d := v.Event.Data.Digest
	if d == nil {
		return nil
	}
	for _, p := range d.Predictions {
		said := p.Latest
		lines = append(lines, fact{oneLine(where(p.Series)), fmt.Sprintf("%s, %s sure, %s then",
			etaRange(said.ETA, v.Event.Time), percent(said.Probability), reading(p.Series.Metric, said.Value))})
	}
	if more := d.Open - len(d.Predictions); more > 0 {
		lines = append(lines, fact{"later", fmt.Sprintf("%d more", more)})
	}
	return lines
}

// setFacts lists what there is to know, the most important first.
func (v *view) setFacts() {
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, fact{name, value})
		}
	}
	add("Where", v.Where)
	add("What", v.What)
	add("Now", v.Value)
	add("Limit", v.Limit)
	switch v.Type {
	case barograph.EventPredictionOpened, barograph.EventPredictionUpdated:
		if v.Range != "" {
			add("When", "in "+v.Lead+" ("+v.Range+")")
		}
		add("How sure", v.Sure)
	case barograph.EventPredictionConfirmed, barograph.EventPredictionAverted,
		barograph.EventPredictionExpired, barograph.EventPredictionWithdrawn:
		add("Announced", v.Range)
		add("How sure", v.Sure)
	case barograph.EventBreachStarted, barograph.EventBreachEnded:
		add("Since", v.Since)
		add("Lasted", v.Lasted)
		if v.Since != "" && v.Ahead == "" {
			add("Predicted", "no")
		}
	case barograph.EventHostSilent, barograph.EventHostReturned:
		add("Last seen", v.LastSeen)
	case barograph.EventRuleDemoted, barograph.EventRuleRestored, barograph.EventRuleDigest:
		v.Facts = append(v.Facts, v.expected()...)
	case barograph.EventEndpointDisabled, barograph.EventEndpointEnabled, barograph.EventWatchdog:
	}
	if v.Ahead != "" {
		add("Predicted", v.Ahead+" ahead")
	}
	add("Why", v.Reason)
	add("Rule", v.Rule)
	add("Severity", string(v.Event.Severity))
}

// setNotes takes the rule's annotations: "summary" comes first in the text, the
// others follow the facts.
func (v *view) setNotes() {
	notes := v.Event.Data.Annotations
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if text := oneLine(notes[name]); name == "summary" {
			v.Annotated = text
		} else if text != "" {
			v.Notes = append(v.Notes, fact{name, text})
		}
	}
}
