package alerting

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// The tags of what calls for no hurry; any other is a severity.
const (
	tagAcknowledged = "acknowledged"
	tagResolved     = "resolved"
	tagTest         = "test"
)

// newMessageEvent says of an event all that there is to say by now.
func newMessageEvent(e barograph.Event, now time.Time) MessageEvent {
	v := MessageEvent{
		Event: e, Type: string(e.Type), Severity: string(e.Severity), Test: e.Data.Test, Reminder: e.Data.Reminder,
		At: stampInFull(e.Time), What: oneLine(e.Labels.Get("metric")),
	}
	v.Tag, v.Color = tagOf(e)
	v.setLimit()
	if e.Data.Value != nil {
		v.Value = e.Data.Rule.Reading(v.What, *e.Data.Value)
	}
	switch group := kindGroup(e); {
	case group == "prediction" && e.Data.Prediction != nil:
		v.setPrediction(*e.Data.Prediction)
	case group == "breach" && e.Data.Breach != nil:
		v.setBreach(*e.Data.Breach, now)
	case group == "host" && e.Data.Host != nil:
		v.setHost(*e.Data.Host)
	case group == "endpoint" && e.Data.Endpoint != nil:
		v.setEndpoint(*e.Data.Endpoint)
	case group == "rule" && e.Data.Rule != nil:
		v.setRule(*e.Data.Rule)
	}
	if ack := e.Data.Acknowledged; ack != nil {
		v.By, v.Comment = oneLine(ack.By), oneLine(ack.Comment)
	}
	v.setNews(now)
	v.setNotes()
	v.setFacts()
	v.Advice = advice(v)
	return v
}

// tagOf says how much the event matters by now, and in which color.
func tagOf(e barograph.Event) (tag, color string) {
	switch {
	case e.Data.Test:
		return tagTest, "#0969da"
	case e.Type == barograph.EventPredictionAcked || e.Type == barograph.EventBreachAcked:
		return tagAcknowledged, "#0969da"
	case resolves(e):
		return tagResolved, "#1a7f37"
	}
	switch e.Severity {
	case barograph.SeverityWarning:
		return "warning", "#9a6700"
	case barograph.SeverityCritical:
		return "critical", "#cf222e"
	case barograph.SeverityInfo:
	}
	return "info", "#0969da"
}

// resolves reports whether the event says that there is nothing left to fear: a
// confirmed prediction came true, and what was withdrawn may be as bad as ever.
func resolves(e barograph.Event) bool {
	switch e.Type { //nolint:exhaustive // all others tell of trouble, or of none
	case barograph.EventPredictionConfirmed, barograph.EventPredictionWithdrawn:
		return false
	case barograph.EventBreachEnded:
		return e.Data.Breach == nil || e.Data.Breach.EndReason == ""
	}
	return e.Type.Ends()
}

// setNews says what happened: in the words that were recorded with the event,
// or, where these were not about now, in new ones.
func (v *MessageEvent) setNews(now time.Time) {
	v.News = oneLine(news(v.Event, now))
	switch subject := v.subject(); {
	case v.Reminder > 0 && subject != "":
		v.Headline = fmt.Sprintf("Reminder %d: %s: %s", v.Reminder, subject, v.News)
	case v.Event.Data.Summary != "":
		v.Headline = strings.TrimRight(oneLine(v.Event.Data.Summary), ".")
	default:
		v.Headline = summarize(v.Event)
	}
	if v.News == "" {
		v.News = v.Headline
	}
}

// subject names the rule and the place of what is about a series.
func (v *MessageEvent) subject() string {
	if v.Rule == "" || v.Where == "" {
		return v.Where
	}
	return v.Rule + " on " + v.Where
}

func (v *MessageEvent) setSeries(s barograph.Series, rule string) {
	v.What, v.Where, v.Rule = oneLine(s.Metric), oneLine(s.Place()), oneLine(rule)
	v.setLimit()
	if v.Event.Data.Value != nil {
		v.Value = v.Event.Data.Rule.Reading(s.Metric, *v.Event.Data.Value)
	}
}

func (v *MessageEvent) setLimit() {
	if rule := v.Event.Data.Rule; rule != nil {
		v.Limit = oneLine(string(rule.Operator) + " " + barograph.LimitReading(v.What, rule.Limit))
	}
}

func (v *MessageEvent) setPrediction(p barograph.Prediction) {
	v.setSeries(p.Series, p.RuleName)
	said, at := p.Latest, v.Event.Time
	if v.Value == "" {
		v.Value = v.Event.Data.Rule.Reading(v.What, said.Value)
	}
	v.Range, v.Before, v.Sure = etaRange(said.ETA, at), etaRange(p.First.ETA, at), barograph.Percent(said.Probability)
	if v.Range != "" {
		v.Lead, v.Early = barograph.Words(max(said.ETA.Median.Sub(at), 0)), stampUTC(said.ETA.Early, at)
	}
	v.Turned = p.Turned
	v.Reason = oneLine(p.CloseReason)
	if v.Reason == "" {
		v.Reason = oneLine(said.Reason)
	}
	if p.Lead > 0 {
		v.Ahead = barograph.Words(p.Lead.Std())
	}
}

