package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

const (
	// consumerTTL is when the server forgets a consumer whose subscriber is gone.
	consumerTTL = time.Minute
	// prefetch is how many events wait in memory for a slow subscriber: less than
	// a server allows to wait in a connection (maxPending), however large they are.
	prefetch = 16
	// firstWait is the first wait between attempts while the server does not answer.
	firstWait = 50 * time.Millisecond
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
	if _, err := b.current(); err != nil {
		s.since = time.Now()
	}
	defer s.disconnect()
	for wait := firstWait; ctx.Err() == nil; {
		handled := s.handled
		err := s.run(ctx)
		if ctx.Err() != nil {
			break
		}
		if s.handled > handled {
			wait = firstWait
		}
		s.interrupted(ctx, err)
		pause(ctx, wait)
		wait = min(2*wait, b.pace.longest)
	}
	return context.Cause(ctx)
}

// subscription is one call of Subscribe.
type subscription struct {
	bus      *Bus
	patterns []string
	subjects []string
	fn       func(barograph.Event)
	own      link   // a connection of its own
	ownTo    *node  // that it is to
	handled  uint64 // messages so far
	failing  bool   // it was told that it is interrupted

	next   uint64    // the stream sequence to go on with; 0 before the first answer
	node   int       // the number of the node that next is of
	stream time.Time // when the stream was made that next is of
	since  time.Time // begin with events from then on; zero: from now on
}

// run makes a consumer and handles its messages until something goes wrong.
func (s *subscription) run(ctx context.Context) error {
	n, err := s.bus.await(ctx)
	if err != nil {
		return err
	}
	ctx, unbind := n.bound(ctx)
	defer unbind()
	asked := time.Now()
	consumer, err := s.consumer(ctx, n)
	if err != nil {
		if s.since.IsZero() {
			s.since = asked
		}
		return err
	}
	s.goesOn(ctx)
	messages, err := consumer.Messages(jetstream.PullMaxMessages(prefetch), jetstream.PullHeartbeat(n.pace.heartbeat),
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

// interrupted tells that there are no events for now: once, however long it lasts.
func (s *subscription) interrupted(ctx context.Context, err error) {
	level := slog.LevelWarn
	if s.failing {
		level = slog.LevelDebug
	}
	s.failing = true
	s.bus.log.Log(ctx, level, "event subscription interrupted; asking anew until there is an answer", "error", err)
}

func (s *subscription) goesOn(ctx context.Context) {
	if s.failing {
		s.bus.log.InfoContext(ctx, "event subscription goes on")
	}
	s.failing = false
}

// connect gives the subscription a connection of its own to the node. It keeps it
// whatever becomes of its consumers: the connection knows by now where the other
// servers of a cluster are.
func (s *subscription) connect(n *node) error {
	if s.ownTo == n && s.own.conn != nil && !s.own.conn.IsClosed() {
		return nil
	}
	s.disconnect()
	own, err := n.dial(readerName)
	s.own, s.ownTo = own, n
	return err
}

func (s *subscription) disconnect() {
	if s.own.conn != nil {
		s.own.conn.Close()
	}
}

// consumer makes an ephemeral consumer that begins with s.next.
func (s *subscription) consumer(ctx context.Context, n *node) (jetstream.Consumer, error) {
	if err := s.connect(n); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.pace.request)
	defer cancel()
	stream, err := s.own.js.Stream(ctx, n.stream)
	if err != nil {
		return nil, fmt.Errorf("find the stream: %w", err)
	}
	cfg := jetstream.ConsumerConfig{
		FilterSubjects:    s.subjects,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: consumerTTL,
		MemoryStorage:     true,
		Replicas:          1,
	}
	s.goOn(n, stream.CachedInfo())
	if cfg.OptStartSeq = s.next; s.next == 0 {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &s.since
	}
	consumer, err := stream.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make a consumer: %w", err)
	}
	return consumer, nil
}

// goOn sets s.next to where to go on in the stream. It stays 0 for a subscriber
// whom the bus could not serve when it came: what was published since counts.
func (s *subscription) goOn(n *node, stream *jetstream.StreamInfo) {
	end := stream.State.LastSeq + 1
	s.next, s.node = s.bus.resume(s.next, s.node, n), n.number
	switch {
	case s.next == 0 && s.since.IsZero():
		s.next = end
	case s.next == 0:
	case !stream.Created.Equal(s.stream): // made anew: all of it is news
		s.next = 1
	default: // its end may have been lost
		s.next = min(s.next, end)
	}
	s.stream = stream.Created
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
