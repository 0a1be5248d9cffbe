package web

import (
	"context"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
	"github.com/barograph/barograph/internal/manage"
)

const mostOfRule = 20 // open predictions, and breaches, on a rule's page

// ruleData is what the page of a rule shows.
type ruleData struct {
	Rule        barograph.Rule
	Selector    string
	Sentence    string
	Standing    []badge
	Facts       []fact
	Annotations []fact
	Changed     moment
	Demoted     moment // when it was; the zero moment if it is not

	Source *sourceOfRule // nil: its series are sent to us

	Predictions    []predictionRow
	MorePrediction int
	Breaches       []breachRow
	MoreBreach     int

	Score       ruleScoreWords
	Reliability template.HTML
	Bins        []barograph.ReliabilityBin

	Forecasts forecastList
	Curve     curveView

	open openNow
}

func sortedFacts(texts map[string]string) []fact {
	var all []fact
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		all = append(all, fact{name, texts[name]})
	}
	return all
}

// sourceOfRule is how the query of a rule does.
type sourceOfRule struct {
	Name, Query string
	Series      int
	Answered    moment
	Error       string
	Refused     string
}

// rule shows one rule.
func (s *Site) rule(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	rule, err := s.Rules.Rule(ctx, idOf[barograph.RuleID](r))
	if err != nil {
		return err
	}
	d := ruleData{
		Rule: rule, Selector: rule.Series.String(), Sentence: ruleSentence(rule), Standing: standing(rule),
		Facts: factsOfRule(rule), Changed: who.At(rule.UpdatedAt),
	}
	d.Annotations = sortedFacts(rule.Annotations)
	if rule.Demoted != nil {
		d.Demoted = who.At(rule.Demoted.At)
	}
	for _, add := range []func(context.Context, visitor, *ruleData) error{s.addSource, s.addOpenOfRule, s.addScore} {
		if err := add(ctx, who, &d); err != nil {
			return err
		}
	}
	if d.Forecasts, err = s.forecastsOf(ctx, who, rule, d.open, r.URL.Query()); err != nil {
		return err
	}
	d.Curve = s.curveOf(ctx, who, rule, r.URL.Query(), &d.Forecasts)
	return s.show(w, r, http.StatusOK, page{Title: rule.Name, Section: "/rules", Template: "rule", Data: d})
}

func factsOfRule(r barograph.Rule) []fact {
	facts := []fact{
		{"Limit", r.Operator.Beyond(r.Series.Metric, r.Limit)},
		{"Looks ahead", horizonFact(r)},
		{"Has to last", orNone(r.For > 0, barograph.Words(r.For.Std()), "one value is enough")},
	}
	if r.Horizon > 0 {
		facts = append(facts,
			fact{"Warns from", barograph.Percent(r.OpenAt) + " on"},
			fact{"Takes back below", barograph.Percent(r.CloseAt)})
	}
	if b := r.Bounds; b != nil && b.Min != nil {
		facts = append(facts, fact{"Never below", barograph.Reading(r.Series.Metric, *b.Min)})
	}
	if b := r.Bounds; b != nil && b.Max != nil {
		facts = append(facts, fact{"Never above", barograph.Reading(r.Series.Metric, *b.Max)})
	}
	return facts
}

func horizonFact(r barograph.Rule) string {
	return orNone(r.Horizon > 0, barograph.Words(r.Horizon.Std()), "no: it tells of breaches only")
}

func orNone(given bool, text, otherwise string) string {
	if given {
		return text
	}
	return otherwise
}

