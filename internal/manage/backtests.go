package manage

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barograph/barograph"
)

// Backtester tells what rules would have said in the past.
type Backtester interface {
	// Backtest replays the time from ≤ t < to. When ctx ends it returns the cause.
	Backtest(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error)
}

const (
	backtestSpan    = 30 * barograph.Day
	backtestTimeout = 2 * time.Minute // whoever asks for one waits for it
	savingTimeout   = 2 * time.Second // whoever saves a rule does not
)

// BacktestInput says which rule to test, the one given or a saved one, and on
// which time: by default the 30 days before To, which is now unless it is given.
type BacktestInput struct {
	Rule   *RuleInput       `json:"rule,omitempty"`
	RuleID barograph.RuleID `json:"rule_id,omitempty"`
	From   time.Time        `json:"from,omitzero"`
	To     time.Time        `json:"to,omitzero"`
}

// SavedRule is a rule as it was just saved, and what it would have said.
type SavedRule struct {
	barograph.Rule

	Backtest *barograph.Backtest `json:"backtest"`                // nil: there is none
	Note     string              `json:"backtest_note,omitempty"` // why there is none
}

// Backtests tells what rules would have said.
type Backtests struct {
	tester Backtester
	rules  Rules
	clock  barograph.Clock
	logger *slog.Logger
}

// Run tests a rule, and takes minutes at most.
func (m Backtests) Run(ctx context.Context, in BacktestInput) (barograph.Backtest, error) {
	rule, err := m.ruleOf(ctx, in)
	if err != nil {
		return barograph.Backtest{}, err
	}
	return m.test(ctx, rule, in.From, in.To)
}

// Try tests a rule as somebody thinks of it, saved or not, on the last 30 days.
func (m Backtests) Try(ctx context.Context, rule barograph.Rule) (barograph.Backtest, error) {
	if err := rule.Validate(); err != nil {
		return barograph.Backtest{}, err
	}
	return m.test(ctx, rule, time.Time{}, time.Time{})
}

// test replays the time; by default the 30 days before to, which is now unless it
// is given.
func (m Backtests) test(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
	if to.IsZero() {
		to = m.clock.Now()
	}
	if from.IsZero() {
		from = to.Add(-backtestSpan)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, backtestTimeout, barograph.Errorf(barograph.KindUnavailable,
		"the backtest takes more than %s; choose a later from, or fewer series", barograph.Duration(backtestTimeout)))
	defer cancel()
	return m.tester.Backtest(ctx, rule, from, to)
}

// ruleOf returns the rule to test: the one given, or a saved one.
func (m Backtests) ruleOf(ctx context.Context, in BacktestInput) (barograph.Rule, error) {
	var p barograph.Problems
	switch {
	case in.Rule == nil && in.RuleID == "":
		p.Addf("rule", "is missing; give a rule, or the rule_id of a saved one")
	case in.Rule != nil && in.RuleID != "":
		p.Addf("rule_id", "is given beside a rule; give one of the two")
	case in.RuleID != "":
		return m.rules.store.Rule(ctx, in.RuleID)
	default:
		rule := m.rules.New(*in.Rule, "")
		if rule.Source != "" {
			p.Addf("rule.source", "what a source knows is not here before the rule is saved: save it, then give its rule_id")
		}
		p.Merge("rule", rule.Validate())
		return rule, p.Err("backtest")
	}
	return barograph.Rule{}, p.Err("backtest")
}

// AfterSaving tests the rule on the last 30 days, as far as that is done within
// seconds: it is saved whatever comes of this.
func (m Backtests) AfterSaving(ctx context.Context, rule barograph.Rule) SavedRule {
	ctx, cancel := context.WithTimeoutCause(ctx, savingTimeout, barograph.Errorf(barograph.KindUnavailable,
		"it takes longer than %s; POST /api/v1/rules/backtest or barograph backtest waits for it", barograph.Duration(savingTimeout)))
	defer cancel()
	to := m.clock.Now()
	result, err := m.tester.Backtest(ctx, rule, to.Add(-backtestSpan), to)
	if err == nil {
		return SavedRule{Rule: rule, Backtest: &result}
	}
	return SavedRule{Rule: rule, Note: m.why(ctx, err)}
}

// why says in words for a user why there is no backtest.
func (m Backtests) why(ctx context.Context, err error) string {
	if told, ok := errors.AsType[*barograph.Error](err); ok && told.Kind != barograph.KindInternal {
		told := *told
		told.Err = nil // not for users
		return told.Error()
	}
	m.logger.ErrorContext(ctx, "a rule was saved, but its backtest failed", "err", err)
	return "it failed; the server's log tells more"
}
