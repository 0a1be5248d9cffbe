package alerting

import (
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// summarize says in one line what happened. It is the event's summary, the
// subject of a mail and the text of an SMS.
func summarize(e barograph.Event) string {
	d := e.Data
	switch e.Type {
	case barograph.EventPredictionOpened, barograph.EventPredictionUpdated, barograph.EventPredictionConfirmed,
		barograph.EventPredictionAverted, barograph.EventPredictionExpired, barograph.EventPredictionWithdrawn:
		if d.Prediction != nil {
			return oneLine(d.Prediction.RuleName + " on " + where(d.Prediction.Series) + ": " + predictionNews(e, *d.Prediction))
		}
	case barograph.EventBreachStarted, barograph.EventBreachEnded:
		if d.Breach != nil {
			return oneLine(d.Breach.RuleName + " on " + where(d.Breach.Series) + ": " + breachNews(e, *d.Breach))
		}
	case barograph.EventHostSilent, barograph.EventHostReturned:
		if d.Host != nil {
			return oneLine(d.Host.Name + " " + hostNews(e, *d.Host))
		}
	case barograph.EventEndpointDisabled, barograph.EventEndpointEnabled:
		if d.Endpoint != nil {
			return oneLine(endpointNews(e, *d.Endpoint))
		}
	case barograph.EventRuleDemoted, barograph.EventRuleRestored, barograph.EventRuleDigest:
		if d.Rule != nil {
			return oneLine("Rule " + d.Rule.Name + " " + ruleNews(e))
		}
	case barograph.EventWatchdog:
		return "Barograph is alive"
	}
	return oneLine(string(e.Type) + ": " + e.Subject)
}

func predictionNews(e barograph.Event, p barograph.Prediction) string {
	metric, said := p.Series.Metric, p.Latest
	trouble := beyond(metric, e.Data.Rule)
	now := said.Value
	if e.Data.Value != nil {
		now = *e.Data.Value
	}
	value := "; now " + reading(metric, now)
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
	case barograph.EventPredictionUpdated:
		trouble += " now"
	}
	return fmt.Sprintf("%s expected in %s (%s), %s sure%s", trouble,
		barograph.Words(max(0, said.ETA.Median.Sub(said.At))), etaRange(said.ETA, e.Time), percent(said.Probability), value)
}

func breachNews(e barograph.Event, b barograph.Breach) string {
	metric := b.Series.Metric
	trouble, now := beyond(metric, e.Data.Rule), b.Value
	if e.Data.Value != nil {
		now = *e.Data.Value
	}
	switch {
	case e.Type == barograph.EventBreachEnded && b.EndReason != "":
		return "breach closed, " + b.EndReason
	case e.Type == barograph.EventBreachEnded:
		return "no longer " + trouble + ", over after " + barograph.Words(lasted(b)) + "; now " + reading(metric, now)
	case b.PredictionID != "" && b.Lead > 0:
		return trouble + " now, at " + reading(metric, now) + "; foreseen " + barograph.Words(b.Lead.Std()) + " ahead"
	}
	return trouble + " now, at " + reading(metric, now)
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
			where(first.Series), etaRange(first.Latest.ETA, e.Time), percent(first.Latest.Probability))
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
	name := fmt.Sprintf("the %s endpoint %s of subscription %s", ep.Kind, ep.ID, ep.SubscriptionID)
	switch {
	case e.Type == barograph.EventEndpointEnabled:
		return "Events are sent to " + name + " again"
	case ep.Reason == "":
		return "Nothing more is sent to " + name
	}
	return "Nothing more is sent to " + name + ": " + ep.Reason
}
