package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// ruleFormData is what the form of a rule shows.
type ruleFormData struct {
	Form        form
	ID          barograph.RuleID // "": a new one
	Name        string           // as it is saved
	Action      string
	Back        string
	Sources     []option // empty: none is configured
	Operators   []option
	Severities  []option
	Annotations []annotationRow
	Metrics     []string // that are known
	Open        bool     // further options are filled in, or wrong
	Preview     preview
}

// annotationRow is one annotation in the form.
type annotationRow struct {
	Number              int
	Name, Text, Problem string
}

// spareAnnotations is how many empty rows there are for further ones.
const spareAnnotations = 2

// newRule shows an empty form, or one that is about a series: from_series is a
// series or a selector.
func (s *Site) newRule(w http.ResponseWriter, r *http.Request) error {
	f := formOfRule(s.Manage.Rules.New(manage.RuleInput{Operator: barograph.Above}, ""))
	f.set("limit", "")
	if text := r.URL.Query().Get("from_series"); text != "" {
		f.set("series", text)
		if selector, err := barograph.ParseSelector(text); err != nil {
			f.refuse("series", err)
		} else {
			f.set("series", selector.String())
			f.set("name", proposedName(selector))
		}
	}
	return s.showRuleForm(w, r, http.StatusOK, f, "", s.previewSeries(r.Context(), visitorOf(r), f, ""))
}

// proposedName names a rule by what it looks at.
func proposedName(selector barograph.Selector) string {
	labels := map[string]string{}
	for _, m := range selector.Matchers {
		if m.Type == barograph.MatchEqual {
			labels[m.Name] = m.Value
		}
	}
	series := barograph.Series{Metric: selector.Metric, Labels: barograph.NewLabels(labels)}
	name := strings.ReplaceAll(series.Metric, "_", " ")
	if place := series.Place(); place != series.Metric {
		name += " on " + place
	}
	return clip(100, name).Begin
}

func (s *Site) editRule(w http.ResponseWriter, r *http.Request) error {
	rule, err := s.Rules.Rule(r.Context(), idOf[barograph.RuleID](r))
	if err != nil {
		return err
	}
	f := editedRule(rule).filled()
	return s.showRuleForm(w, r, http.StatusOK, f, rule.ID, s.previewSeries(r.Context(), visitorOf(r), f, rule.ID))
}

// storedRule is the one that the request edits, as it is by now.
func (s *Site) storedRule(r *http.Request) (edited, error) {
	rule, err := s.Rules.Rule(r.Context(), idOf[barograph.RuleID](r))
	return editedRule(rule), err
}

// editedRule is the rule as its form has it.
func editedRule(r barograph.Rule) edited {
	return edited{Noun: "rule", Path: "/rules/" + string(r.ID), Version: manage.VersionOf(manage.InputOfRule(r)), Form: formOfRule(r), At: r.UpdatedAt}
}

func (s *Site) createRule(w http.ResponseWriter, r *http.Request) error {
	return s.takeRule(w, r, "", "rule-created", func(ctx context.Context, in manage.RuleInput) (barograph.Rule, error) {
		return s.Manage.Rules.Create(ctx, in)
	})
}

func (s *Site) saveRule(w http.ResponseWriter, r *http.Request) error {
	id := idOf[barograph.RuleID](r)
	return s.takeRule(w, r, id, "rule-saved", func(ctx context.Context, in manage.RuleInput) (barograph.Rule, error) {
		return s.Manage.Rules.Replace(ctx, id, in)
	})
}

// takeRule saves what was filled in, or shows it again with what is wrong.
func (s *Site) takeRule(w http.ResponseWriter, r *http.Request, id barograph.RuleID, done string, save func(context.Context, manage.RuleInput) (barograph.Rule, error)) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	in := readRule(&f)
	in.Basis = f.basis()
	if f.Wrong() { // what else is wrong is told at once
		rule := s.Manage.Rules.New(in, id)
		err = s.Manage.Rules.Check(r.Context(), rule)
	} else {
		var saved barograph.Rule
		if saved, err = save(r.Context(), in); err == nil {
			return redirect(w, r, "/rules/"+string(saved.ID), done)
		}
	}
	if err = s.noticeChange(r, &f, err, s.storedRule); barograph.KindOf(err) == barograph.KindConflict { // another rule has the name
		f.refuse("name", err)
	} else if err := f.take(err, ruleFields(in)); err != nil {
		return err
	}
	return s.showRuleForm(w, r, f.status(), f, id, s.previewSeries(r.Context(), visitorOf(r), f, id))
}

