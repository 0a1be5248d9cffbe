package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Acknowledger records that somebody took a prediction or breach on, and tells
// the others.
type Acknowledger interface {
	Acknowledge(ctx context.Context, topic string, ack barograph.Acknowledgement) error
}

type acknowledgementHandlers struct {
	acknowledger Acknowledger
	predictions  Predictions
	clock        barograph.Clock
}

func (a acknowledgementHandlers) AcknowledgePrediction(ctx context.Context, r AcknowledgePredictionRequestObject) (AcknowledgePredictionResponseObject, error) {
	p, err := a.predictions.Prediction(ctx, r.ID) // the topic may be a breach's
	if err != nil {
		return nil, err
	}
	if err := a.acknowledge(ctx, string(p.ID), r.Body); err != nil {
		return nil, err
	}
	p, err = a.predictions.Prediction(ctx, r.ID)
	return AcknowledgePrediction200JSONResponse(p), err
}

func (a acknowledgementHandlers) AcknowledgeBreach(ctx context.Context, r AcknowledgeBreachRequestObject) (AcknowledgeBreachResponseObject, error) {
	b, err := a.predictions.Breach(ctx, r.ID) // the topic may be a prediction's
	if err != nil {
		return nil, err
	}
	if err := a.acknowledge(ctx, string(b.ID), r.Body); err != nil {
		return nil, err
	}
	b, err = a.predictions.Breach(ctx, r.ID)
	return AcknowledgeBreach200JSONResponse(b), err
}

func (a acknowledgementHandlers) acknowledge(ctx context.Context, topic string, in *AcknowledgementInput) error {
	who, _ := barograph.IdentityFrom(ctx)
	ack := barograph.Acknowledgement{At: timestamp(a.clock), By: who.Name}
	if in != nil {
		ack.Comment = in.Comment
	}
	return a.acknowledger.Acknowledge(ctx, topic, ack)
}
