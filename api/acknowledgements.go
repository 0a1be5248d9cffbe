package api

import (
	"context"

	"github.com/barograph/barograph/internal/manage"
)

type acknowledgementHandlers struct {
	manage manage.Acknowledgements
}

func (a acknowledgementHandlers) AcknowledgePrediction(ctx context.Context, r AcknowledgePredictionRequestObject) (AcknowledgePredictionResponseObject, error) {
	p, err := a.manage.Prediction(ctx, r.ID, commentOf(r.Body))
	return AcknowledgePrediction200JSONResponse(p), err
}

func (a acknowledgementHandlers) AcknowledgeBreach(ctx context.Context, r AcknowledgeBreachRequestObject) (AcknowledgeBreachResponseObject, error) {
	b, err := a.manage.Breach(ctx, r.ID, commentOf(r.Body))
	return AcknowledgeBreach200JSONResponse(b), err
}

func commentOf(in *AcknowledgementInput) string {
	if in == nil {
		return ""
	}
	return in.Comment
}
