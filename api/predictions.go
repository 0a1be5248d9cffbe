package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Predictions gives warnings and breaches, newest first.
type Predictions interface {
	Predictions(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
	Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error)
	Breaches(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Breach, error)
	Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error)
}

type predictionHandlers struct {
	predictions Predictions
}

func (a predictionHandlers) ListPredictions(ctx context.Context, r ListPredictionsRequestObject) (ListPredictionsResponseObject, error) {
	filter := barograph.PredictionFilter{
		RuleID: r.Params.RuleID, Host: r.Params.Host, State: r.Params.State, From: r.Params.From, To: r.Params.To,
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.Prediction, error) {
		return a.predictions.Predictions(ctx, filter, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(p barograph.Prediction) string { return string(p.ID) })
	return ListPredictions200JSONResponse{Items: items, Next: next}, err
}

func (a predictionHandlers) GetPrediction(ctx context.Context, r GetPredictionRequestObject) (GetPredictionResponseObject, error) {
	p, err := a.predictions.Prediction(ctx, r.ID)
	return GetPrediction200JSONResponse(p), err
}

func (a predictionHandlers) ListBreaches(ctx context.Context, r ListBreachesRequestObject) (ListBreachesResponseObject, error) {
	filter := barograph.PredictionFilter{
		RuleID: r.Params.RuleID, Host: r.Params.Host, State: r.Params.State, From: r.Params.From, To: r.Params.To,
	}
	fetch := func(ctx context.Context, page barograph.Page) ([]barograph.Breach, error) {
		return a.predictions.Breaches(ctx, filter, page)
	}
	items, next, err := list(ctx, fetch, r.Params.Limit, r.Params.After,
		func(b barograph.Breach) string { return string(b.ID) })
	return ListBreaches200JSONResponse{Items: items, Next: next}, err
}

func (a predictionHandlers) GetBreach(ctx context.Context, r GetBreachRequestObject) (GetBreachResponseObject, error) {
	b, err := a.predictions.Breach(ctx, r.ID)
	return GetBreach200JSONResponse(b), err
}
