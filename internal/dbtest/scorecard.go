package dbtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
)

func (x suite) testScorecards(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	named, idle := rule(t, 1), rule(t, 2)
	noError(t, db.CreateRule(ctx, named))
	noError(t, db.CreateRule(ctx, idle))
	const deleted = barograph.RuleID("rul_deleted")
	noError(t, db.Record(ctx, scoredHistory(named.ID, deleted)))

	third, half := 2.0/3, 1.0/2
	brier, lucky := (4*.13*.13+2*.87*.87)/6, .13*.13
	want := []barograph.Scorecard{
		{
			RuleID: named.ID, RuleName: named.Name, From: day(0), To: day(20),
			Open: 1, Confirmed: 4, Averted: 3, Turned: 2, Expired: 1, Withdrawn: 1, Breaches: 2, Foreseen: 1,
			Precision: &third, Recall: &half, MedianLead: barograph.Duration(25 * time.Hour),
			Covered: 2, Coverage: &half, BrierScore: &brier,
			Reliability: []barograph.ReliabilityBin{{From: .8, To: .9, Predictions: 6, Announced: .87, CameTrue: 4}},
		},
		{RuleID: idle.ID, RuleName: idle.Name, From: day(0), To: day(20)},
		{
			RuleID: deleted, RuleName: "name of " + string(deleted), From: day(0), To: day(20),
			Confirmed: 1, Precision: new(1.0), MedianLead: barograph.Duration(time.Hour),
			Coverage: new(0.0), BrierScore: &lucky,
			Reliability: []barograph.ReliabilityBin{{From: .8, To: .9, Predictions: 1, Announced: .87, CameTrue: 1}},
		},
	}
	got := must(db.Scorecards(ctx, day(0), day(20)))(t)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("scorecards (-want +got):\n%s", diff)
	}

	all := must(db.Scorecards(ctx, time.Time{}, time.Time{}))(t)
	if c := all[0]; c.Confirmed != 6 || c.Breaches != 4 || c.Open != 2 {
		t.Errorf("without bounds: %d confirmed, %d breaches, %d open; want 6, 4, 2", c.Confirmed, c.Breaches, c.Open)
	}
}

// scoredHistory closes predictions and starts breaches within days 0 to 20, and
// some on both edges that do not count: to is not included, nor is before from.
func scoredHistory(rule, deleted barograph.RuleID) (c barograph.Change) {
	add := func(n int, state barograph.PredictionState, lead time.Duration) *barograph.Prediction {
		c.Predictions = append(c.Predictions, closed(prediction(n, rule, "a"), state, lead))
		return &c.Predictions[len(c.Predictions)-1]
	}
	// They close a day after they opened: the first on day 0, the last on day 20.
	for i, lead := range []time.Duration{40 * time.Hour, 20 * time.Hour, 30 * time.Hour, 10 * time.Hour} {
		add(i-1, barograph.PredictionConfirmed, lead)
	}
	add(3, barograph.PredictionAverted, 0)
	add(4, barograph.PredictionAverted, 0).Turned = true
	add(5, barograph.PredictionAverted, 0).Turned = true
	add(6, barograph.PredictionExpired, 0)
	add(7, barograph.PredictionWithdrawn, 0)
	add(-2, barograph.PredictionConfirmed, time.Minute)
	add(19, barograph.PredictionConfirmed, time.Minute)
	add(8, barograph.PredictionOpen, 0).ClosedAt = time.Time{}
	add(20, barograph.PredictionOpen, 0).ClosedAt = time.Time{}
	c.Predictions = append(c.Predictions, closed(prediction(9, deleted, "a"), barograph.PredictionConfirmed, time.Hour))

	foreseen, unforeseen, early, late := breach(0, rule, "a"), breach(19, rule, "a"), breach(-1, rule, "a"), breach(20, rule, "a")
	unforeseen.PredictionID, unforeseen.Lead = "", 0
	c.Breaches = []barograph.Breach{foreseen, unforeseen, early, late}
	return c
}
