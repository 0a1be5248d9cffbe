package configdb

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

func ruleTable() table[barograph.Rule] {
	return table[barograph.Rule]{
		name: "rules", noun: "rule", watched: true,
		columns: func(r *barograph.Rule) []column {
			return append([]column{
				{"id", &r.ID},
				{"name", &r.Name},
				{"selector", plainText{&r.Series}},
				{"source", &r.Source},
				{"query", &r.Query},
				{"operator", &r.Operator},
				{"limit_value", &r.Limit},
				{"for_ns", &r.For},
				{"horizon_ns", &r.Horizon},
				{"open_at", &r.OpenAt},
				{"close_at", &r.CloseAt},
				{"bounds", jsonText{&r.Bounds}},
				{"severity", &r.Severity},
				{"labels", jsonText{&r.Labels}},
				{"annotations", jsonText{&r.Annotations}},
				{"enabled", &r.Enabled},
				{"created_at", instant{&r.CreatedAt}},
				{"updated_at", instant{&r.UpdatedAt}},
				{"judged_since", instant{&r.JudgedSince}},
			}, standingColumns(&r.RestoredAt, &r.Demoted)...)
		},
	}
}

func standingColumns(restoredAt *time.Time, demoted **barograph.Demotion) []column {
	return []column{
		{"restored_at", instant{restoredAt}},
		{"demotion", jsonText{demoted}},
	}
}

// Rules returns a page of rules.
func (db *DB) Rules(ctx context.Context, p barograph.Page) ([]barograph.Rule, error) {
	return page(ctx, db, ruleTable(), p)
}

// Rule returns the rule with the identifier.
func (db *DB) Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	return one(ctx, db, ruleTable(), string(id))
}

// CreateRule adds a rule.
func (db *DB) CreateRule(ctx context.Context, r barograph.Rule) error {
	db.stamp(&r.CreatedAt, &r.UpdatedAt)
	return create(ctx, db, ruleTable(), &r)
}

// UpdateRule replaces all of a rule but when it was created and how it is told
// of. Of one that judges otherwise from now on it says since when. Nothing happens
// if only refuses what it is by now.
func (db *DB) UpdateRule(ctx context.Context, r barograph.Rule, only ...func(now barograph.Rule) error) error {
	return update(ctx, db, ruleTable(), string(r.ID), only, func(old barograph.Rule) barograph.Rule {
		r.CreatedAt, r.UpdatedAt = old.CreatedAt, db.touched(r.UpdatedAt, old.UpdatedAt)
		r.RestoredAt, r.Demoted, r.JudgedSince = old.RestoredAt, old.Demoted, old.JudgedSince
		if !r.SameJudgement(old) {
			r.JudgedSince = r.UpdatedAt
		}
		return r
	})
}

// DeleteRule removes the rule. Its predictions, breaches and events stay.
func (db *DB) DeleteRule(ctx context.Context, id barograph.RuleID) error {
	return remove(ctx, db, ruleTable(), string(id))
}

// setStanding writes how a rule is told of. A rule that does not exist any more
// is ignored.
func setStanding(ctx context.Context, x *tx, s barograph.RuleStanding) error {
	found, err := ruleTable().query(ctx, x, " WHERE t.id = ?", s.RuleID)
	if err != nil || len(found) == 0 {
		return err
	}
	restoredAt, demoted := found[0].RestoredAt, s.Demoted
	if demoted == nil {
		restoredAt = s.At
	} else {
		d := *demoted
		d.At, d.DigestAt = stored(d.At), stored(d.DigestAt)
		demoted = &d
	}
	return ruleTable().set(ctx, x, string(s.RuleID), standingColumns(&restoredAt, &demoted)...)
}
