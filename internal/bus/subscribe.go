package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

const (
	// heartbeat is how often the server says that there is nothing new; after
	// twice that in silence we ask anew.
	heartbeat = 5 * time.Second
	// consumerTTL is when the server forgets a consumer whose subscriber is gone.
	consumerTTL = time.Minute
	// prefetch is how many events wait in memory for a slow subscriber.
	prefetch = 64
	// The wait between attempts while the server does not answer.
	firstWait, longestWait = 50 * time.Millisecond, 5 * time.Second
)

// errGap is that the server skipped events it had for us.
var errGap = errors.New("a gap in the delivered events")

// Subscribe hands over events that are published after it is called. After a
// fault of the server, or its restart, it goes on where it was.
func (b *Bus) Subscribe(ctx context.Context, patterns []string, fn func(barograph.Event)) error {
	if len(patterns) == 0 {
		return barograph.Errorf(barograph.KindInvalid, "no event types to subscribe to; * stands for all")
	}
	if !b.enter() {
		return errClosed
	}
	defer b.readers.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(b.closing, func() { cancel(errClosed) })() //nolint:contextcheck // joins two contexts
	s := subscription{bus: b, patterns: patterns, subjects: subjectsFor(patterns), fn: fn}
	for wait := firstWait; ctx.Err() == nil; {
		handled := s.handled
		err := s.run(ctx)
		if ctx.Err() != nil {
			break
		}
		if s.handled > handled {
			wait = firstWait
		}
		b.log.WarnContext(ctx, "event subscription interrupted; asking anew", "error", err, "wait", wait)
		pause(ctx, wait)
		wait = min(2*wait, longestWait)
	}
	return context.Cause(ctx)
}

// subscription is one call of Subscribe.
type subscription struct {
	bus      *Bus
	patterns []string
	subjects []string
	fn       func(barograph.Event)
	next     uint64 // the stream sequence to go on with; 0 before the first answer
	node     int    // the number of the node that next is of
	handled  uint64 // messages so far
}

// run makes a consumer and handles its messages until something goes wrong.
func (s *subscription) run(ctx context.Context) error {
	n, err := s.bus.await(ctx)
	if err != nil {
		return err
	}
	ctx, release := n.bound(ctx)
	defer release()
	consumer, err := s.consumer(ctx, n)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(prefetch), jetstream.PullHeartbeat(heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return fmt.Errorf("ask for events: %w", err)
	}
	defer messages.Stop()
	for expected := uint64(1); ; expected++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("await an event: %w", cmp.Or(context.Cause(ctx), err))
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if meta.Sequence.Consumer != expected {
			return errGap
		}
		s.next = meta.Sequence.Stream + 1
		s.handled++
		s.handle(ctx, msg)
	}
}

// consumer makes an ephemeral consumer that begins with s.next.
func (s *subscription) consumer(ctx context.Context, n *node) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, n.pace.request)
	defer cancel()
	stream, err := n.js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("find the stream: %w", err)
	}
	s.next, s.node = s.bus.resume(s.next, s.node, n), n.number
	state := stream.CachedInfo().State
	switch {
	case s.next == 0:
		s.next = state.LastSeq + 1
	case s.next > state.LastSeq+1: // the stream began anew: all of it is news
		s.next = 1
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects:    s.subjects,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       s.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerTTL,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, fmt.Errorf("make a consumer: %w", err)
	}
	return consumer, nil
}

// handle hands the event over if its type matches.
func (s *subscription) handle(ctx context.Context, msg jetstream.Msg) {
	var e barograph.Event
	if err := json.Unmarshal(msg.Data(), &e); err != nil {
		s.bus.log.WarnContext(ctx, "message on the bus is no event", "subject", msg.Subject(), "error", err)
		return
	}
	if !slices.ContainsFunc(s.patterns, func(p string) bool { return barograph.MatchEventType(p, e.Type) }) {
		return
	}
	s.fn(e)
	s.bus.metrics.delivered.Inc()
}