// addSource says how the source of a rule does, as far as that is known.
func (s *Site) addSource(ctx context.Context, who visitor, d *ruleData) error {
	if d.Rule.Source == "" {
		return nil
	}
	d.Source = &sourceOfRule{Name: d.Rule.Source, Query: d.Rule.Query}
	all, _, err := s.Sources.Statuses(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(st barograph.SourceStatus) bool { return st.Name == d.Rule.Source })
	if i < 0 {
		d.Source.Error = "The configuration has no source of this name any more."
		return nil
	}
	d.Source.Error = all[i].Error
	for _, q := range all[i].Rules {
		if q.RuleID == d.Rule.ID {
			d.Source.Series, d.Source.Answered, d.Source.Refused = q.Series, who.At(q.Answered), q.Reason
			d.Source.Error = orNone(q.Error != "", q.Error, d.Source.Error)
		}
	}
	return nil
}

// addOpenOfRule adds what the rule predicts, and what is broken, now.
func (s *Site) addOpenOfRule(ctx context.Context, who visitor, d *ruleData) error {
	open := barograph.PredictionFilter{RuleID: d.Rule.ID, State: barograph.PredictionOpen}
	predictions, err := s.Predictions.Predictions(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return err
	}
	slices.SortStableFunc(predictions, func(a, b barograph.Prediction) int { return a.Latest.ETA.Early.Compare(b.Latest.ETA.Early) })
	breaches, err := s.Predictions.Breaches(ctx, open, barograph.Page{Limit: mostRanking})
	if err != nil {
		return err
	}
	d.open = newOpenNow(predictions, breaches)
	predictions, d.MorePrediction = firstOf(predictions, mostOfRule)
	for _, p := range predictions {
		d.Predictions = append(d.Predictions, who.predictionRow(p, d.Rule))
	}
	breaches, d.MoreBreach = firstOf(breaches, mostOfRule)
	for _, b := range breaches {
		d.Breaches = append(d.Breaches, who.breachRow(b, d.Rule))
	}
	return nil
}

// addScore adds how good the rule was.
func (s *Site) addScore(ctx context.Context, who visitor, d *ruleData) error {
	cards, err := s.Scorecards.Scorecards(ctx, who.Now.Add(-ruleScore), who.Now)
	if err != nil {
		return err
	}
	for _, c := range cards {
		if c.RuleID == d.Rule.ID {
			d.Score = scoreWords(c)
		}
	}
	d.Bins = d.Score.Reliability
	d.Reliability, err = square(chart.Reliability{Title: "How sure it was, and how often it came true", Bins: d.Bins})
	return err
}

// changeRule returns a handler that does something with a rule and leads back to
// its page.
func (s *Site) changeRule(done string, change func(context.Context, barograph.RuleID) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := mux.Vars(r)["id"]
		if err := change(r.Context(), barograph.RuleID(id)); err != nil {
			return err
		}
		return redirect(w, r, "/rules/"+id, done)
	}
}

func (s *Site) enableRule(ctx context.Context, id barograph.RuleID) error {
	return s.switchRule(ctx, id, true)
}

func (s *Site) disableRule(ctx context.Context, id barograph.RuleID) error {
	return s.switchRule(ctx, id, false)
}

func (s *Site) switchRule(ctx context.Context, id barograph.RuleID, on bool) error {
	rule, err := s.Rules.Rule(ctx, id)
	if err != nil {
		return err
	}
	in := manage.InputOfRule(rule)
	in.Basis = manage.VersionOf(in)
	in.Enabled = &on
	_, err = s.Manage.Rules.Replace(ctx, id, in)
	return err
}

func (s *Site) restoreRule(ctx context.Context, id barograph.RuleID) error {
	_, err := s.Manage.Rules.Restore(ctx, id)
	return err
}

func (s *Site) deleteRule(w http.ResponseWriter, r *http.Request) error {
	if err := s.Manage.Rules.Delete(r.Context(), idOf[barograph.RuleID](r)); err != nil {
		return err
	}
	return redirect(w, r, "/rules", "rule-deleted")
}

// placeOf names what a series is about, without what tells queries apart.
func placeOf(series barograph.Series) string {
	if series.Metric == barograph.QueryMetric {
		series.Labels = series.Labels.With(barograph.QueryIDLabel, "").With(barograph.QueryRuleLabel, "")
	}
	return strings.TrimSpace(series.Place())
}