func (v *MessageEvent) setBreach(b barograph.Breach, now time.Time) {
	v.setSeries(b.Series, b.RuleName)
	if v.Value == "" {
		v.Value = v.Event.Data.Rule.Reading(v.What, b.Value)
	}
	v.Since = stampUTC(b.StartedAt, v.Event.Time)
	v.Reason = oneLine(b.EndReason)
	if b.Lead > 0 {
		v.Ahead = barograph.Words(b.Lead.Std())
	}
	if v.Reminder > 0 {
		v.Since, v.For = stampUTC(b.StartedAt, now), barograph.Words(max(now.Sub(b.StartedAt), 0))
	}
	if !b.EndedAt.IsZero() {
		v.Lasted = barograph.Words(lasted(b))
	}
}

func (v *MessageEvent) setHost(h barograph.HostRef) {
	v.Where = oneLine(h.Name)
	if !h.LastSeen.IsZero() {
		v.LastSeen = stampUTC(h.LastSeen, v.Event.Time)
	}
}

func (v *MessageEvent) setEndpoint(ep barograph.EndpointRef) {
	v.Where, v.Reason = oneLine(endpointName(ep)), oneLine(ep.Reason)
}

func (v *MessageEvent) setRule(r barograph.RuleRef) {
	v.Rule = oneLine(r.Name)
	d := v.Event.Data
	if d.Demotion != nil && v.Event.Type == barograph.EventRuleDemoted {
		v.Reason = oneLine(d.Demotion.Reason)
	}
	if d.Digest == nil {
		return
	}
	for _, p := range d.Digest.Predictions {
		said := p.Latest
		v.Expected = append(v.Expected, MessageFact{oneLine(p.Series.Place()), oneLine(fmt.Sprintf("%s, %s sure, %s then",
			etaRange(said.ETA, v.Event.Time), barograph.Percent(said.Probability), barograph.Reading(p.Series.Metric, said.Value)))})
	}
	if more := d.Digest.Open - len(d.Digest.Predictions); more > 0 {
		v.Expected = append(v.Expected, MessageFact{"later", fmt.Sprintf("%d more", more)})
	}
}

// setFacts lists what there is to know, the most important first.
func (v *MessageEvent) setFacts() {
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, MessageFact{name, value})
		}
	}
	add("Where", v.Where)
	add("What", v.What)
	if v.Reminder > 0 {
		add("At first", v.Value)
	} else {
		add("Now", v.Value)
	}
	add("Limit", v.Limit)
	v.addWhen(add)
	if v.Ahead != "" {
		add("Predicted", v.Ahead+" ahead")
	}
	if ep := v.Event.Data.Endpoint; ep == nil || shortReason(ep.Reason) != ep.Reason { // else the headline says it
		add("Why", v.Reason)
	}
	add("Taken by", v.By)
	add("Comment", v.Comment)
	add("Rule", v.Rule)
	if !v.Test {
		add("Severity", v.Severity)
	}
}

// addWhen adds the facts about time.
func (v *MessageEvent) addWhen(add func(name, value string)) {
	switch v.Event.Type {
	case barograph.EventPredictionOpened, barograph.EventPredictionUpdated:
		if v.Range != "" {
			add("When", "in "+v.Lead+" ("+v.Range+")")
		}
		add("How sure", v.Sure)
	case barograph.EventPredictionConfirmed, barograph.EventPredictionAverted, barograph.EventPredictionExpired,
		barograph.EventPredictionWithdrawn, barograph.EventPredictionAcked:
		add("Announced", v.Range)
		add("How sure", v.Sure)
	case barograph.EventBreachStarted, barograph.EventBreachEnded, barograph.EventBreachAcked:
		add("Since", v.Since)
		add("For", v.For)
		add("Lasted", v.Lasted)
		if v.Since != "" && v.Ahead == "" {
			add("Predicted", "no")
		}
	case barograph.EventHostSilent, barograph.EventHostReturned:
		add("Last seen", v.LastSeen)
	case barograph.EventRuleDemoted, barograph.EventRuleRestored, barograph.EventRuleDigest,
		barograph.EventEndpointDisabled, barograph.EventEndpointEnabled, barograph.EventWatchdog:
	}
}

// setNotes takes the rule's annotations.
func (v *MessageEvent) setNotes() {
	notes := v.Event.Data.Annotations
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if text := oneLine(notes[name]); name == "summary" {
			v.Summary = text
		} else if text != "" {
			v.Notes = append(v.Notes, MessageFact{oneLine(name), text})
		}
	}
}
