package promtsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/barograph/barograph"
)

// Rules lists the rules there are.
type Rules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
}

// Warnings lists what rules have warned of.
type Warnings interface {
	Predictions(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
	Breaches(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Breach, error)
}

// maxAlerts bounds how many predictions and breaches are shown, of each the newest.
const maxAlerts = 10_000

// ruleGroup is what all our rules are shown as.
const ruleGroup = "barograph"

type alertState string

// What is predicted is pending, what has come is firing.
const (
	alertInactive alertState = "inactive"
	alertPending  alertState = "pending"
	alertFiring   alertState = "firing"
)

type groupJSON struct {
	Name           string     `json:"name"`
	File           string     `json:"file"`
	Rules          []ruleJSON `json:"rules"`
	Interval       float64    `json:"interval"`
	Limit          int        `json:"limit"`
	EvaluationTime float64    `json:"evaluationTime"`
	LastEvaluation time.Time  `json:"lastEvaluation"`
}

type ruleJSON struct {
	State          alertState        `json:"state"`
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       float64           `json:"duration"`
	KeepFiringFor  float64           `json:"keepFiringFor"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	Alerts         []alertJSON       `json:"alerts"`
	Health         string            `json:"health"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type alertJSON struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       alertState        `json:"state"`
	ActiveAt    time.Time         `json:"activeAt"`
	Value       string            `json:"value"`
}

// rules shows the enabled rules, with what they warn of.
func (a *api) rules(r *http.Request) (any, annotations.Annotations, error) {
	filter, err := a.ruleFilter(r)
	if err != nil {
		return nil, nil, err
	}
	shown := []groupJSON{}
	if filter.none {
		return groupsJSON{shown}, nil, nil
	}
	all, err := a.readRules(r.Context())
	if err != nil {
		return nil, nil, err
	}
	alerts, err := a.readAlerts(r.Context(), all)
	if err != nil {
		return nil, nil, err
	}
	now := a.clock.Now().UTC()
	group := groupJSON{Name: ruleGroup, File: ruleGroup, Interval: a.deps.Interval.Seconds(), LastEvaluation: now}
	for _, rule := range all {
		one := showRule(rule, alerts[rule.ID], now)
		if !filter.passes(one) {
			continue
		}
		if filter.excludeAlerts {
			one.Alerts = nil
		}
		group.Rules = append(group.Rules, one)
	}
	if len(group.Rules) > 0 {
		shown = append(shown, group)
	}
	return groupsJSON{shown}, nil, nil
}

type groupsJSON struct {
	Groups []groupJSON `json:"groups"`
}

// alerts shows what is predicted and what has come.
func (a *api) alerts(r *http.Request) (any, annotations.Annotations, error) {
	all, err := a.readRules(r.Context())
	if err != nil {
		return nil, nil, err
	}
	alerts, err := a.readAlerts(r.Context(), all)
	if err != nil {
		return nil, nil, err
	}
	shown := []alertJSON{}
	for _, rule := range all {
		shown = append(shown, alerts[rule.ID]...)
	}
	return struct {
		Alerts []alertJSON `json:"alerts"`
	}{shown}, nil, nil
}

// readRules returns the enabled rules by name.
func (a *api) readRules(ctx context.Context) ([]barograph.Rule, error) {
	if a.deps.Rules == nil {
		return nil, nil
	}
	all, err := a.deps.Rules.Rules(ctx, barograph.Page{})
	if err != nil {
		return nil, a.unreadable(ctx, "rules", err)
	}
	all = slices.DeleteFunc(all, func(r barograph.Rule) bool { return !r.Enabled })
	slices.SortFunc(all, func(a, b barograph.Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// readAlerts returns what is open of each rule: breaches, then predictions, each
// oldest first.
func (a *api) readAlerts(ctx context.Context, rules []barograph.Rule) (map[barograph.RuleID][]alertJSON, error) {
	out := map[barograph.RuleID][]alertJSON{}
	if a.deps.Warnings == nil || len(rules) == 0 {
		return out, nil
	}
	open, page := barograph.PredictionFilter{State: barograph.PredictionOpen}, barograph.Page{Limit: maxAlerts}
	breaches, err := a.deps.Warnings.Breaches(ctx, open, page)
	if err != nil {
		return nil, a.unreadable(ctx, "breaches", err)
	}
	predictions, err := a.deps.Warnings.Predictions(ctx, open, page)
	if err != nil {
		return nil, a.unreadable(ctx, "predictions", err)
	}
	byID := make(map[barograph.RuleID]barograph.Rule, len(rules))
	for _, r := range rules {
		byID[r.ID] = r
	}
	for _, b := range slices.Backward(breaches) {
		if rule, ok := byID[b.RuleID]; ok {
			out[rule.ID] = append(out[rule.ID], showBreach(rule, b))
		}
	}
	for _, p := range slices.Backward(predictions) {
		if rule, ok := byID[p.RuleID]; ok {
			out[rule.ID] = append(out[rule.ID], showPrediction(rule, p))
		}
	}
	return out, nil
}

// unreadable is an error of the database; why is for the log.
func (a *api) unreadable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.log.ErrorContext(ctx, "list for the PromQL API failed", "what", what, "error", err)
	return &apiError{errorUnavailable, "the " + what + " could not be read; the server's log says why"}
}

func showRule(rule barograph.Rule, alerts []alertJSON, now time.Time) ruleJSON {
	state := alertInactive
	for _, alert := range alerts {
		if state == alertInactive || alert.State == alertFiring {
			state = alert.State
		}
	}
	if alerts == nil {
		alerts = []alertJSON{} // not null in JSON
	}
	limit := strconv.FormatFloat(rule.Limit, 'g', -1, 64)
	return ruleJSON{
		State: state, Name: rule.Name, Query: fmt.Sprintf("%s %s %s", rule.Series, rule.Operator, limit),
		Duration: rule.For.Std().Seconds(), Labels: rule.Labels.With("severity", string(rule.Severity)).Map(),
		Annotations: orEmpty(rule.Annotations), Alerts: alerts, Health: "ok", LastEvaluation: now, Type: "alerting",
	}
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func showBreach(rule barograph.Rule, b barograph.Breach) alertJSON {
	return alertJSON{
		Labels: alertLabels(rule, b.Series, b.Severity, "breach"), State: alertFiring, ActiveAt: b.StartedAt.UTC(), Value: exponent(b.Value),
		Annotations: alertAnnotations(rule, b.Series, barograph.AnnotationData{Value: b.Value, Lead: b.Lead.Std()}, nil),
	}
}

func showPrediction(rule barograph.Rule, p barograph.Prediction) alertJSON {
	said := p.Latest
	return alertJSON{
		Labels: alertLabels(rule, p.Series, p.Severity, "prediction"), State: alertPending, ActiveAt: p.OpenedAt.UTC(), Value: exponent(said.Value),
		Annotations: alertAnnotations(rule, p.Series,
			barograph.AnnotationData{Value: said.Value, Probability: said.Probability, ETA: &said.ETA},
			map[string]string{
				"probability": strconv.FormatFloat(said.Probability, 'g', -1, 64), "reason": said.Reason,
				"eta_early": rfc3339(said.ETA.Early), "eta": rfc3339(said.ETA.Median), "eta_late": rfc3339(said.ETA.Late),
			}),
	}
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// exponent writes a value as Prometheus does in alerts.
func exponent(v float64) string { return strconv.FormatFloat(v, 'e', -1, 64) }

// alertLabels are those that the same warning has in Alertmanager.
func alertLabels(rule barograph.Rule, series barograph.Series, severity barograph.Severity, kind string) map[string]string {
	all := series.Labels.Merge(rule.Labels).Map()
	all["alertname"], all["barograph"], all["severity"] = rule.Name, kind, string(severity)
	return all
}

// alertAnnotations are the rule's own, filled in, and what is known in numbers.
func alertAnnotations(rule barograph.Rule, series barograph.Series, data barograph.AnnotationData, known map[string]string) map[string]string {
	data.Rule, data.Series, data.Metric, data.Labels = rule.Name, series.String(), series.Metric, series.Labels.Map()
	data.Limit, data.Operator = rule.Limit, string(rule.Operator)
	all := make(map[string]string, len(rule.Annotations)+len(known)+1)
	for name, text := range rule.Annotations {
		said, err := data.Render(text)
		if err != nil {
			said = "template error: " + err.Error()
		}
		all[name] = said
	}
	maps.Copy(all, known)
	all["series"] = data.Series
	return all
}

// ruleFilter is which rules are asked for.
type ruleFilter struct {
	none          bool // of ours
	excludeAlerts bool
	rules         []string // none: all
	sets          [][]*labels.Matcher
}

func (a *api) ruleFilter(r *http.Request) (ruleFilter, error) {
	var f ruleFilter
	var err error
	if f.sets, err = a.matchers(r); err != nil {
		return f, err
	}
	switch kind := strings.ToLower(r.FormValue("type")); kind {
	case "", "alert":
	case "record":
		f.none = true
	default:
		return f, badParam("type", fmt.Errorf("not supported value %q", kind))
	}
	if text := r.FormValue("exclude_alerts"); text != "" {
		if f.excludeAlerts, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			return f, badParam("exclude_alerts", fmt.Errorf("error converting exclude_alerts: %w", err))
		}
	}
	if err := checkGroupPage(r); err != nil {
		return f, err
	}
	for _, param := range []string{"rule_group[]", "file[]"} {
		if asked := r.Form[param]; len(asked) > 0 && !slices.Contains(asked, ruleGroup) {
			f.none = true
		}
	}
	f.rules = r.Form["rule_name[]"]
	return f, nil
}

// checkGroupPage reads how many groups are asked for. There is one, and so no
// page after the first.
func checkGroupPage(r *http.Request) error {
	limit, token := r.FormValue("group_limit"), r.FormValue("group_next_token")
	switch n, err := strconv.ParseInt(limit, 10, 32); {
	case limit == "" && token != "":
		return badParam("group_next_token", errors.New("group_limit needs to be present in order to paginate over the groups"))
	case limit != "" && err != nil:
		return badParam("group_limit", fmt.Errorf("group_limit needs to be a valid number: %w", err))
	case limit != "" && n <= 0:
		return badParam("group_limit", errors.New("group_limit needs to be greater than 0"))
	case token != "":
		return badParam("group_next_token", fmt.Errorf("invalid group_next_token '%v'. were rule groups changed?", token))
	}
	return nil
}

func (f ruleFilter) passes(rule ruleJSON) bool {
	if len(f.rules) > 0 && !slices.Contains(f.rules, rule.Name) {
		return false
	}
	return len(f.sets) == 0 || slices.ContainsFunc(f.sets, func(set []*labels.Matcher) bool {
		return !slices.ContainsFunc(set, func(m *labels.Matcher) bool { return !m.Matches(rule.Labels[m.Name]) })
	})
}
