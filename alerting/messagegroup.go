package alerting

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// newest returns, of each thing that the events are about, the newest, the most
// urgent first. That a prediction came true is left out where its breach is told.
func newest(events []barograph.Event) []barograph.Event {
	last, breaches := map[string]int{}, map[barograph.BreachID]bool{}
	for i, e := range events {
		last[topic(e)] = i
		if b := e.Data.Breach; b != nil && e.Type != barograph.EventPredictionConfirmed {
			breaches[b.ID] = true
		}
	}
	var out []barograph.Event
	for i, e := range events {
		about := topic(e)
		stale := about != "" && last[about] != i
		told := e.Type == barograph.EventPredictionConfirmed && e.Data.Prediction != nil && breaches[e.Data.Prediction.BreachID]
		if !stale && !told {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b barograph.Event) int {
		return cmp.Or(cmp.Compare(hurry(a), hurry(b)), rank(a).Compare(rank(b)))
	})
	return out
}

// hurry orders events by their tags, what is before what will be.
func hurry(e barograph.Event) int {
	tag, _ := tagOf(e)
	order := []string{string(barograph.SeverityCritical), string(barograph.SeverityWarning), string(barograph.SeverityInfo), tagAcknowledged, tagResolved, tagTest}
	n := 2 * slices.Index(order, tag)
	if e.Data.Prediction != nil && e.Data.Breach == nil {
		n++
	}
	return n
}

// rank is when what the event tells of began, or will be.
func rank(e barograph.Event) time.Time {
	switch d := e.Data; {
	case d.Breach != nil:
		return d.Breach.StartedAt
	case d.Prediction != nil:
		return d.Prediction.Latest.ETA.Median
	}
	return e.Time
}

// grouped adds what there is to say of several events together.
func grouped(d MessageData) MessageData {
	first := d.Events[0]
	d.Tag, d.Color = first.Tag, first.Color
	same := func(of func(MessageEvent) string) string {
		for _, e := range d.Events {
			if of(e) != of(first) {
				return ""
			}
		}
		return of(first)
	}
	rule := same(func(e MessageEvent) string { return e.Rule })
	for i, e := range d.Events {
		d.Events[i].Line = listed(e, rule != "")
	}
	d.Summary = same(func(e MessageEvent) string { return e.Summary })
	if same(func(e MessageEvent) string { return fmt.Sprint(e.Notes) }) != "" {
		d.Notes = first.Notes
	}
	d.Headline = d.counts()
	if rule != "" {
		d.Headline += " of " + rule
	}
	d.Headline += d.soonest(rule != "")
	d.Advice = d.groupAdvice()
	return d
}

// listed is the event in a list.
func listed(e MessageEvent, ruleKnown bool) string {
	switch {
	case ruleKnown && e.Where != "" && e.News != e.Headline:
		return e.Where + ": " + e.News
	case e.Reminder > 0:
		return e.subject() + ": " + e.News
	}
	return e.Headline
}

// counts says how many there are of each kind: "3 predictions and 12 breaches".
func (d MessageData) counts() string {
	var kinds []string
	count, reminders := map[string]int{}, 0
	for _, e := range d.Events {
		one, _ := kindOf(e.Event)
		if count[one] == 0 {
			kinds = append(kinds, one)
		}
		count[one]++
		if e.Reminder > 0 {
			reminders++
		}
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Compare(len(strings.Fields(a)), len(strings.Fields(b))) })
	var parts []string
	for _, e := range kinds {
		parts = append(parts, plural(count[e], e))
	}
	text := enumerate(parts)
	if reminders == len(d.Events) {
		return "Reminder: " + text
	}
	return text
}

