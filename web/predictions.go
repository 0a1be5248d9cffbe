package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const warningsPerPage = 50

// predictionsData is what the list of predictions and breaches shows.
type predictionsData struct {
	Filter         form // state, rule_id, host
	States, Rules  []option
	Filtered       bool
	Predictions    []predictionRow
	MorePrediction string // URL
	Breaches       []breachRow
	MoreBreach     string // URL
}

// ended is the state that the list knows beside those of predictions: all but open.
const ended = "ended"

func stateChoices() []option {
	return []option{
		{"", "any"},
		{string(barograph.PredictionOpen), "open"},
		{ended, "ended"},
		{string(barograph.PredictionConfirmed), "confirmed: it came"},
		{string(barograph.PredictionAverted), "averted: it went away"},
		{string(barograph.PredictionExpired), "expired: it did not come"},
		{string(barograph.PredictionWithdrawn), "withdrawn: not to be judged"},
	}
}

// warningFilter reads which predictions, and beside them breaches, are wanted.
func warningFilter(f form) barograph.PredictionFilter {
	filter := barograph.PredictionFilter{RuleID: barograph.RuleID(f.Value("rule_id")), Host: f.Value("host")}
	switch state := f.Value("state"); {
	case state == ended:
		filter.EndedFrom = time.Unix(0, 0) // what is open has not
	case slices.ContainsFunc(stateChoices(), func(o option) bool { return o.Value == state }):
		filter.State = barograph.PredictionState(state)
	default:
		f.add("state", barograph.Errorf(barograph.KindInvalid, "%q is no state of predictions", barograph.Clip(state)).Message)
	}
	return filter
}

// predictions shows what was predicted and what was broken, newest first.
func (s *Site) predictions(w http.ResponseWriter, r *http.Request) error {
	d := predictionsData{Filter: newForm(r.URL.Query()), States: stateChoices()}
	filter := warningFilter(d.Filter)
	query := filterOf(d.Filter, "state", "rule_id", "host")
	d.Filtered = len(query) > 0
	status := http.StatusOK
	var err error
	if d.Filter.Wrong() {
		status = http.StatusUnprocessableEntity
	} else if err = s.addListed(r, &d, filter, query); err != nil {
		return err
	}
	if d.Rules, err = s.ruleChoices(r, d.Filter.Value("rule_id")); err != nil {
		return err
	}
	return s.show(w, r, status, page{Title: "Predictions", Section: "/predictions", Template: "predictions", Data: d})
}

// addListed adds a page of predictions and one of breaches; each list is turned
// over by itself.
func (s *Site) addListed(r *http.Request, d *predictionsData, filter barograph.PredictionFilter, query url.Values) error {
	ctx, who := r.Context(), visitorOf(r)
	rules, err := s.rulesByID(ctx)
	if err != nil {
		return err
	}
	after, breachAfter := d.Filter.Value("after"), d.Filter.Value("breach_after")
	turned := func(after, breachAfter, at string) string {
		to := url.Values{}
		maps.Copy(to, query)
		for name, value := range map[string]string{"after": after, "breach_after": breachAfter} {
			if value != "" {
				to.Set(name, value)
			}
		}
		return withQuery("/predictions", to) + "#" + at
	}
	predictions, err := s.Predictions.Predictions(ctx, filter, barograph.Page{After: after, Limit: warningsPerPage + 1})
	if err != nil {
		return err
	}
	predictions, left := firstOf(predictions, warningsPerPage)
	if left > 0 {
		d.MorePrediction = turned(string(predictions[len(predictions)-1].ID), breachAfter, "predicted")
	}
	for _, p := range predictions {
		d.Predictions = append(d.Predictions, who.predictionRow(p, rules[p.RuleID]))
	}
	breaches, err := s.Predictions.Breaches(ctx, filter, barograph.Page{After: breachAfter, Limit: warningsPerPage + 1})
	if err != nil {
		return err
	}
	breaches, left = firstOf(breaches, warningsPerPage)
	if left > 0 {
		d.MoreBreach = turned(after, string(breaches[len(breaches)-1].ID), "broken")
	}
	for _, b := range breaches {
		d.Breaches = append(d.Breaches, who.breachRow(b, rules[b.RuleID]))
	}
	return nil
}