// ruleFields knows the fields of the form, each annotation among them.
func ruleFields(in manage.RuleInput) func(string) bool {
	known := fields("name", "series", "source", "query", "operator", "limit", "for", "horizon", "open_at", "close_at", "bounds", "severity", "labels", "annotations")
	return func(field string) bool {
		if name, isAnnotation := strings.CutPrefix(field, "annotations."); isAnnotation {
			_, given := in.Annotations[name]
			return given
		}
		return known(field)
	}
}

func (s *Site) showRuleForm(w http.ResponseWriter, r *http.Request, status int, f form, id barograph.RuleID, p preview) error {
	d := ruleFormData{
		Form: f, ID: id, Action: "/rules/new", Back: "/rules", Preview: p,
		Operators: []option{{">", "above"}, {">=", "at or above"}, {"<", "below"}, {"<=", "at or below"}},
		Severities: []option{
			{string(barograph.SeverityInfo), "info"},
			{string(barograph.SeverityWarning), "warning"},
			{string(barograph.SeverityCritical), "critical"},
		},
		Metrics: s.metricNames(r.Context()), Annotations: annotationRows(f), Open: furtherOptions(f),
	}
	if f.Problem["limit"] != "" { // which is told there
		d.Preview.Means = ""
	}
	title := "New rule"
	if id != "" {
		saved, err := s.Rules.Rule(r.Context(), id)
		if err != nil {
			return err
		}
		title, d.Name = "Edit "+saved.Name, saved.Name
		d.Action, d.Back = "/rules/"+string(id)+"/edit", "/rules/"+string(id)
	}
	sources, _, err := s.Sources.Statuses(r.Context())
	if err != nil {
		return err
	}
	for _, source := range sources {
		d.Sources = append(d.Sources, option{source.Name, "asked of " + source.Name})
	}
	if chosen := f.Value("source"); chosen != "" && !slices.ContainsFunc(d.Sources, func(o option) bool { return o.Value == chosen }) {
		d.Sources = append(d.Sources, option{chosen, "asked of " + barograph.Clip(chosen) + ", which is gone"})
	}
	if len(d.Sources) > 0 {
		d.Sources = append([]option{{"", "sent to Barograph"}}, d.Sources...)
	}
	return s.show(w, r, status, page{Title: title, Section: "/rules", Template: "ruleform", Data: d})
}

// formOfRule fills in the form with a rule.
func formOfRule(r barograph.Rule) form {
	f := newForm(nil)
	for name, value := range map[string]string{
		"name": r.Name, "source": r.Source, "query": r.Query, "operator": string(r.Operator), "limit": writeNumber(r.Limit),
		"for": r.For.String(), "horizon": r.Horizon.String(), "open_at": writeNumber(r.OpenAt), "close_at": writeNumber(r.CloseAt),
		"severity": string(r.Severity), "labels": writeLabels(r.Labels),
	} {
		f.set(name, value)
	}
	if r.Source == "" && r.Series.Metric != "" {
		f.set("series", r.Series.String())
	}
	if b := r.Bounds; b != nil && b.Min != nil {
		f.set("bounds.min", writeNumber(*b.Min))
	}
	if b := r.Bounds; b != nil && b.Max != nil {
		f.set("bounds.max", writeNumber(*b.Max))
	}
	if r.Enabled {
		f.set("enabled", "on")
	}
	for _, a := range sortedFacts(r.Annotations) {
		f.set("annotation_name", append(f.All("annotation_name"), a.Name)...)
		f.set("annotation_text", append(f.All("annotation_text"), a.Text)...)
	}
	return f
}

