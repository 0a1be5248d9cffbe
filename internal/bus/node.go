package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName = "events"
	// duplicateWindow is how long an event published again is told by its ID.
	duplicateWindow = 10 * time.Minute
)

// errNode is why what was asked of a node ends early.
var errNode = errors.New("the embedded NATS server is being stopped")

// node is one life of the embedded server, with our connection to it.
type node struct {
	pace   pace
	number int // how many nodes the bus had before
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	first  uint64    // the sequence of the first event that it will store
	opens  time.Time // when clients from outside had time to come back

	looks, publishes ailment

	ended   context.Context // ends when it is being stopped
	end     context.CancelCauseFunc
	once    sync.Once
	stopped chan struct{} // closed when its files and its port are free
}

// startNode starts a server in the directory and sees to the stream. For a while
// nothing is published where clients from outside may listen: those that come
// back would miss it.
func (b *Bus) startNode(cfg Config) (*node, error) {
	if err := prepareDir(b.dir); err != nil {
		return nil, err
	}
	limit := storeLimit(cfg, b.dir)
	log := &serverLog{log: b.log}
	srv, err := startServer(cfg, b.dir, b.gate, log)
	if err != nil {
		return nil, err
	}
	n := &node{pace: b.pace, server: srv, stopped: make(chan struct{})}
	n.ended, n.end = context.WithCancelCause(context.Background())
	err = n.dial(b.gate.own, log)
	if err == nil {
		err = n.makeStream(b.closing, cfg.MaxAge.Std(), limit)
	}
	if err == nil && cfg.Listen != "" {
		err = n.listen(log)
		n.opens = time.Now().Add(b.pace.reconnect)
	}
	if err != nil {
		n.stop()
		n.awaitStop()
		return nil, err
	}
	return n, nil
}

// dial connects to our own server.
func (n *node) dial(token string, log *serverLog) error {
	conn, err := nats.Connect("", nats.InProcessServer(n.server), nats.Token(token), nats.Name("barograph"),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.client(err) }))
	if err != nil {
		return fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	n.conn = conn
	if n.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
}

// listen lets clients from outside in, after us: before, they could take all the
// connections that there are.
func (n *node) listen(log *serverLog) error {
	ready := make(chan struct{})
	n.server.AcceptLoop(ready)
	<-ready
	if n.server.Addr() == nil {
		return fmt.Errorf("listen for NATS clients: %s", log.reason())
	}
	return nil
}

// makeStream makes the stream, or makes it as it has to be.
func (n *node) makeStream(ctx context.Context, maxAge time.Duration, limit int64) error {
	ctx, cancel := context.WithTimeout(ctx, n.pace.start)
	defer cancel()
	stream, err := n.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "what Barograph has to tell",
		Subjects:    []string{allSubjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    limit,
		Duplicates:  duplicateWindow,
		Storage:     jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("%w: make the stream: %w", errStore, err)
	}
	n.first = stream.CachedInfo().State.LastSeq + 1
	if err := n.ask(ctx); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
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
		return unavailable("the event bus does not answer", context.Cause(ctx))
	}
}

func (n *node) ask(ctx context.Context) error {
	if h := n.server.Healthz(nil); h.StatusCode != http.StatusOK {
		return unavailable("the event bus is not well", errors.New(h.Error))
	}
	if _, err := n.js.Stream(ctx, streamName); err != nil {
		return unavailable("the event bus does not answer", err)
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
			if n.conn != nil {
				n.conn.Close()
			}
			n.server.Shutdown()
			n.server.WaitForShutdown()
		}()
	})
}

// awaitStop reports whether the node is stopped, or is within the time it has.
func (n *node) awaitStop() bool { return closed(n.stopped, n.pace.stop) }
