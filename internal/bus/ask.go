package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/barograph/barograph"
)

// Servers on one bus ask each other what each alone knows. A question's subject
// is barograph.servers., who is asked, and what; question and answer are one
// message each. Nothing of it is stored: who is asked later knows better.

const (
	questionPrefix = "barograph.servers."
	answererName   = "barograph answers"
	// neededAmongOurs is what our user needs for that, beside what events need.
	neededAmongOurs = "publish to barograph.servers.> and _INBOX.>, subscribe to barograph.servers.>"
	headerError     = "Barograph-Error"
	// A server that is asked more than it can answer drops what is beyond that:
	// those who ask have waited too long by then.
	questionsWaiting, questionsBytes = 64, 1 << 20
)

// Answerer answers a question. Its answer must be shorter than most bytes. It is
// called for one question at a time.
type Answerer func(ctx context.Context, question string, data []byte, most int) (answer []byte, err error)

// Ask asks another server on the same bus, and returns its answer. Its error is
// of KindUnavailable if the bus is away or nobody answers as long as ctx allows.
func (b *Bus) Ask(ctx context.Context, server, question string, data []byte) ([]byte, error) {
	n, err := b.current()
	if err != nil {
		return nil, err
	}
	answer, err := n.publishing.conn.RequestWithContext(ctx, questionPrefix+server+"."+question, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, unavailable("it is not on the bus", err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, unavailable("it did not answer in time", err)
	case err != nil:
		return nil, unavailable("it could not be asked", err)
	}
	if text := answer.Header.Get(headerError); text != "" {
		return nil, barograph.Errorf(barograph.KindUnavailable, "it could not answer: %s", text)
	}
	return answer.Data, nil
}

// Answer answers what the server of this name is asked, until ctx ends or the bus
// is closed. It has a connection of its own: a long answer holds up no event.
func (b *Bus) Answer(ctx context.Context, server string, answer Answerer) error {
	if !b.enter() {
		return nil
	}
	defer b.readers.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.closing, cancel)() //nolint:contextcheck // joins two contexts
	failing := false
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, b.pace.longest) {
		err := b.answer(ctx, server, answer)
		if ctx.Err() == nil && !failing {
			failing = true
			b.log.WarnContext(ctx, "other servers can't ask this one, their answers are incomplete; trying again", "error", err)
		}
		if errors.Is(err, errNode) {
			wait, failing = firstWait, false
		}
		pause(ctx, wait)
	}
	return nil
}

// answer answers by way of the present node until that ends.
func (b *Bus) answer(ctx context.Context, server string, answer Answerer) error {
	n, err := b.await(ctx)
	if err != nil {
		return err
	}
	ctx, release := n.bound(ctx)
	defer release()
	own, err := n.dial(answererName)
	if err != nil {
		return err
	}
	defer own.conn.Close()
	prefix := questionPrefix + server + "."
	sub, err := own.conn.Subscribe(prefix+"*", func(msg *nats.Msg) {
		b.respond(ctx, msg, msg.Subject[len(prefix):], int(own.conn.MaxPayload()), answer)
	})
	if err == nil {
		err = sub.SetPendingLimits(questionsWaiting, questionsBytes)
	}
	if err == nil {
		err = own.conn.FlushTimeout(n.pace.request)
	}
	if refused := own.conn.LastError(); err == nil && errors.Is(refused, nats.ErrPermissionViolation) {
		err = unavailable("the server does not allow us what several servers of ours need: "+neededAmongOurs, refused)
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s*: %w", prefix, err)
	}
	b.metrics.answering.Set(1)
	defer b.metrics.answering.Set(0)
	<-ctx.Done()
	return context.Cause(ctx)
}

func (b *Bus) respond(ctx context.Context, msg *nats.Msg, question string, most int, answer Answerer) {
	const headers = 4096 // what a message may need beside its data
	data, err := answer(ctx, question, msg.Data, most-headers)
	reply := &nats.Msg{Data: data}
	if err != nil {
		b.log.WarnContext(ctx, "a question of another server could not be answered", "question", question, "error", err)
		reply = &nats.Msg{Header: nats.Header{headerError: []string{barograph.KindOf(err).String()}}}
	}
	if err := msg.RespondMsg(reply); err != nil {
		b.log.DebugContext(ctx, "an answer to another server could not be sent", "question", question, "error", err)
	}
}
