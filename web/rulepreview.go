package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	previewListed = 1000 // series that are counted
	previewNamed  = 50   // that are listed by name
	previewDrawn  = 8
	previewLately = barograph.Day // series that had a value in the last
)

// preview is what a rule would look at, and what it would have said.
type preview struct {
	Means    string // how the limit that was typed is understood
	Metric   metricHint
	Series   seriesPreview
	Backtest backtestPreview
}

// metricHint says what is known of a metric.
type metricHint struct {
	Name   string // "": none is chosen
	Series string // how many, in words
	Labels []labelHint
	Range  string // what the values are now
	Unit   string // how values are written
}

// labelHint is a label that tells the series of a metric apart.
type labelHint struct {
	Name   string
	Values []string // the first ones
	More   int
}

// seriesPreview is what the selector chooses.
type seriesPreview struct {
	Ready   bool // the rule can be tested
	Count   string
	Rows    []seriesRow // those nearest the limit
	Order   string      // of the rows, in words
	Left    int         // how many are not among them
	Names   []string    // the first ones of all
	Unnamed bool        // there are more
	Picture template.HTML
	Caption string
	Problem string
}

// seriesRow is one series and its value now.
type seriesRow struct {
	Place, Series string
	Value         string
	Beyond        bool // the limit, now

	series barograph.Series
	now    float64
	known  bool
}

// previewRule shows what the rule in the form would do, as a page, or, for the
// script, as the part of it that the field part names.
func (s *Site) previewRule(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	ctx, who, id := r.Context(), visitorOf(r), barograph.RuleID(f.Value("id"))
	switch f.Value("part") {
	case "series":
		return s.showPart(w, r, "ruleform", "preview-series", s.previewSeries(ctx, who, f, id))
	case "backtest":
		return s.showPart(w, r, "ruleform", "preview-backtest", preview{Backtest: s.previewBacktest(ctx, who, f, id)})
	}
	p := s.previewSeries(ctx, who, f, id)
	p.Backtest = s.previewBacktest(ctx, who, f, id)
	in := readRule(&f)
	if strings.TrimSpace(in.Name) == "" {
		in.Name = unnamedRule // is asked for when the rule is saved
	}
	if err := f.take(s.Manage.Rules.Check(ctx, s.Manage.Rules.New(in, id)), ruleFields(in)); err != nil {
		return err
	}
	return s.showRuleForm(w, r, http.StatusOK, f, id, p)
}

const unnamedRule = "new rule"

// ruleInForm returns the rule in the form, and whether it can be judged. The form
// stays as it is.
func (s *Site) ruleInForm(f form, id barograph.RuleID) (rule barograph.Rule, why error) {
	mine := newForm(f.Values)
	in := readRule(&mine)
	if in.Name == "" {
		in.Name = unnamedRule
	}
	rule = s.Manage.Rules.New(in, id)
	if mine.Wrong() {
		return rule, barograph.Errorf(barograph.KindInvalid, "The form is not complete yet.")
	}
	return rule, rule.Validate()
}

// previewSeries says which series the rule would look at.
func (s *Site) previewSeries(ctx context.Context, who visitor, f form, id barograph.RuleID) preview {
	rule, why := s.ruleInForm(f, id)
	var p preview
	limit, typed := 0.0, f.Value("limit") != ""
	if typed {
		v, err := readNumber(rule.Series.Metric, f.Value("limit"))
		if limit = v; err == nil {
			p.Means = "Means " + rule.Operator.Beyond(rule.Series.Metric, limit) + "."
		} else {
			p.Means, typed = s.told(ctx, err), false
		}
	}
	rule.Limit = limit
	p.Series.Ready = why == nil
	if rule.Series.Metric == "" {
		return p
	}
	if rule.Source != "" && !s.knownQuery(ctx, rule) {
		p.Series.Problem = "What the source answers is known when the rule is saved: its page shows the series then."
		if why == nil {
			if err := s.Manage.Rules.Check(ctx, rule); err != nil {
				p.Series.Problem = s.told(ctx, err)
			}
		}
		return p
	}
	if err := s.addSeries(ctx, who, &p, rule, typed); err != nil {
		p.Series.Problem = s.told(ctx, err)
	}
	return p
}

// knownQuery reports whether the query is one that is asked already.
func (s *Site) knownQuery(ctx context.Context, rule barograph.Rule) bool {
	if rule.ID == "" {
		return false
	}
	saved, err := s.Rules.Rule(ctx, rule.ID)
	return err == nil && saved.Source == rule.Source && saved.Query == rule.Query
}

