package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// embedded runs servers in this process, one after the other in one directory.
type embedded struct {
	cfg  Config
	pace pace
	log  *slog.Logger
	dir  string
	gate *gate

	mu      sync.Mutex
	address string // that clients connect to; the same for all nodes
}

func (e *embedded) passes(err error) bool { return errors.Is(err, errNoRoom) }

func (e *embedded) room() error { return room(e.dir) }

func (e *embedded) addr() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.address
}

// start starts a node. Damaged files it moves aside, to start without them.
func (e *embedded) start(ctx context.Context) (*node, error) {
	if err := e.room(); err != nil {
		return nil, err
	}
	n, err := e.startNode(ctx)
	if !errors.Is(err, errStore) || ctx.Err() != nil {
		return n, err
	}
	if full := e.room(); full != nil {
		return nil, errors.Join(full, err)
	}
	aside, moveErr := moveAside(e.dir, time.Now())
	if moveErr != nil {
		return nil, errors.Join(err, moveErr)
	}
	e.log.WarnContext(ctx, "bus files are damaged; starting with an empty bus, unsent events come again from the database",
		"moved_to", aside, "error", err)
	return e.startNode(ctx)
}

// startNode starts a server in the directory and sees to the stream. For a while
// nothing is published where clients from outside may listen: those that come
// back would miss it.
func (e *embedded) startNode(ctx context.Context) (*node, error) {
	if err := prepareDir(e.dir); err != nil {
		return nil, err
	}
	cfg := e.cfg
	cfg.Listen = e.addr()
	limit := storeLimit(cfg, e.dir)
	log := &serverLog{log: e.log}
	srv, err := startServer(ctx, cfg, e.dir, e.gate, log)
	if err != nil {
		return nil, err
	}
	n := newNode(e.pace, streamName, ours{srv})
	n.dial = dialer(func() []string { return nil }, nats.InProcessServer(srv), nats.Token(e.gate.own), nats.ReconnectWait(100*time.Millisecond),
		nats.Timeout(e.pace.start), onError(log.client))
	if n.publishing, err = patiently(n.dial, connectionName); err == nil {
		err = e.makeStream(ctx, n, limit)
	}
	if err == nil && cfg.Listen != "" {
		err = e.listen(srv, log)
		n.opens = time.Now().Add(e.pace.reconnect)
	}
	if err != nil {
		n.stop()
		n.awaitStop()
		return nil, err
	}
	return n, nil
}

// patiently dials a server of ours. On a machine that stands still for a moment
// that server gives us up, as it does a client that does not say who it is.
func patiently(dial func(name string) (link, error), name string) (own link, err error) {
	const tries = 3
	for range tries {
		if own, err = dial(name); err == nil {
			break
		}
	}
	return own, err
}

// onError has a connection tell its errors.
func onError(tell func(error)) nats.Option {
	return nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { tell(err) })
}

// listen lets clients from outside in, after us: before, they could take all the
// connections that there are.
func (e *embedded) listen(srv *server.Server, log *serverLog) error {
	ready := make(chan struct{})
	srv.AcceptLoop(ready)
	<-ready
	if srv.Addr() == nil {
		return fmt.Errorf("listen for NATS clients: %s", log.reason())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.address = srv.Addr().String()
	return nil
}

// makeStream makes the stream, or makes it as it has to be.
func (e *embedded) makeStream(ctx context.Context, n *node, limit int64) error {
	ctx, cancel := context.WithTimeout(ctx, e.pace.start)
	defer cancel()
	stream, err := n.publishing.js.CreateOrUpdateStream(ctx, streamConfig(n.stream, e.cfg.MaxAge.Std(), limit))
	if err != nil {
		return fmt.Errorf("%w: make the stream: %w", errStore, err)
	}
	n.first = stream.CachedInfo().State.LastSeq + 1
	if err := n.ask(ctx); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// streamConfig is a stream of events.
func streamConfig(name string, maxAge time.Duration, maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        name,
		Description: "what Barograph has to tell",
		Subjects:    []string{allSubjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      maxAge,
		MaxBytes:    maxBytes,
		Duplicates:  duplicateWindow,
		Storage:     jetstream.FileStorage,
	}
}

// ours is a server in this process.
type ours struct{ *server.Server }

var _ backend = ours{}

func (s ours) well() error {
	if h := s.Healthz(nil); h.StatusCode != http.StatusOK {
		return unavailable("the event bus is not well", errors.New(h.Error))
	}
	return nil
}

func (s ours) stop() {
	s.Shutdown()
	s.WaitForShutdown()
}
