package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barograph/barograph"
)

// Backtests tells what rules would have said in the past.
type Backtests interface {
	// Backtest replays the time from ≤ t < to. When ctx ends it returns the cause.
	Backtest(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error)
}

const (
	backtestSpan    = 30 * barograph.Day
	backtestTimeout = 2 * time.Minute // whoever asks for one waits for it
	savingTimeout   = 2 * time.Second // whoever saves a rule does not
)

type backtestHandlers struct {
	backtests Backtests
	rules     Rules
	clock     barograph.Clock
	logger    *slog.Logger
}

func (a backtestHandlers) BacktestRule(ctx context.Context, r BacktestRuleRequestObject) (BacktestRuleResponseObject, error) {
	rule, err := a.ruleOf(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	from, to := r.Body.From, r.Body.To
	if to.IsZero() {
		to = a.clock.Now()
	}
	if from.IsZero() {
		from = to.Add(-backtestSpan)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, backtestTimeout, barograph.Errorf(barograph.KindUnavailable,
		"the backtest takes more than %s; choose a later from, or fewer series", barograph.Duration(backtestTimeout)))
	defer cancel()
	result, err := a.backtests.Backtest(ctx, rule, from, to)
	return BacktestRule200JSONResponse(result), err
}

// ruleOf returns the rule to test: the one given, or a saved one.
func (a backtestHandlers) ruleOf(ctx context.Context, in BacktestInput) (barograph.Rule, error) {
	var p barograph.Problems
	switch {
	case in.Rule == nil && in.RuleID == "":
		p.Addf("rule", "is missing; give a rule, or the rule_id of a saved one")
	case in.Rule != nil && in.RuleID != "":
		p.Addf("rule_id", "is given beside a rule; give one of the two")
	case in.RuleID != "":
		return a.rules.Rule(ctx, in.RuleID)
	default:
		rule := newRule(*in.Rule, "")
		if rule.Source != "" {
			p.Addf("rule.source", "what a source knows is not here before the rule is saved: save it, then give its rule_id")
		}
		p.Merge("rule", rule.Validate())
		return rule, p.Err("backtest")
	}
	return barograph.Rule{}, p.Err("backtest")
}

// savedRule is a rule as it was just saved, and what it would have said.
type savedRule struct {
	barograph.Rule

	Backtest *barograph.Backtest `json:"backtest"`
	Note     string              `json:"backtest_note,omitempty"`
}

// afterSaving tests the rule on the last days, as far as that is quickly done:
// it is saved whatever comes of this.
func (a backtestHandlers) afterSaving(ctx context.Context, rule barograph.Rule) savedRule {
	ctx, cancel := context.WithTimeoutCause(ctx, savingTimeout, barograph.Errorf(barograph.KindUnavailable,
		"it takes longer than %s; POST /api/v1/rules/backtest or barograph backtest waits for it", barograph.Duration(savingTimeout)))
	defer cancel()
	to := a.clock.Now()
	result, err := a.backtests.Backtest(ctx, rule, to.Add(-backtestSpan), to)
	if err == nil {
		return savedRule{Rule: rule, Backtest: &result}
	}
	return savedRule{Rule: rule, Note: a.why(ctx, err)}
}

// why says in words for a user why there is no backtest.
func (a backtestHandlers) why(ctx context.Context, err error) string {
	if told, ok := errors.AsType[*barograph.Error](err); ok && told.Kind != barograph.KindInternal {
		told := *told
		told.Err = nil // not for users
		return told.Error()
	}
	a.logger.ErrorContext(ctx, "a rule was saved, but its backtest failed", "err", err)
	return "it failed; the server's log tells more"
}
