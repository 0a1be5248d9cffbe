package manage

import (
	"context"

	"github.com/barograph/barograph"
)

// Warnings gives predictions and breaches.
type Warnings interface {
	Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error)
	Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error)
}

// Acknowledger records that somebody took a prediction or breach on, and tells
// the others.
type Acknowledger interface {
	Acknowledge(ctx context.Context, topic string, ack barograph.Acknowledgement) error
}

// AcknowledgementInput is what is said when a prediction or breach is taken on.
type AcknowledgementInput struct {
	Comment string `json:"comment,omitempty"` // for the others
}

// Acknowledgements takes predictions and breaches on in the name of whoever acts.
type Acknowledgements struct {
	acknowledger Acknowledger
	warnings     Warnings
	clock        barograph.Clock
}

// Prediction takes a prediction on.
func (m Acknowledgements) Prediction(ctx context.Context, id barograph.PredictionID, comment string) (barograph.Prediction, error) {
	if _, err := m.warnings.Prediction(ctx, id); err != nil { // the topic may be a breach's
		return barograph.Prediction{}, err
	}
	if err := m.acknowledge(ctx, string(id), comment); err != nil {
		return barograph.Prediction{}, err
	}
	return m.warnings.Prediction(ctx, id)
}

// Breach takes a breach on.
func (m Acknowledgements) Breach(ctx context.Context, id barograph.BreachID, comment string) (barograph.Breach, error) {
	if _, err := m.warnings.Breach(ctx, id); err != nil { // the topic may be a prediction's
		return barograph.Breach{}, err
	}
	if err := m.acknowledge(ctx, string(id), comment); err != nil {
		return barograph.Breach{}, err
	}
	return m.warnings.Breach(ctx, id)
}

func (m Acknowledgements) acknowledge(ctx context.Context, topic, comment string) error {
	var p barograph.Problems
	atMost(&p, "comment", comment, maxRemark)
	if err := p.Err("acknowledgement"); err != nil {
		return err
	}
	who, _ := barograph.IdentityFrom(ctx)
	return m.acknowledger.Acknowledge(ctx, topic, barograph.Acknowledgement{At: timestamp(m.clock), By: who.Name, Comment: comment})
}
