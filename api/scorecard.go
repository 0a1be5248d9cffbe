package api

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// Scorecards says how good each rule's warnings were.
type Scorecards interface {
	Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error)
}

type scorecardHandlers struct {
	scorecards Scorecards
	clock      barograph.Clock
}

const scorecardSpan = 90 * barograph.Day

func (a scorecardHandlers) GetScorecard(ctx context.Context, r GetScorecardRequestObject) (GetScorecardResponseObject, error) {
	from, to := r.Params.From, r.Params.To
	if to.IsZero() {
		to = a.clock.Now()
	}
	if from.IsZero() {
		from = to.Add(-scorecardSpan)
	}
	if !from.Before(to) {
		var p barograph.Problems
		p.Addf("from", "%s is not before to, which is %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
		return nil, p.Err("range")
	}
	items, err := a.scorecards.Scorecards(ctx, from, to)
	if items == nil {
		items = []barograph.Scorecard{}
	}
	return GetScorecard200JSONResponse{Items: items}, err
}
