package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

// Publish returns when the event is on disk, or with KindUnavailable: at once if
// the disk is full or there is no server, after five seconds if it does not
// answer. Then the event may or may not be there, and to publish it again is
// right. Where clients from outside may listen to the embedded server, one just
// started takes events only when they had time to come back.
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
	if err := b.engine.room(); err != nil {
		return err
	}
	err = n.publish(ctx, msg, e.ID)
	if err == nil || barograph.KindOf(err) == barograph.KindUnavailable {
		b.note(err)
	}
	return err
}

// publish publishes and keeps in mind how it went.
func (n *node) publish(ctx context.Context, msg *nats.Msg, id barograph.EventID) error {
	begin := time.Now()
	timed, cancel := context.WithTimeout(ctx, n.pace.publish)
	defer cancel()
	timed, release := n.bound(timed)
	defer release()
	err := n.store(timed, msg, id)
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

// betweenTries is the wait before an event is offered again.
const betweenTries = 100 * time.Millisecond

// store offers the message until it is stored, ctx ends, or offering it again is
// of no use: while a cluster elects a leader nobody may be there to take it, or
// it is lost on the way. The server knows it by its ID if it was not.
func (n *node) store(ctx context.Context, msg *nats.Msg, id barograph.EventID) error {
	for {
		try, cancel := context.WithTimeout(ctx, n.pace.request)
		_, err := n.publishing.js.PublishMsg(try, msg,
			jetstream.WithMsgID(string(id)), jetstream.WithExpectStream(n.stream), jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil || errors.Is(err, nats.ErrMaxPayload) || refuses(err) {
			return err
		}
		pause(ctx, betweenTries)
		if ctx.Err() != nil {
			return err
		}
	}
}

// inProcess is the code of an answer that the same event is just being stored.
const inProcess jetstream.ErrorCode = 10158

// refuses reports whether the server answered that it does not take the event,
// for a reason that takes longer than a moment.
func refuses(err error) bool {
	answer, ok := errors.AsType[*jetstream.APIError](err)
	return ok && answer.Code != http.StatusServiceUnavailable && answer.ErrorCode != inProcess
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
