package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

// Publish returns when the event is on disk, or after five seconds with
// KindUnavailable: then it may or may not be there, and to publish it again is
// right.
func (b *Bus) Publish(ctx context.Context, e barograph.Event) error {
	begin := time.Now()
	if err := b.publish(ctx, e); err != nil {
		b.metrics.failed.Inc()
		return fmt.Errorf("publish event %s: %w", e.ID, err)
	}
	b.metrics.published.Inc()
	b.metrics.publishSeconds.UpdateDuration(begin)
	return nil
}

func (b *Bus) publish(ctx context.Context, e barograph.Event) error {
	if b.closing.Err() != nil {
		return errClosed
	}
	msg, err := message(e)
	if err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = b.js.PublishMsg(timed, msg, jetstream.WithMsgID(string(e.ID)))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrMaxPayload):
		return &barograph.Error{Kind: barograph.KindTooLarge, Message: "the event is too large for the bus", Err: err}
	}
	return unavailable("the event bus did not acknowledge", err)
}

func message(e barograph.Event) (*nats.Msg, error) {
	if e.ID == "" {
		return nil, barograph.Errorf(barograph.KindInvalid, "the event has no id")
	}
	subject, err := subjectOf(e.Type)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	msg := nats.NewMsg(subject)
	msg.Header.Set("Content-Type", "application/cloudevents+json")
	msg.Data = data
	return msg, nil
}
