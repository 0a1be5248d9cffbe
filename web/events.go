package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const (
	eventsPerPage = 50
	mostOffered   = 500 // of what a field offers to choose from
)

// eventsData is what the list of events shows.
type eventsData struct {
	Filter    form // type, host, rule_id, min_severity, from, to
	Types     []option
	Rules     []option
	Severity  []option
	Filtered  bool
	Following bool // new ones appear, as this is the newest page
	Events    []eventRow
	First     string // URL of the newest page
	More      string // URL
	JSON      string // URL
}

// eventRow is one event in a list.
type eventRow struct {
	barograph.Event

	Kind    badge
	When    moment
	Host    string
	Summary string
}

func (v visitor) eventRow(e barograph.Event) eventRow {
	row := eventRow{Event: e, Kind: eventBadge(e.Type), When: v.At(e.Time), Host: e.Labels.Get("host"), Summary: v.summary(e)}
	if row.Summary == "" {
		row.Summary = row.Kind.Text
	}
	return row
}

// summary returns the event's, with when a limit will be crossed by the visitor's
// clock: the event itself has it in UTC.
func (v visitor) summary(e barograph.Event) string {
	text := e.Data.Summary
	if p := e.Data.Prediction; p != nil && !p.Latest.ETA.Early.IsZero() {
		eta := p.Latest.ETA
		text = strings.Replace(text, eta.Words(e.Time, time.UTC)+" UTC", eta.Words(v.Now, v.Zone), 1)
	}
	return text
}

// events shows what happened, newest first.
func (s *Site) events(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	d := eventsData{Filter: newForm(r.URL.Query()), Types: eventChoices(), Severity: severityChoices()}
	filter := eventFilter(who, d.Filter)
	query := filterOf(d.Filter, eventFields()...)
	d.Filtered = len(query) > 0
	d.First, d.JSON = withQuery("/events", query), withQuery("/events.json", query)
	status := http.StatusOK
	if d.Filter.Wrong() {
		status = http.StatusUnprocessableEntity
	} else {
		after := d.Filter.Value("after")
		d.Following = after == ""
		found, err := s.Events.Events(ctx, filter, barograph.Page{After: after, Limit: eventsPerPage + 1})
		if err != nil {
			return err
		}
		found, left := firstOf(found, eventsPerPage)
		for _, e := range found {
			d.Events = append(d.Events, who.eventRow(e))
		}
		if left > 0 {
			query.Set("after", string(found[len(found)-1].ID))
			d.More = withQuery("/events", query)
		}
	}
	var err error
	if d.Rules, err = s.ruleChoices(r, d.Filter.Value("rule_id")); err != nil {
		return err
	}
	return s.show(w, r, status, page{Title: "Events", Section: "/events", Template: "events", Data: d})
}

// eventFields are the fields that events are chosen by, with the names that they
// have in the API.
func eventFields() []string { return []string{"type", "host", "rule_id", "min_severity", "from", "to"} }

// eventFilter reads which events are wanted; what is wrong is noted in the form.
func eventFilter(who visitor, f form) barograph.EventFilter {
	filter := barograph.EventFilter{
		RuleID: barograph.RuleID(f.Value("rule_id")), Host: f.Value("host"), MinSeverity: barograph.Severity(f.Value("min_severity")),
	}
	switch pattern := f.Value("type"); {
	case pattern == "":
		filter.Types = allButWatchdog()
	case slices.ContainsFunc(barograph.EventTypes(), func(t barograph.EventType) bool { return barograph.MatchEventType(pattern, t) }):
		filter.Types = []string{pattern}
	default:
		f.add("type", barograph.Errorf(barograph.KindInvalid, "%q is no type of events", barograph.Clip(pattern)).Message)
	}
	if filter.MinSeverity != "" && filter.MinSeverity.Rank() == 0 {
		f.add("min_severity", "is not one of info, warning, critical")
	}
	var err error
	if filter.From, err = who.Read(f.Value("from")); err != nil {
		f.refuse("from", err)
	}
	if filter.To, err = who.Read(f.Value("to")); err != nil {
		f.refuse("to", err)
	}
	if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
		f.add("to", "is not after the beginning")
	}
	return filter
}

// filterOf returns what is filled in of these fields, for an address.
func filterOf(f form, names ...string) url.Values {
	query := url.Values{}
	for _, name := range names {
		if value := f.Value(name); value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// ruleChoices offers the rules, and the one that is chosen even if it is gone.
func (s *Site) ruleChoices(r *http.Request, chosen string) ([]option, error) {
	rules, err := s.Rules.Rules(r.Context(), barograph.Page{Limit: mostOffered})
	all := []option{{"", "any"}}
	for _, rule := range rules {
		all = append(all, option{string(rule.ID), rule.Name})
	}
	if !slices.ContainsFunc(all, func(o option) bool { return o.Value == chosen }) {
		all = append(all, option{chosen, chosen})
	}
	return all, err
}

// eventsJSON sends the list of events as the API does.
func (s *Site) eventsJSON(w http.ResponseWriter, r *http.Request) error {
	f := newForm(r.URL.Query())
	filter := eventFilter(visitorOf(r), f)
	for _, name := range eventFields() {
		if problem := f.Problem[name]; problem != "" {
			return barograph.Errorf(barograph.KindInvalid, "%s: %s", name, problem)
		}
	}
	found, err := s.Events.Events(r.Context(), filter, barograph.Page{After: f.Value("after"), Limit: eventsPerPage + 1})
	if err != nil {
		return err
	}
	answer := struct {
		Items []barograph.Event `json:"items"`
		Next  barograph.EventID `json:"next,omitempty"`
	}{Items: []barograph.Event{}}
	found, left := firstOf(found, eventsPerPage)
	answer.Items = append(answer.Items, found...)
	if left > 0 {
		answer.Next = found[len(found)-1].ID
	}
	return sendJSON(w, answer)
}

// sendJSON writes a value for programs, and for people who look at it.
func sendJSON(w http.ResponseWriter, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(text, '\n')) // the client may be gone
	return nil
}