// readRule returns what was filled in; what can't be read is told beside its
// field, and left out.
func readRule(f *form) manage.RuleInput {
	on := f.Has("enabled", "on")
	in := manage.RuleInput{
		Name: strings.TrimSpace(f.Value("name")), Source: f.Value("source"), Query: strings.TrimSpace(f.Value("query")),
		Operator: barograph.Operator(f.Value("operator")), Severity: barograph.Severity(f.Value("severity")), Enabled: &on,
	}
	in.Series = readSelector(f, in.Source)
	metric := barograph.QueryMetric
	if in.Series != nil {
		metric = in.Series.Metric
	}
	if limit := readField(f, "limit", metric); limit != nil {
		in.Limit = *limit
	} else {
		f.add("limit", "Say where the trouble begins.")
	}
	in.For, in.Horizon = readTime(f, "for"), readTime(f, "horizon")
	in.OpenAt, in.CloseAt = readPart(f, "open_at"), readPart(f, "close_at")
	if least, most := readField(f, "bounds.min", metric), readField(f, "bounds.max", metric); least != nil || most != nil {
		in.Bounds = &barograph.Bounds{Min: least, Max: most}
	}
	labels, err := readLabels(f.Value("labels"))
	if err != nil {
		f.refuse("labels", err)
	}
	in.Labels = labels
	in.Annotations = readAnnotations(f)
	return in
}

// readSelector returns which series are chosen; nil if a source knows that, or if
// it can't be read.
func readSelector(f *form, source string) *barograph.Selector {
	if source != "" {
		return nil
	}
	text := strings.TrimSpace(f.Value("series"))
	if text == "" {
		if f.Value("query") == "" {
			f.add("series", `Say which series: a metric, and labels where not all are meant, as disk_used_ratio{mount="/"}.`)
		}
		return &barograph.Selector{}
	}
	selector, err := barograph.ParseSelector(text)
	if err != nil {
		f.refuse("series", err)
		return &barograph.Selector{Metric: metricIn(text)}
	}
	return &selector
}

// metricIn returns the metric that a selector begins with, also one that is not
// written to its end.
func metricIn(text string) string {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end >= 0 {
		text = text[:end]
	}
	if !barograph.ValidName(text) {
		return ""
	}
	return text
}

// readField reads a number in the metric's unit; nil if there is none.
func readField(f *form, name, metric string) *float64 {
	text := strings.TrimSpace(f.Value(name))
	if text == "" {
		return nil
	}
	v, err := readNumber(metric, text)
	if err != nil {
		f.refuse(name, err)
		return new(float64)
	}
	return &v
}

func readPart(f *form, name string) *float64 {
	text := strings.TrimSpace(f.Value(name))
	if text == "" {
		return nil
	}
	v, err := readShare(text)
	if err != nil {
		f.refuse(name, err)
		return nil
	}
	return &v
}

func readTime(f *form, name string) *barograph.Duration {
	d, err := readDuration(f.Value(name))
	if err != nil {
		f.refuse(name, err)
		return nil
	}
	return d
}

// readAnnotations returns the annotations that have a name or a text.
func readAnnotations(f *form) map[string]string {
	names, texts := f.All("annotation_name"), f.All("annotation_text")
	all := map[string]string{}
	for i, name := range names {
		name = strings.TrimSpace(name)
		text := ""
		if i < len(texts) {
			text = strings.TrimSpace(strings.ReplaceAll(texts[i], "\r\n", "\n"))
		}
		if name == "" && text == "" {
			continue
		}
		if _, twice := all[name]; twice {
			f.add("annotations", "The name "+strconv.Quote(barograph.Clip(name))+" is given twice.")
		}
		all[name] = text
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// annotationRows returns the rows of the form: those filled in, and spare ones.
func annotationRows(f form) []annotationRow {
	var rows []annotationRow
	texts := f.All("annotation_text")
	for i, name := range f.All("annotation_name") {
		row := annotationRow{Name: name, Problem: f.Problem["annotations."+strings.TrimSpace(name)]}
		if i < len(texts) {
			row.Text = texts[i]
		}
		if strings.TrimSpace(row.Name+row.Text) != "" {
			rows = append(rows, row)
		}
	}
	rows = append(rows, make([]annotationRow, spareAnnotations)...)
	for i := range rows {
		rows[i].Number = i + 1
	}
	return rows
}

// furtherOptions reports whether one of those is filled in that are out of sight
// else, or wrong.
func furtherOptions(f form) bool {
	for name, usual := range map[string]string{"for": "0s", "open_at": "0.7", "close_at": "0.4", "bounds.min": "", "bounds.max": "", "labels": ""} {
		if f.Value(name) != usual || f.Problem[name] != "" {
			return true
		}
	}
	for name := range f.Problem {
		if name == "bounds" || strings.HasPrefix(name, "annotations") {
			return true
		}
	}
	return strings.TrimSpace(strings.Join(f.All("annotation_name"), "")) != ""
}
