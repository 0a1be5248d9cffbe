// Package bus carries events to whoever subscribed, by a NATS JetStream server
// that runs in this process, in a directory of its own.
//
//	b, err := bus.Open(bus.DefaultConfig(), bus.Deps{Dir: dir, Log: log})
//	...
//	defer b.Close()
//	err = b.Publish(ctx, event)
//	err = b.Subscribe(ctx, []string{"prediction.*"}, func(e barograph.Event) { … })
//
// An event's subject is barograph.events. and its type, its payload the
// CloudEvents JSON, its Nats-Msg-Id the event's ID. With Config.Listen any NATS
// client may subscribe to barograph.events.> by showing the token; it can
// publish nothing and read nothing else.
//
// Publish returns when the event is on disk (fsync). Still the bus is not the
// truth: the database is, whose relay publishes again what wasn't acknowledged.
// So the bus may drop its oldest events when its share of the disk is used, and
// starts empty when its files turn out damaged.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/barograph/barograph"
)

const (
	streamName = "events"
	// duplicateWindow is how long an event published again is told by its ID.
	duplicateWindow = 10 * time.Minute
	// requestTimeout bounds what we ask our own server for.
	requestTimeout = 5 * time.Second
)

// Deps are what a Bus works with.
type Deps struct {
	Dir     string // its files; made if missing
	Log     *slog.Logger
	Metrics *metrics.Set // nil: no metrics
}

// Bus is an embedded NATS server and our connection to it. It may be used
// concurrently.
type Bus struct {
	log     *slog.Logger
	server  *server.Server
	conn    *nats.Conn
	js      jetstream.JetStream
	metrics busMetrics

	closing     context.Context // ends when Close begins
	beginClose  context.CancelCauseFunc
	mu          sync.Mutex // orders enter and Close
	subscribers sync.WaitGroup
}

var (
	_ barograph.Publisher  = (*Bus)(nil)
	_ barograph.Subscriber = (*Bus)(nil)
)

// errClosed is why a subscription ends when the bus is closed.
var errClosed = barograph.Errorf(barograph.KindUnavailable, "the event bus is closed")

// Open starts the server. If its files are damaged it moves the directory aside,
// to its name with .damaged- and the time, and starts with an empty one.
func Open(cfg Config, deps Deps) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Log == nil || deps.Dir == "" {
		return nil, errors.New("bus: a logger and a directory are required")
	}
	b, err := start(cfg, deps)
	if !errors.Is(err, errStore) {
		return b, err
	}
	aside, moveErr := moveAside(deps.Dir, time.Now())
	if moveErr != nil {
		return nil, errors.Join(err, moveErr)
	}
	deps.Log.Warn("bus files are damaged; starting with an empty bus, unsent events come again from the database",
		"moved_to", aside, "error", err)
	return start(cfg, deps)
}

func start(cfg Config, deps Deps) (*Bus, error) {
	if err := prepareDir(deps.Dir); err != nil {
		return nil, err
	}
	g := newGate(cfg.Token)
	srv, err := startServer(cfg, deps.Dir, g, deps.Log)
	if err != nil {
		return nil, err
	}
	b := &Bus{log: deps.Log, server: srv, metrics: newBusMetrics(deps.Metrics)}
	b.closing, b.beginClose = context.WithCancelCause(context.Background())
	if err := b.connect(cfg, g.own, storeLimit(cfg, deps.Dir)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// connect connects to our own server and sees to the stream.
func (b *Bus) connect(cfg Config, token string, limit int64) error {
	conn, err := nats.Connect("", nats.InProcessServer(b.server), nats.Token(token), nats.Name("barograph"),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	b.conn = conn
	if b.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	ctx, cancel := context.WithTimeout(b.closing, requestTimeout)
	defer cancel()
	_, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "what Barograph has to tell",
		Subjects:    []string{allSubjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      cfg.MaxAge.Std(),
		MaxBytes:    limit,
		Duplicates:  duplicateWindow,
		Storage:     jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("%w: make the stream: %w", errStore, err)
	}
	if err := b.Healthy(ctx); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// Addr returns the address that clients may connect to, "" if there is none.
func (b *Bus) Addr() string {
	if a := b.server.Addr(); a != nil {
		return a.String()
	}
	return ""
}

// Healthy returns an error if events can't be stored now.
func (b *Bus) Healthy(ctx context.Context) error {
	if b.closing.Err() != nil {
		return errClosed
	}
	if h := b.server.Healthz(nil); h.StatusCode != http.StatusOK {
		return unavailable("the event bus is not well", errors.New(h.Error))
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := b.js.Stream(ctx, streamName); err != nil {
		return unavailable("the event bus does not answer", err)
	}
	return nil
}

// Close ends all subscriptions, then our connection, then the server. It waits
// a bounded time for each; a second call does nothing.
func (b *Bus) Close() error {
	if !b.leave() {
		return nil
	}
	var err error
	if !waitFor(&b.subscribers, stopTimeout) {
		err = errors.New("close the event bus: a subscriber is still busy")
	}
	if b.conn != nil {
		b.conn.Close()
	}
	stopServer(b.server)
	return err
}

// enter counts a subscriber, unless the bus is closing.
func (b *Bus) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Err() != nil {
		return false
	}
	b.subscribers.Add(1)
	return true
}

// leave begins to close, unless that was done before.
func (b *Bus) leave() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Err() != nil {
		return false
	}
	b.beginClose(errClosed)
	return true
}

func waitFor(wg *sync.WaitGroup, most time.Duration) bool {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// unavailable is for faults that may pass.
func unavailable(message string, err error) error {
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: message, Err: err}
}

// busMetrics count what passes.
type busMetrics struct {
	published, failed, delivered *metrics.Counter
	publishSeconds               *metrics.Histogram
}

func newBusMetrics(set *metrics.Set) busMetrics {
	if set == nil {
		set = metrics.NewSet()
	}
	// A second start, after damage, finds them there.
	return busMetrics{
		published:      set.GetOrCreateCounter("barograph_bus_published_total"),
		failed:         set.GetOrCreateCounter("barograph_bus_publish_errors_total"),
		delivered:      set.GetOrCreateCounter("barograph_bus_delivered_total"),
		publishSeconds: set.GetOrCreateHistogram("barograph_bus_publish_duration_seconds"),
	}
}
