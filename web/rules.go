package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

const (
	rulesPerPage = 50
	ruleScore    = 90 * barograph.Day // how far back a rule's score looks
)

// rulesData is what the list of rules shows.
type rulesData struct {
	Rules    []ruleRow
	Filter   form // q, state
	States   []option
	Filtered bool
	More     string // URL
}

// ruleRow is one rule in the list.
type ruleRow struct {
	barograph.Rule

	Selector string // what it looks at
	Limit    string // above 90 %
	Horizon  string
	Standing []badge
	Score    ruleScoreWords
}

// ruleScoreWords is how good a rule was, in words.
type ruleScoreWords struct {
	barograph.Scorecard

	Closed int    // predictions that count
	Lead   string // "": none came true
	Brier  string // "": none counts
}

func scoreWords(c barograph.Scorecard) ruleScoreWords {
	w := ruleScoreWords{Scorecard: c, Closed: c.Confirmed + c.Expired + c.Averted - c.Turned}
	if c.Confirmed > 0 {
		w.Lead = barograph.Words(c.MedianLead.Std())
	}
	if c.BrierScore != nil {
		w.Brier = strconv.FormatFloat(*c.BrierScore, 'f', 3, 64)
	}
	return w
}

// rules shows all rules with how good they were.
func (s *Site) rules(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	all, err := s.Rules.Rules(ctx, barograph.Page{})
	if err != nil {
		return err
	}
	cards, err := s.Scorecards.Scorecards(ctx, who.Now.Add(-ruleScore), who.Now)
	if err != nil {
		return err
	}
	scores := make(map[barograph.RuleID]barograph.Scorecard, len(cards))
	for _, c := range cards {
		scores[c.RuleID] = c
	}
	query := r.URL.Query()
	d := rulesData{Filter: newForm(query), States: []option{{"", "all"}, {"on", "on"}, {"off", "off"}, {"demoted", "demoted"}}}
	d.Filtered = query.Get("q") != "" || query.Get("state") != ""
	all = slices.DeleteFunc(all, func(r barograph.Rule) bool { return !ruleIsMeant(r, query.Get("q"), query.Get("state")) })
	slices.SortFunc(all, func(a, b barograph.Rule) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	if i := slices.IndexFunc(all, func(r barograph.Rule) bool { return string(r.ID) == query.Get("after") }); i >= 0 {
		all = all[i+1:]
	}
	all, left := firstOf(all, rulesPerPage)
	for _, rule := range all {
		d.Rules = append(d.Rules, rowOfRule(rule, scores[rule.ID]))
	}
	if left > 0 {
		d.More = "/rules?" + url.Values{"q": {query.Get("q")}, "state": {query.Get("state")}, "after": {string(all[len(all)-1].ID)}}.Encode()
	}
	return s.show(w, r, http.StatusOK, page{Title: "Rules", Section: "/rules", Template: "rules", Data: d})
}

// ruleIsMeant reports whether the text is in the rule's name or series, and the
// rule is in the state; "" means any.
func ruleIsMeant(r barograph.Rule, text, state string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if !strings.Contains(strings.ToLower(r.Name+"\n"+r.Series.String()+"\n"+r.Query), text) {
		return false
	}
	switch state {
	case "on":
		return r.Enabled
	case "off":
		return !r.Enabled
	case "demoted":
		return r.Demoted != nil
	}
	return true
}

func rowOfRule(rule barograph.Rule, score barograph.Scorecard) ruleRow {
	row := ruleRow{
		Rule: rule, Selector: rule.Series.String(), Limit: rule.Operator.Beyond(rule.Series.Metric, rule.Limit),
		Horizon: horizonWords(rule.Horizon.Std()), Standing: standing(rule), Score: scoreWords(score),
	}
	if rule.Source != "" {
		row.Selector = rule.Query + " at " + rule.Source
	}
	return row
}
