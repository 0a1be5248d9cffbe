package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Rules gives the rules.
type Rules interface {
	Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error)
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

type ruleHandlers struct {
	rules  Rules
	manage manage.Rules
	tests  manage.Backtests
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
	rule, err := a.manage.Create(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	return CreateRule201JSONResponse{
		Body:    a.tests.AfterSaving(ctx, rule),
		Headers: CreateRule201ResponseHeaders{Location: "/api/v1/rules/" + string(rule.ID)},
	}, nil
}

func (a ruleHandlers) ReplaceRule(ctx context.Context, r ReplaceRuleRequestObject) (ReplaceRuleResponseObject, error) {
	rule, err := a.manage.Replace(ctx, r.ID, *r.Body)
	if err != nil {
		return nil, err
	}
	return ReplaceRule200JSONResponse(a.tests.AfterSaving(ctx, rule)), nil
}

func (a ruleHandlers) RestoreRule(ctx context.Context, r RestoreRuleRequestObject) (RestoreRuleResponseObject, error) {
	rule, err := a.manage.Restore(ctx, r.ID)
	return RestoreRule200JSONResponse(rule), err
}

func (a ruleHandlers) DeleteRule(ctx context.Context, r DeleteRuleRequestObject) (DeleteRuleResponseObject, error) {
	return DeleteRule204Response{}, a.manage.Delete(ctx, r.ID)
}

func (a ruleHandlers) BacktestRule(ctx context.Context, r BacktestRuleRequestObject) (BacktestRuleResponseObject, error) {
	result, err := a.tests.Run(ctx, *r.Body)
	return BacktestRule200JSONResponse(result), err
}

// judges tell of all that is wrong with a rule at once; sources are asked later,
// when the rest is right.
func (a ruleHandlers) judges() map[string]judge {
	read := func(_ *http.Request, document []byte) error {
		var in RuleInput
		if err := json.Unmarshal(document, &in); err != nil {
			return err
		}
		return a.manage.New(in, "").Validate()
	}
	return map[string]judge{"createRule": read, "replaceRule": read}
}
