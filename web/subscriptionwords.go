package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// endpointName names an endpoint by its kind and where it leads.
func endpointName(e barograph.Endpoint) string { return string(e.Kind) + " " + endpointPlace(e) }

// endpointPlace is where an endpoint leads.
func endpointPlace(e barograph.Endpoint) string {
	switch {
	case e.URL != "":
		return e.URL
	case len(e.To) > 3:
		return strings.Join(e.To[:3], ", ") + " and " + strconv.Itoa(len(e.To)-3) + " more"
	}
	return strings.Join(e.To, ", ")
}

// healthWords says how an endpoint fares: a word, and what is behind it.
type healthWords struct {
	Badge badge
	Text  string
	Why   string // the reason why it is disabled
	When  moment // since when
	Last  moment // the last success
}

func (v visitor) health(h barograph.EndpointHealth) healthWords {
	w := healthWords{Last: v.At(h.LastSuccess)}
	switch {
	case h.Disabled:
		w.Badge, w.Why, w.When = badge{"disabled", "bad"}, h.DisabledReason, v.At(h.DisabledAt)
		w.Text = "Nothing is sent to it. What waits for it is sent if it is enabled in time."
	case !h.FailingSince.IsZero():
		w.Badge, w.When = badge{"failing", "warning"}, v.At(h.FailingSince)
		w.Text = counted(h.Failures, "try", "tries") + " failed since"
		if h.Exhausted > 0 {
			w.Text += ", " + counted(h.Exhausted, "delivery", "deliveries") + " given up"
		}
		w.Text += "."
	case h.LastSuccess.IsZero():
		w.Badge, w.Text = badge{"nothing arrived yet", "neutral"}, "Test it to see whether it works."
	default:
		w.Badge, w.Text = badge{"works", "good"}, "The last try succeeded."
	}
	return w
}

// subscriptionBadge says whether anything is sent.
func subscriptionBadge(s barograph.Subscription) badge {
	if !s.Enabled {
		return badge{"paused", "neutral"}
	}
	return badge{"on", "good"}
}

// wantsSentence says in a line which events a subscription wants.
func wantsSentence(s barograph.Subscription) string {
	text := wantedTypes(s)
	if len(s.Matchers) > 0 {
		text += ", of " + s.Matchers.String()
	}
	if s.MinSeverity != "" {
		text += ", " + severityWords(s.MinSeverity)
	}
	if sure := sureWords(s); sure != "" {
		text += "; predictions " + sure
	}
	return text
}

// wantedTypes names the events that a subscription wants.
func wantedTypes(s barograph.Subscription) string {
	var names []string
	for _, pattern := range s.EventTypes {
		i := slices.IndexFunc(eventGroups(), func(g eventGroup) bool { return g.Pattern == pattern })
		switch {
		case pattern == "*":
			return "Everything" + onlyWords(s.Only)
		case i >= 0:
			names = append(names, strings.ToLower(eventGroups()[i].Name))
		default:
			names = append(names, strings.ReplaceAll(strings.TrimPrefix(pattern, barograph.EventTypePrefix), ".", " "))
		}
	}
	if len(names) == 0 {
		return "All events but the watchdog" + onlyWords(s.Only)
	}
	text := strings.Join(names, ", ")
	return capital(text) + onlyWords(s.Only)
}

func onlyWords(only barograph.NewsKind) string {
	switch only {
	case barograph.NewsPredicted:
		return ", only what is predicted"
	case barograph.NewsActual:
		return ", only what is, not what is predicted"
	}
	return ""
}

func severityWords(least barograph.Severity) string {
	if least == barograph.SeverityCritical {
		return "critical only"
	}
	return string(least) + " or worse"
}

// sureWords says how sure, and how near, predictions have to be.
func sureWords(s barograph.Subscription) string {
	var parts []string
	if s.MinProbability > 0 {
		parts = append(parts, "that are at least "+barograph.Percent(s.MinProbability)+" sure")
	}
	if s.MaxETA > 0 {
		parts = append(parts, "within "+barograph.Words(s.MaxETA.Std()))
	}
	return strings.Join(parts, ", ")
}

// wantsFacts says in full what a subscription wants, and how it is told.
func wantsFacts(s barograph.Subscription) []fact {
	facts := []fact{{"Events", wantedTypes(s)}, {"Labels", "any"}, {"Severity", "any"}, {"Predictions", "all"}}
	if len(s.Matchers) > 0 {
		facts[1].Text = s.Matchers.String()
	}
	if s.MinSeverity != "" {
		facts[2].Text = severityWords(s.MinSeverity)
	}
	if sure := sureWords(s); sure != "" {
		facts[3].Text = sure
	}
	by := "all of a kind"
	if len(s.GroupBy) > 0 {
		by = "those alike in " + strings.Join(s.GroupBy, ", ")
	}
	remind := "never"
	if s.RepeatInterval > 0 {
		remind = "each " + barograph.Words(s.RepeatInterval.Std()) + " of a breach that lasts and that nobody acknowledged"
	}
	facts = append(facts,
		fact{"Groups", by + ": the first is told at once, what follows within " + barograph.Words(s.GroupWait.Std()) + " in one message, then one message each " + barograph.Words(s.GroupInterval.Std())},
		fact{"Reminders", remind})
	if s.SMSDailyBudget > 0 {
		budget := "at most " + strconv.Itoa(s.SMSDailyBudget) + " a day"
		if len(s.SMSOverflowTo) > 0 {
			budget += ", what is beyond goes to " + strings.Join(s.SMSOverflowTo, ", ")
		}
		facts = append(facts, fact{"Text messages", budget})
	}
	return facts
}
