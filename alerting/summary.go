package alerting

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// summarize says in one line what happened. It is the event's summary, the
// subject of a mail and the text of an SMS.
func summarize(e barograph.Event) string {
	text := news(e, e.Time)
	switch d, group := e.Data, kindGroup(e); {
	case text == "":
		return oneLine(string(e.Type) + ": " + e.Subject)
	case group == "prediction":
		text = d.Prediction.RuleName + " on " + d.Prediction.Series.Place() + ": " + text
	case group == "breach":
		text = d.Breach.RuleName + " on " + d.Breach.Series.Place() + ": " + text
	case group == "host":
		text = d.Host.Name + " " + text
	case group == "rule":
		text = "Rule " + d.Rule.Name + " " + text
	}
	return oneLine(text)
}

// kindGroup is what comes before the dot in the event's type.
func kindGroup(e barograph.Event) string {
	group, _, _ := strings.Cut(string(e.Type), ".")
	return group
}

// news says what happened, without what it happened to; "" if the event lacks
// the part that its type calls for. A reminder says how things are by now.
func news(e barograph.Event, now time.Time) string {
	switch d, group := e.Data, kindGroup(e); {
	case group == "prediction" && d.Prediction != nil:
		return predictionNews(e, *d.Prediction)
	case group == "breach" && d.Breach != nil:
		return breachNews(e, *d.Breach, now)
	case group == "host" && d.Host != nil:
		return hostNews(e, *d.Host)
	case group == "endpoint" && d.Endpoint != nil:
		return endpointNews(e, *d.Endpoint)
	case group == "rule" && d.Rule != nil:
		return ruleNews(e)
	case e.Type == barograph.EventWatchdog:
		return "Barograph is alive"
	}
	return ""
}

// lookedAt says who took it on, and what they said.
func lookedAt(ack *barograph.Acknowledgement) string {
	by, comment := "somebody", ""
	if ack != nil && ack.By != "" {
		by = ack.By
	}
	if ack != nil && ack.Comment != "" {
		comment = ": " + ack.Comment
	}
	return "is being looked at by " + by + comment
}

func predictionNews(e barograph.Event, p barograph.Prediction) string {
	metric, said := p.Series.Metric, p.Latest
	trouble := beyond(metric, e.Data.Rule)
	now := said.Value
	if e.Data.Value != nil {
		now = *e.Data.Value
	}
	value := "; now " + e.Data.Rule.Reading(metric, now)
	switch e.Type { //nolint:exhaustive // the other types are not about predictions
	case barograph.EventPredictionConfirmed:
		if p.Lead <= 0 {
			return trouble + " as predicted, but the warning came no earlier" + value
		}
		return trouble + " as predicted, warned " + barograph.Words(p.Lead.Std()) + " ahead" + value
	case barograph.EventPredictionAverted:
		return trouble + " averted, " + p.CloseReason + value
	case barograph.EventPredictionExpired:
		return trouble + " did not come, false alarm: " + p.CloseReason + value
	case barograph.EventPredictionWithdrawn:
		return "prediction withdrawn, " + p.CloseReason
	case barograph.EventPredictionAcked:
		return lookedAt(e.Data.Acknowledged)
	case barograph.EventPredictionUpdated:
		trouble += " now"
	}
	if e.Data.Reminder > 0 {
		trouble = "still " + trouble
	}
	return fmt.Sprintf("%s expected in %s (%s), %s sure%s", trouble,
		barograph.Words(max(0, said.ETA.Median.Sub(said.At))), etaRange(said.ETA, e.Time), barograph.Percent(said.Probability), value)
}

func breachNews(e barograph.Event, b barograph.Breach, by time.Time) string {
	metric := b.Series.Metric
	trouble, now := beyond(metric, e.Data.Rule), b.Value
	if e.Data.Value != nil {
		now = *e.Data.Value
	}
	switch {
	case e.Type == barograph.EventBreachAcked:
		return lookedAt(e.Data.Acknowledged)
	case e.Data.Reminder > 0:
		return "still " + trouble + ", for " + barograph.Words(max(by.Sub(b.StartedAt), 0)) + "; nobody has acknowledged it"
	case e.Type == barograph.EventBreachEnded && b.EndReason != "":
		return "breach closed, " + b.EndReason
	case e.Type == barograph.EventBreachEnded:
		return "no longer " + trouble + ", over after " + barograph.Words(lasted(b)) + "; now " + e.Data.Rule.Reading(metric, now)
	case b.PredictionID != "" && b.Lead > 0:
		return trouble + " now, at " + e.Data.Rule.Reading(metric, now) + "; foreseen " + barograph.Words(b.Lead.Std()) + " ahead"
	}
	return trouble + " now, at " + e.Data.Rule.Reading(metric, now)
}

func lasted(b barograph.Breach) time.Duration { return max(b.EndedAt.Sub(b.StartedAt), 0) }

func hostNews(e barograph.Event, h barograph.HostRef) string {
	switch {
	case e.Type == barograph.EventHostReturned:
		return "reports again"
	case h.LastSeen.IsZero():
		return "is silent"
	}
	return "is silent: last heard " + barograph.Words(e.Time.Sub(h.LastSeen)) + " ago"
}

func ruleNews(e barograph.Event) string {
	switch d := e.Data; {
	case e.Type == barograph.EventRuleRestored:
		return "is restored: its predictions are told one by one again"
	case e.Type == barograph.EventRuleDemoted && d.Demotion != nil:
		return fmt.Sprintf("is demoted to a daily digest: only %d of its last %d predictions came true", d.Demotion.Confirmed, d.Demotion.Scored)
	case d.Digest != nil && len(d.Digest.Predictions) > 0:
		first := d.Digest.Predictions[0]
		return fmt.Sprintf("expects %s %s: first %s, %s, %s sure", series(d.Digest.Open), beyond(first.Series.Metric, d.Rule),
			first.Series.Place(), etaRange(first.Latest.ETA, e.Time), barograph.Percent(first.Latest.Probability))
	}
	return "is demoted to a daily digest"
}

func series(n int) string {
	if n == 1 {
		return "one series"
	}
	return fmt.Sprintf("%d series", n)
}

func endpointNews(e barograph.Event, ep barograph.EndpointRef) string {
	name := endpointName(ep)
	switch {
	case e.Type == barograph.EventEndpointEnabled:
		return "Events are sent to " + name + " again"
	case ep.Reason == "":
		return "Nothing more is sent to " + name
	}
	return "Nothing more is sent to " + name + ": " + shortReason(ep.Reason)
}

// shortReason leaves out of the reason why an endpoint was disabled what it
// answered last, which is told beside it where there is room.
func shortReason(reason string) string {
	short, _, _ := strings.Cut(reason, lastBecause)
	return short
}

// endpointName names an endpoint as people know it. Events of earlier releases
// have the identifiers alone.
func endpointName(ep barograph.EndpointRef) string {
	place, of := ep.Address, strconv.Quote(ep.Subscription)
	if place == "" {
		place = string(ep.ID)
	}
	if ep.Subscription == "" {
		of = string(ep.SubscriptionID)
	}
	return fmt.Sprintf("the %s endpoint %s of subscription %s", ep.Kind, place, of)
}
