package manage

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// RuleStore keeps the rules.
type RuleStore interface {
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
	CreateRule(ctx context.Context, rule barograph.Rule) error
	// UpdateRule changes nothing if only refuses what is stored by then.
	UpdateRule(ctx context.Context, rule barograph.Rule, only ...func(now barograph.Rule) error) error
	DeleteRule(ctx context.Context, id barograph.RuleID) error
}

// Sources says what a source has against a query.
type Sources interface {
	Check(ctx context.Context, source, query string) error
}

// Restorer ends the demotion of a rule and returns the rule as it is then.
type Restorer interface {
	Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

// RuleInput is what is said of a rule: its series, or the source and query that
// they come from. What is nil or empty gets the default.
type RuleInput struct {
	Name        string              `json:"name"` // unique
	Series      *barograph.Selector `json:"series,omitempty"`
	Source      string              `json:"source,omitempty"`
	Query       string              `json:"query,omitempty"`
	Operator    barograph.Operator  `json:"operator"`
	Limit       float64             `json:"limit"`
	For         *barograph.Duration `json:"for,omitempty"`      // 0s
	Horizon     *barograph.Duration `json:"horizon,omitempty"`  // 72h
	OpenAt      *float64            `json:"open_at,omitempty"`  // 0.7
	CloseAt     *float64            `json:"close_at,omitempty"` // 0.4
	Bounds      *barograph.Bounds   `json:"bounds,omitempty"`
	Severity    barograph.Severity  `json:"severity,omitempty"` // warning
	Labels      barograph.Labels    `json:"labels,omitempty"`
	Annotations map[string]string   `json:"annotations,omitempty"`
	Enabled     *bool               `json:"enabled,omitempty"` // true
	Basis       Version             `json:"-"`
}

// Rules makes and changes rules.
type Rules struct {
	store    RuleStore
	sources  Sources
	restorer Restorer
	clock    barograph.Clock
}

// New returns the rule that is meant, which may be wrong, with all that was left
// out filled in. The series of a rule with a source are not for its author to
// choose, but what an answer told may be sent back.
func (Rules) New(in RuleInput, id barograph.RuleID) barograph.Rule {
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

// Check returns what is wrong with a rule, also in the eyes of its source.
func (m Rules) Check(ctx context.Context, rule barograph.Rule) error {
	var p barograph.Problems
	p.Merge("", rule.Validate())
	limitRule(&p, rule)
	if rule.Source != "" && rule.Query != "" && len(rule.Query) <= barograph.MaxQueryBytes {
		p.Merge("", m.sources.Check(ctx, rule.Source, rule.Query))
	}
	return p.Err("rule")
}

// Create makes a rule.
func (m Rules) Create(ctx context.Context, in RuleInput) (barograph.Rule, error) {
	now := timestamp(m.clock)
	rule := m.New(in, barograph.RuleID(barograph.NewID("rul", now)))
	rule.CreatedAt, rule.UpdatedAt = now, now
	if err := m.Check(ctx, rule); err != nil {
		return barograph.Rule{}, err
	}
	return rule, m.store.CreateRule(ctx, rule)
}

// Replace changes all that is said of a rule.
func (m Rules) Replace(ctx context.Context, id barograph.RuleID, in RuleInput) (barograph.Rule, error) {
	old, err := m.store.Rule(ctx, id)
	if err != nil {
		return barograph.Rule{}, err
	}
	rule := m.New(in, old.ID)
	rule.CreatedAt, rule.UpdatedAt, rule.RestoredAt = old.CreatedAt, timestamp(m.clock), old.RestoredAt
	if rule.SameJudgement(old) { // another rule is not demoted, as we are about to be told
		rule.Demoted = old.Demoted
	}
	if err := m.Check(ctx, rule); err != nil {
		return barograph.Rule{}, err
	}
	return rule, m.store.UpdateRule(ctx, rule, func(now barograph.Rule) error { return in.Basis.holds("rule", now.Name, InputOfRule(now)) })
}

// Restore ends the demotion of a rule.
func (m Rules) Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	return m.restorer.Restore(ctx, id)
}

// Delete removes a rule.
func (m Rules) Delete(ctx context.Context, id barograph.RuleID) error {
	return m.store.DeleteRule(ctx, id)
}
