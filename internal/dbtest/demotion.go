package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func (x suite) testOutcomes(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	r, other := rule(t, 1), rule(t, 2)
	noError(t, db.CreateRule(ctx, r))
	noError(t, db.CreateRule(ctx, other))
	expired := closed(prediction(1, r.ID, "a"), barograph.PredictionExpired, 0)
	early := closed(prediction(-9, r.ID, "a"), barograph.PredictionExpired, 0)
	confirmed := closed(prediction(2, r.ID, "b"), barograph.PredictionConfirmed, time.Hour)
	corrected := expired.First
	corrected.Uncalibrated = &barograph.Uncalibrated{Probability: .9, ETA: expired.First.ETA}
	confirmed.First = corrected
	averted := closed(prediction(3, r.ID, "c"), barograph.PredictionAverted, 0)
	averted.Turned = true
	its := closed(prediction(4, other.ID, "a"), barograph.PredictionAverted, 0)
	open := prediction(5, r.ID, "d")
	withdrawn := closed(prediction(6, r.ID, "e"), barograph.PredictionWithdrawn, 0)
	deleted := closed(prediction(7, "rul_deleted", "a"), barograph.PredictionExpired, 0)

	// Of the breaches of a series under the same rule the first since then counts.
	noError(t, db.Record(ctx, barograph.Change{
		Predictions: []barograph.Prediction{early, expired, confirmed, averted, its, open, withdrawn, deleted},
		Breaches:    []barograph.Breach{breach(0, r.ID, "a"), breach(3, r.ID, "a"), breach(2, r.ID, "b"), breach(9, r.ID, "a"), breach(4, "rul_deleted", "c")},
	}))
	want := []barograph.Outcome{
		{Prediction: expired, BreachAt: day(3)}, {Prediction: confirmed, BreachAt: day(2)}, {Prediction: averted}, {Prediction: its},
	}
	equal(t, "outcomes", must(db.Outcomes(ctx, day(-5), 10))(t), want)
	equal(t, "the newest of each rule", must(db.Outcomes(ctx, day(-5), 2))(t), want[1:])

	edited := r
	edited.Limit, edited.UpdatedAt = 17, day(2)
	noError(t, db.UpdateRule(ctx, edited))
	equal(t, "what another rule foretold does not count", must(db.Outcomes(ctx, day(-5), 10))(t), want[1:])
}

func (x suite) testStandings(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	r := rule(t, 1)
	noError(t, db.CreateRule(ctx, r))
	demotion := barograph.Demotion{At: day(1), Confirmed: 2, Scored: 20, Reason: odd, DigestAt: day(2)}
	e := event(1, barograph.EventRuleDemoted)
	e.Data.Rule, e.Data.Demotion = &barograph.RuleRef{ID: r.ID, Name: r.Name, Operator: r.Operator}, &demotion
	noError(t, db.Record(ctx, barograph.Change{
		Standings: []barograph.RuleStanding{
			{RuleID: "rul_missing", At: day(1), Demoted: &demotion}, {RuleID: r.ID, At: day(1), Demoted: &demotion},
		},
		Events: []barograph.Event{e},
	}))
	r.Demoted = &demotion
	equal(t, "demoted rule", must(db.Rule(ctx, r.ID))(t), r)
	equal(t, "its event", must(db.Events(ctx, barograph.EventFilter{RuleID: r.ID}, barograph.Page{}))(t), []barograph.Event{e})

	reworded := r
	reworded.Name, reworded.Demoted, reworded.RestoredAt, reworded.UpdatedAt = "other words", nil, day(9), day(3)
	noError(t, db.UpdateRule(ctx, reworded))
	r.Name, r.UpdatedAt = reworded.Name, reworded.UpdatedAt
	equal(t, "whoever edits a rule does not restore it", must(db.Rule(ctx, r.ID))(t), r)

	noError(t, db.Record(ctx, barograph.Change{Standings: []barograph.RuleStanding{{RuleID: r.ID, At: day(4)}}}))
	r.Demoted, r.RestoredAt = nil, day(4)
	equal(t, "restored rule", must(db.Rule(ctx, r.ID))(t), r)
	noError(t, db.Record(ctx, barograph.Change{Standings: []barograph.RuleStanding{{RuleID: r.ID, At: day(5), Demoted: &demotion}}}))
	r.Demoted = &demotion
	equal(t, "rule that was demoted again", must(db.Rule(ctx, r.ID))(t), r)
}

func (x suite) testEditedRule(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	first := rule(t, 1)
	noError(t, db.CreateRule(ctx, first))
	for i, c := range []struct {
		name    string
		edit    func(*barograph.Rule)
		another bool
	}{
		{"limit", func(r *barograph.Rule) { r.Limit++ }, true},
		{"operator", func(r *barograph.Rule) { r.Operator = barograph.Below }, true},
		{"for", func(r *barograph.Rule) { r.For += barograph.Duration(time.Minute) }, true},
		{"horizon", func(r *barograph.Rule) { r.Horizon += barograph.Duration(time.Minute) }, true},
		{"series", func(r *barograph.Rule) { r.Series.Metric = "other" }, true},
		{"probabilities", func(r *barograph.Rule) { r.OpenAt, r.CloseAt = .9, .8 }, false},
		{"words", func(r *barograph.Rule) { r.Name, r.Severity, r.Annotations = "new", barograph.SeverityInfo, nil }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := must(db.Rule(ctx, first.ID))(t)
			now := was
			c.edit(&now)
			now.UpdatedAt = day(i + 1)
			noError(t, db.UpdateRule(ctx, now))
			if c.another {
				now.JudgedSince = day(i + 1)
			}
			equal(t, "edited rule", must(db.Rule(ctx, first.ID))(t), now)
		})
	}
}
