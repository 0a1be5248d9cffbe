package web

import (
	"strings"

	"github.com/barograph/barograph"
)

// eventBadge says what sort of event it is: "prediction opened", with the tone of
// what it means to whoever reads it.
func eventBadge(t barograph.EventType) badge {
	text := strings.ReplaceAll(string(t), ".", " ")
	switch t { //nolint:exhaustive // all others are neutral
	case barograph.EventPredictionAverted, barograph.EventBreachEnded, barograph.EventHostReturned, barograph.EventEndpointEnabled, barograph.EventRuleRestored:
		return badge{text, "good"}
	case barograph.EventBreachStarted, barograph.EventHostSilent, barograph.EventEndpointDisabled:
		return badge{text, "bad"}
	case barograph.EventPredictionOpened, barograph.EventRuleDemoted:
		return badge{text, "warning"}
	case barograph.EventPredictionConfirmed: // bad that it came, good that we said so
		return badge{text, "came"}
	}
	return badge{text, "neutral"}
}

// eventGroup is what several types of events have in common.
type eventGroup struct{ Pattern, Name, Hint string }

// eventGroups are all of them, in the order in which they are offered.
func eventGroups() []eventGroup {
	return []eventGroup{
		{"prediction.*", "Predictions", "a limit will be crossed, and what became of it"},
		{"breach.*", "Breaches", "a limit is crossed, and no longer"},
		{"host.*", "Hosts", "silent, and heard again"},
		{"rule.*", "Rules", "cried wolf too often, and their digests"},
		{"endpoint.*", "Endpoints", "out of service, and back"},
		{string(barograph.EventWatchdog), "Watchdog", "a sign of life each minute"},
	}
}

// allButWatchdog are the patterns of all events that tell of something.
func allButWatchdog() []string {
	var patterns []string
	for _, g := range eventGroups() {
		if g.Pattern != string(barograph.EventWatchdog) {
			patterns = append(patterns, g.Pattern)
		}
	}
	return patterns
}

// eventChoices are what a list of events can be narrowed to: groups, each with the
// types in it.
func eventChoices() []option {
	all := []option{{"", "all but the watchdog"}}
	for _, g := range eventGroups() {
		all = append(all, option{g.Pattern, g.Name})
		for _, t := range barograph.EventTypes() {
			if string(t) != g.Pattern && barograph.MatchEventType(g.Pattern, t) {
				all = append(all, option{string(t), "– " + eventBadge(t).Text})
			}
		}
	}
	return append(all, option{"*", "everything"})
}

// severityChoices are the severities that something can be narrowed to.
func severityChoices() []option {
	return []option{
		{"", "any"}, {string(barograph.SeverityInfo), "info or worse"}, {string(barograph.SeverityWarning), "warning or worse"}, {string(barograph.SeverityCritical), "critical"},
	}
}
