package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// Rules keeps the rules.
type Rules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
	CreateRule(ctx context.Context, rule barograph.Rule) error
	UpdateRule(ctx context.Context, rule barograph.Rule) error
	DeleteRule(ctx context.Context, id barograph.RuleID) error
}

// Restorer ends the demotion of a rule and returns the rule as it is then.
type Restorer interface {
	Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

type ruleHandlers struct {
	rules    Rules
	restorer Restorer
	sources  Sources
	clock    barograph.Clock
	tests    backtestHandlers
}

func (a ruleHandlers) ListRules(ctx context.Context, r ListRulesRequestObject) (ListRulesResponseObject, error) {
	items, next, err := list(ctx, a.rules.Rules, r.Params.Limit, r.Params.After,
		func(rule barograph.Rule) string { return string(rule.ID) })
	return ListRules200JSONResponse{Items: items, Next: next}, err
}

func (a ruleHandlers) GetRule(ctx context.Context, r GetRuleRequestObject) (GetRuleResponseObject, error) {
	rule, err := a.rules.Rule(ctx, r.ID)
	return GetRule200JSONResponse(rule), err
}

func (a ruleHandlers) CreateRule(ctx context.Context, r CreateRuleRequestObject) (CreateRuleResponseObject, error) {
	now := timestamp(a.clock)
	rule := newRule(*r.Body, barograph.RuleID(barograph.NewID("rul", now)))
	rule.CreatedAt, rule.UpdatedAt = now, now
	if err := a.check(ctx, rule); err != nil {
		return nil, err
	}
	if err := a.rules.CreateRule(ctx, rule); err != nil {
		return nil, err
	}
	return CreateRule201JSONResponse{
		Body:    a.tests.afterSaving(ctx, rule),
		Headers: CreateRule201ResponseHeaders{Location: "/api/v1/rules/" + string(rule.ID)},
	}, nil
}

func (a ruleHandlers) ReplaceRule(ctx context.Context, r ReplaceRuleRequestObject) (ReplaceRuleResponseObject, error) {
	old, err := a.rules.Rule(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	rule := newRule(*r.Body, old.ID)
	rule.CreatedAt, rule.UpdatedAt, rule.RestoredAt = old.CreatedAt, timestamp(a.clock), old.RestoredAt
	if rule.SameJudgement(old) { // another rule is not demoted, as we are about to be told
		rule.Demoted = old.Demoted
	}
	if err := a.check(ctx, rule); err != nil {
		return nil, err
	}
	if err := a.rules.UpdateRule(ctx, rule); err != nil {
		return nil, err
	}
	return ReplaceRule200JSONResponse(a.tests.afterSaving(ctx, rule)), nil
}

func (a ruleHandlers) RestoreRule(ctx context.Context, r RestoreRuleRequestObject) (RestoreRuleResponseObject, error) {
	rule, err := a.restorer.Restore(ctx, r.ID)
	return RestoreRule200JSONResponse(rule), err
}

func (a ruleHandlers) DeleteRule(ctx context.Context, r DeleteRuleRequestObject) (DeleteRuleResponseObject, error) {
	if err := a.rules.DeleteRule(ctx, r.ID); err != nil {
		return nil, err
	}
	return DeleteRule204Response{}, nil
}

// check returns what is wrong with a rule, also in the eyes of its source.
func (a ruleHandlers) check(ctx context.Context, rule barograph.Rule) error {
	var p barograph.Problems
	p.Merge("", rule.Validate())
	if rule.Source != "" && rule.Query != "" && len(rule.Query) <= barograph.MaxQueryBytes {
		p.Merge("", a.sources.Check(ctx, rule.Source, rule.Query))
	}
	return p.Err("rule")
}

// judges tell of all that is wrong with a rule at once; sources are asked later,
// when the rest is right.
func (a ruleHandlers) judges() map[string]judge {
	read := func(_ *http.Request, document []byte) error {
		var in RuleInput
		if err := json.Unmarshal(document, &in); err != nil {
			return err
		}
		return newRule(in, "").Validate()
	}
	return map[string]judge{"createRule": read, "replaceRule": read}
}

// newRule fills in what was left out. The series of a rule with a source are not
// for its author to choose, but what an answer told may be sent back.
func newRule(in RuleInput, id barograph.RuleID) barograph.Rule {
	severity := in.Severity
	if severity == "" {
		severity = barograph.SeverityWarning
	}
	rule := barograph.Rule{
		ID: id, Name: in.Name, Series: or(in.Series, barograph.Selector{}), Source: in.Source, Query: in.Query,
		Operator: in.Operator, Limit: in.Limit,
		For: or(in.For, 0), Horizon: or(in.Horizon, barograph.Duration(72*time.Hour)),
		OpenAt: or(in.OpenAt, 0.7), CloseAt: or(in.CloseAt, 0.4), Bounds: in.Bounds,
		Severity: severity, Labels: in.Labels, Annotations: in.Annotations, Enabled: or(in.Enabled, true),
	}
	if rule.Source != "" && (in.Series == nil || in.Series.Metric == barograph.QueryMetric) {
		rule.Series = rule.QuerySelector()
	}
	return rule
}
