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

// Publish returns when the event is on disk, or with KindUnavailable: at once if
// the disk is full or the server is being restarted, after five seconds if the
// server does not answer. Then the event may or may not be there, and to publish
// it again is right. Where clients from outside may listen, a server just started
// takes events only when they had time to come back.
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
	n, err := b.current()
	if err != nil {
		return err
	}
	msg, err := message(e)
	if err != nil {
		return err
	}
	pause(ctx, time.Until(n.opens))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := room(b.dir); err != nil {
		return err
	}
	return n.publish(ctx, msg, e.ID)
}

// publish publishes and keeps in mind how it went.
func (n *node) publish(ctx context.Context, msg *nats.Msg, id barograph.EventID) error {
	begin := time.Now()
	timed, cancel := context.WithTimeout(ctx, n.pace.request)
	defer cancel()
	_, err := n.js.PublishMsg(timed, msg, jetstream.WithMsgID(string(id)))
	switch {
	case err == nil:
		n.publishes.note(begin, nil)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrMaxPayload):
		return &barograph.Error{Kind: barograph.KindTooLarge, Message: "the event is too large for the bus", Err: err}
	}
	n.publishes.note(begin, err)
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
