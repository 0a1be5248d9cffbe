package api

import (
	"context"
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
	rule := newRule(*r.Body)
	now := timestamp(a.clock)
	rule.ID, rule.CreatedAt, rule.UpdatedAt = barograph.RuleID(barograph.NewID("rul", now)), now, now
	if err := rule.Validate(); err != nil {
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
	rule := newRule(*r.Body)
	rule.ID, rule.CreatedAt, rule.UpdatedAt, rule.RestoredAt = old.ID, old.CreatedAt, timestamp(a.clock), old.RestoredAt
	if rule.SameJudgement(old) { // another rule is not demoted, as we are about to be told
		rule.Demoted = old.Demoted
	}
	if err := rule.Validate(); err != nil {
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

// newRule fills in what was left out.
func newRule(in RuleInput) barograph.Rule {
	severity := in.Severity
	if severity == "" {
		severity = barograph.SeverityWarning
	}
	return barograph.Rule{
		Name: in.Name, Series: in.Series, Operator: in.Operator, Limit: in.Limit,
		For: or(in.For, 0), Horizon: or(in.Horizon, barograph.Duration(72*time.Hour)),
		OpenAt: or(in.OpenAt, 0.7), CloseAt: or(in.CloseAt, 0.4), Bounds: in.Bounds,
		Severity: severity, Labels: in.Labels, Annotations: in.Annotations, Enabled: or(in.Enabled, true),
	}
}