// kindOf names the kind of thing that the event tells of, and whether it is one
// that is yet to come.
func kindOf(e barograph.Event) (one string, ahead bool) {
	switch e.Type {
	case barograph.EventPredictionOpened, barograph.EventPredictionUpdated:
		return "prediction", true
	case barograph.EventPredictionConfirmed:
		return "confirmed prediction", false
	case barograph.EventPredictionAverted:
		return "averted prediction", false
	case barograph.EventPredictionExpired:
		return "false alarm", false
	case barograph.EventPredictionWithdrawn:
		return "withdrawn prediction", false
	case barograph.EventPredictionAcked:
		return "acknowledged prediction", false
	case barograph.EventBreachStarted:
		return "breach", false
	case barograph.EventBreachEnded:
		return "ended breach", false
	case barograph.EventBreachAcked:
		return "acknowledged breach", false
	case barograph.EventHostSilent:
		return "silent host", false
	case barograph.EventHostReturned:
		return "returned host", false
	case barograph.EventEndpointDisabled:
		return "disabled endpoint", false
	case barograph.EventEndpointEnabled:
		return "enabled endpoint", false
	case barograph.EventRuleDemoted:
		return "demoted rule", false
	case barograph.EventRuleRestored:
		return "restored rule", false
	case barograph.EventRuleDigest:
		return "digest", false
	case barograph.EventWatchdog:
	}
	return "sign of life", false
}

func plural(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case one == "sign of life":
		return fmt.Sprintf("%d signs of life", n)
	case strings.HasSuffix(one, "breach"):
		return fmt.Sprintf("%d %ses", n, one)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func enumerate(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// soonest says of the group what matters first: when the next limit will be
// crossed, else where it is crossed already.
func (d MessageData) soonest(ruleKnown bool) string {
	name := func(e MessageEvent) string {
		if ruleKnown {
			return e.Where
		}
		return e.subject()
	}
	first, next, now := d.Events[0], d.next(), d.has(barograph.EventBreachStarted)
	switch {
	case next != nil && now:
		return fmt.Sprintf(": next %s in %s (%s), %s sure", name(*next), next.Lead, next.Range, next.Sure)
	case next != nil:
		return fmt.Sprintf(": first %s in %s (%s), %s sure", name(*next), next.Lead, next.Range, next.Sure)
	case now && first.Since != "" && first.Reminder > 0:
		return fmt.Sprintf(": first %s since %s", name(first), first.Since)
	case now && first.Since != "":
		return fmt.Sprintf(": first %s since %s, at %s", name(first), first.Since, first.Value)
	}
	return d.places()
}

// next returns the prediction that comes true first, nil if there is none.
func (d MessageData) next() (next *MessageEvent) {
	for i, e := range d.Events {
		if _, ahead := kindOf(e.Event); ahead && e.Range != "" && (next == nil || rank(e.Event).Before(rank(next.Event))) {
			next = &d.Events[i]
		}
	}
	return next
}

func (d MessageData) has(t barograph.EventType) bool {
	return slices.ContainsFunc(d.Events, func(e MessageEvent) bool { return e.Event.Type == t })
}

// places names the first few.
func (d MessageData) places() string {
	const most = 3
	var names []string
	for _, e := range d.Events {
		if e.Where != "" && !slices.Contains(names, e.Where) {
			names = append(names, e.Where)
		}
	}
	if len(names) == 0 {
		return ""
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most:most], fmt.Sprintf("%d more", more))
	}
	return ": " + enumerate(names)
}

// groupAdvice says what to do about several things.
func (d MessageData) groupAdvice() string {
	first, next := d.Events[0], d.next()
	switch {
	case d.has(barograph.EventBreachStarted) && first.Reminder > 0:
		return "Act, or acknowledge what you are at already: then nobody is reminded of that again. Begin with " + first.Where + "."
	case first.Event.Type == barograph.EventBreachStarted:
		return "Limits are crossed now: act at once, and begin with " + first.Where + "."
	case d.has(barograph.EventBreachStarted):
		return "Limits are crossed now: act at once."
	case next != nil:
		return next.timeToAct() + "When a danger is gone you will hear of it."
	case d.has(barograph.EventHostSilent):
		return "Nothing about silent hosts can be judged until they report again. See whether the machines are up, reach the network, and run their agents."
	case first.Tag == tagResolved:
		return "Nothing more needs to be done."
	}
	return first.Advice
}
