package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// streamName is the stream's if nobody says otherwise.
	streamName = "events"
	// duplicateWindow is how long an event published again is told by its ID.
	duplicateWindow = 10 * time.Minute
	// connectionName is what our connections are called in a server's lists.
	connectionName, readerName = "barograph", "barograph subscriber"
)

// errNode is why what was asked of a node ends early.
var errNode = errors.New("the connection to the NATS server is being given up")

// node is one life of the embedded server, or one time of being connected to
// somebody else's, with our connections to it.
type node struct {
	pace    pace
	backend backend
	stream  string    // its name
	number  int       // how many nodes the bus had before
	first   uint64    // the sequence of the first event that it will store
	opens   time.Time // when clients from outside had time to come back

	// dial makes a connection. Each subscriber has one of its own: a server breaks
	// off a connection on which more waits than it allows, and what one takes too
	// slowly must cost neither the others theirs nor the publishers.
	dial       func(name string) (link, error)
	publishing link

	looks, publishes ailment

	ended   context.Context // ends when it is being stopped
	end     context.CancelCauseFunc
	once    sync.Once
	stopped chan struct{} // closed when it is
}

func newNode(p pace, stream string, server backend) *node {
	n := &node{pace: p, backend: server, stream: stream, stopped: make(chan struct{})}
	n.ended, n.end = context.WithCancelCause(context.Background())
	return n
}

// link is a connection.
type link struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// dialer returns what makes connections to one of the addresses.
func dialer(addresses func() []string, options ...nats.Option) func(name string) (link, error) {
	options = append(options, nats.MaxReconnects(-1))
	return func(name string) (link, error) {
		conn, err := nats.Connect(strings.Join(addresses(), ","), append(slices.Clip(options), nats.Name(name))...)
		if err != nil {
			return link{}, fmt.Errorf("connect to the NATS server: %w", err)
		}
		js, err := jetstream.New(conn)
		if err != nil {
			conn.Close()
			return link{}, fmt.Errorf("use JetStream: %w", err)
		}
		return link{conn, js}, nil
	}
}

// healthy returns an error if the node can't store events now. It returns when
// ctx ends, however the server hangs.
func (n *node) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.pace.request)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- n.ask(ctx) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-answer: // who asked gave up as well, and may know why
		return err
	case <-time.After(afterthought):
		return unavailable("the event bus does not answer", context.Cause(ctx))
	}
}

// afterthought is how long a node that was asked in vain may take to say why.
const afterthought = 50 * time.Millisecond

func (n *node) ask(ctx context.Context) error {
	if err := n.backend.well(); err != nil {
		return err
	}
	if _, err := n.publishing.js.Stream(ctx, n.stream); err != nil {
		if unwell := n.backend.well(); unwell != nil { // it fell ill while it was asked
			return unwell
		}
		return unavailable(fmt.Sprintf("the event bus does not tell of its stream %q", n.stream), err)
	}
	return nil
}

// bound returns a context that ends with ctx, and with the node.
func (n *node) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(n.ended, func() { cancel(errNode) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}

// stop begins to stop the node.
func (n *node) stop() {
	n.once.Do(func() {
		n.end(errNode)
		go func() {
			defer close(n.stopped)
			if n.publishing.conn != nil {
				n.publishing.conn.Close()
			}
			n.backend.stop()
		}()
	})
}

// awaitStop reports whether the node is stopped, or is within the time it has.
func (n *node) awaitStop() bool { return closed(n.stopped, n.pace.stop) }
