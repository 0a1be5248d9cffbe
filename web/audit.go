package web

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// Audit gives who changed what people are told, newest first.
type Audit interface {
	Audit(ctx context.Context, filter barograph.AuditFilter, page barograph.Page) ([]barograph.AuditEntry, error)
}

const auditPerPage = 50

// auditData is what the audit log shows.
type auditData struct {
	Filter   form // kind, subject
	Kinds    []option
	Filtered bool
	About    aboutLink // what the entries are about, if it still is there
	Entries  []auditRow
	More     string // URL
}

// auditRow is one entry.
type auditRow struct {
	barograph.AuditEntry

	When    moment
	History string // URL: all entries of the same thing
	Changes []auditChange
	Rest    int // changes that are not shown
	Whole   string
}

// auditChange is one field that became another.
type auditChange struct{ Field, Before, After string }

func auditKinds() []option {
	return []option{
		{"", "any"},
		{"subscription", "subscriptions"},
		{"endpoint", "endpoints"},
		{"silence", "silences"},
		{"prediction", "predictions"},
		{"breach", "breaches"},
		{"import", "imports"},
	}
}

func (s *Site) audit(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	d := auditData{Filter: newForm(r.URL.Query()), Kinds: auditKinds()}
	query := filterOf(d.Filter, "kind", "subject")
	d.Filtered = len(query) > 0
	filter := barograph.AuditFilter{Kind: d.Filter.Value("kind"), Subject: d.Filter.Value("subject")}
	entries, err := s.Audit.Audit(ctx, filter, barograph.Page{After: d.Filter.Value("after"), Limit: auditPerPage + 1})
	if err != nil {
		return err
	}
	entries, left := firstOf(entries, auditPerPage)
	if left > 0 {
		query.Set("after", entries[len(entries)-1].ID)
		d.More = withQuery("/settings/audit", query)
	}
	for _, e := range entries {
		d.Entries = append(d.Entries, who.auditRow(e))
	}
	if filter.Subject != "" && len(entries) > 0 {
		if d.About, err = s.audited(ctx, entries[0]); err != nil {
			return err
		}
	}
	return s.show(w, r, http.StatusOK, page{Title: "Audit log", Section: "/settings", Template: "audit", Data: d})
}

// audited leads to what the entry is about; zero if that is gone.
func (s *Site) audited(ctx context.Context, e barograph.AuditEntry) (about aboutLink, err error) {
	switch e.Kind {
	case "subscription":
		_, err = s.Subscriptions.Subscription(ctx, barograph.SubscriptionID(e.Subject))
		about = aboutLink{"Subscription", e.Name, "/subscriptions/" + e.Subject}
	case "silence":
		_, err = s.Silences.Silence(ctx, barograph.SilenceID(e.Subject))
		about = aboutLink{"Silence", e.Name, silencePath(barograph.SilenceID(e.Subject))}
	case "prediction":
		_, err = s.Predictions.Prediction(ctx, barograph.PredictionID(e.Subject))
		about = aboutLink{"Prediction", e.Name, predictionPath(barograph.PredictionID(e.Subject))}
	case "breach":
		_, err = s.Predictions.Breach(ctx, barograph.BreachID(e.Subject))
		about = aboutLink{"Breach", e.Name, breachPath(barograph.BreachID(e.Subject))}
	}
	if barograph.KindOf(err) == barograph.KindNotFound {
		return aboutLink{}, nil
	}
	return about, err
}

const mostChanges = 12

func (v visitor) auditRow(e barograph.AuditEntry) auditRow {
	row := auditRow{AuditEntry: e, When: v.At(e.At), History: withQuery("/settings/audit", url.Values{"subject": {e.Subject}})}
	if e.Before != nil && e.After != nil {
		row.Changes, row.Rest = firstOf(changesOf(e.Before, e.After), mostChanges)
		return row
	}
	for _, thing := range []any{e.Before, e.After} {
		if thing != nil {
			row.Whole = indented(thing)
		}
	}
	return row
}

// changesOf returns the fields in which both differ, as JSON.
func changesOf(before, after any) []auditChange {
	was, is := fieldsOf(before), fieldsOf(after)
	names := slices.Collect(maps.Keys(is))
	for name := range was {
		if _, still := is[name]; !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []auditChange
	for _, name := range names {
		if name != "updated_at" && !bytes.Equal(was[name], is[name]) {
			changes = append(changes, auditChange{name, string(was[name]), string(is[name])})
		}
	}
	return changes
}

const deepest = 4 // how deep fields lie that are told one by one

// fieldsOf returns the fields of a thing as JSON without white space, those of
// objects in it by their path.
func fieldsOf(thing any) map[string]json.RawMessage {
	found := map[string]json.RawMessage{}
	text, err := json.Marshal(thing)
	if err != nil { // it came from JSON
		return found
	}
	addFields(found, "", text, deepest)
	return found
}

func addFields(found map[string]json.RawMessage, path string, text json.RawMessage, depth int) {
	var fields map[string]json.RawMessage
	if depth == 0 || !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &fields) != nil {
		found[path] = text
		return
	}
	for name, value := range fields {
		addFields(found, strings.TrimPrefix(path+"."+name, "."), value, depth-1)
	}
}

func indented(thing any) string {
	text, err := json.MarshalIndent(thing, "", "  ")
	if err != nil { // it came from JSON
		return ""
	}
	return string(text)
}