// addSeries adds what is known of the metric and of the series that are chosen.
func (s *Site) addSeries(ctx context.Context, who visitor, p *preview, rule barograph.Rule, limited bool) error {
	lately := barograph.SeriesQuery{Selector: barograph.Selector{Metric: rule.Series.Metric}, From: who.Now.Add(-previewLately), To: who.Now, Limit: previewListed}
	if rule.Source != "" {
		lately.Selector = rule.Series
	}
	all, more, err := s.Series.Series(ctx, lately)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		p.Series.Problem = "Nothing named " + barograph.Clip(rule.Series.Metric) + " had a value in the last day. The rule can be saved, and waits."
		return nil
	}
	chosen, others := slices.DeleteFunc(slices.Clone(all), func(x barograph.Series) bool { return !rule.Series.Matches(x) }), false
	if more {
		lately.Selector = rule.Series
		if chosen, others, err = s.Series.Series(ctx, lately); err != nil {
			return err
		}
	}
	values, err := s.previewValues(ctx, who, rule, all, chosen)
	if err != nil {
		return err
	}
	p.Metric = hintOf(rule, all, more, values)
	if len(chosen) == 0 {
		p.Series.Problem = "The metric is known, but none of its series has these labels."
		return nil
	}
	p.Series.fill(rule, chosen, others, values, limited)
	return s.addCourses(ctx, who, &p.Series, rule, limited)
}

// fill adds the series, those nearest the limit first.
func (p *seriesPreview) fill(rule barograph.Rule, chosen []barograph.Series, others bool, values map[string]float64, limited bool) {
	p.Count = howMany(len(chosen), others, "series")
	rows := make([]seriesRow, 0, len(chosen))
	for i, series := range chosen {
		row := seriesRow{Place: placeOf(series), Series: series.String(), series: series}
		if row.now, row.known = values[row.Series]; row.known {
			row.Value = barograph.Reading(series.Metric, row.now)
			row.Beyond = limited && rule.Operator.Crossed(row.now, rule.Limit)
		}
		rows = append(rows, row)
		if i < previewNamed {
			p.Names = append(p.Names, row.Series)
		}
	}
	slices.SortStableFunc(rows, func(a, b seriesRow) int {
		switch {
		case a.known != b.known && a.known:
			return -1
		case a.known != b.known:
			return 1
		case a.now > b.now == rule.Operator.Upward():
			return -1
		case a.now == b.now:
			return 0
		}
		return 1
	})
	p.Rows, p.Left = firstOf(rows, previewDrawn)
	p.Order = orderWords(rule.Operator, len(p.Rows), p.Left, limited)
	p.Unnamed = others || len(chosen) > previewNamed
}

// orderWords says in which order so many rows are.
func orderWords(o barograph.Operator, rows, left int, limited bool) string {
	first := "lowest"
	switch {
	case limited:
		first = "nearest the limit"
	case o.Upward():
		first = "highest"
	}
	if left > 0 {
		return fmt.Sprintf("The %d %s", rows, first)
	}
	return capital(first) + " first"
}

func howMany(n int, more bool, noun string) string {
	if more {
		return fmt.Sprintf("more than %d %s", n, noun)
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// hintOf says what is known of a metric.
func hintOf(rule barograph.Rule, all []barograph.Series, more bool, values map[string]float64) metricHint {
	metric := rule.Series.Metric
	h := metricHint{Name: metric, Series: howMany(len(all), more, "series"), Unit: unitWords(metric), Labels: labelHints(all)}
	first := true
	var low, high float64
	for _, v := range values {
		if first {
			low, high, first = v, v, false
		}
		low, high = min(low, v), max(high, v)
	}
	switch {
	case first:
	case low == high:
		h.Range = barograph.Reading(metric, low)
	default:
		h.Range = "between " + barograph.Reading(metric, low) + " and " + barograph.Reading(metric, high)
	}
	return h
}

// unitWords says how the values of a metric may be typed.
func unitWords(metric string) string {
	switch {
	case strings.HasSuffix(metric, "_ratio"):
		return "A share of 1: type 90 % or 0.9."
	case strings.HasSuffix(metric, "_bytes"):
		return "In bytes: type 10 GiB, 500 MB or a number."
	case strings.HasSuffix(metric, "_bytes_per_second"):
		return "In bytes per second: type 10 MiB, 500 kB or a number."
	case strings.HasSuffix(metric, "_seconds"):
		return "In seconds: type 200ms, 30s, 7d or a number."
	}
	return ""
}

// labelHints returns the labels that the series have, with their first values.
func labelHints(all []barograph.Series) []labelHint {
	const values = 4
	seen := map[string]map[string]bool{}
	for _, series := range all {
		for _, l := range series.Labels {
			if seen[l.Name] == nil {
				seen[l.Name] = map[string]bool{}
			}
			seen[l.Name][l.Value] = true
		}
	}
	var hints []labelHint
	for name, found := range seen {
		sorted := make([]string, 0, len(found))
		for v := range found {
			sorted = append(sorted, v)
		}
		slices.Sort(sorted)
		first, left := firstOf(sorted, values)
		hints = append(hints, labelHint{name, first, left})
	}
	slices.SortFunc(hints, func(a, b labelHint) int { return strings.Compare(a.Name, b.Name) })
	return hints
}

// courseChart returns what is to be drawn of the series.
func courseChart(who visitor, rule barograph.Rule, limited bool, courses []chart.Series) chart.Chart {
	c := chart.Chart{Title: "What the rule looks at", Unit: chart.UnitOf(rule.Series.Metric), Series: courses, Until: who.Now, Zone: who.Zone}
	if limited {
		c.Limit = &chart.Limit{Operator: rule.Operator, Value: rule.Limit}
	}
	return c
}
