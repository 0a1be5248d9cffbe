// Package bus carries events to whoever subscribed, by NATS JetStream: a server
// that runs in this process, in a directory of its own, or one or a cluster that
// somebody else runs, named by Config.URL.
//
//	b, err := bus.Open(bus.DefaultConfig(), bus.Deps{Dir: dir, Log: log})
//	...
//	defer b.Close()
//	err = b.Publish(ctx, event)
//	err = b.Subscribe(ctx, []string{"prediction.*"}, func(e barograph.Event) { … })
//
// An event's subject is barograph.events. and its type, its payload the
// CloudEvents JSON, its Nats-Msg-Id the event's ID. With Config.Listen any NATS
// client may subscribe to barograph.events.> by showing the token or signing
// with one of the nkeys; it can publish nothing and read nothing else.
//
// Publish returns when the event is on disk (fsync; in a cluster, on most of its
// servers). Still the bus is not the truth: the database is, whose relay publishes
// again what wasn't acknowledged. So the bus may drop its oldest events when its
// share of the disk is used, and starts empty when its files turn out damaged.
//
// A server of ours that hangs, as it does once a write failed, is stopped and
// started anew in this process; one of somebody else's is connected to anew, for
// as long as it takes. Subscribers go on where they were.
package bus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Deps are what a Bus works with.
type Deps struct {
	Dir     string // the embedded server's files; made if missing
	Log     *slog.Logger
	Metrics *metrics.Set // nil: no metrics
}

// Bus is a NATS server, ours or another's, and our connections to it. It may be
// used concurrently.
type Bus struct {
	engine  engine
	pace    pace
	log     *slog.Logger
	metrics busMetrics

	closing    context.Context // ends when Close begins
	beginClose context.CancelCauseFunc
	supervisor sync.WaitGroup
	readers    sync.WaitGroup // subscribers and a Close must not cross: see enter

	mu      sync.Mutex
	node    *node         // nil while there is none
	absence error         // why there is none
	changed chan struct{} // closed when there is a node again
	firsts  []uint64      // of each node so far, the sequence of its first event
	refusal error         // why the last event was not taken; nil if it was
	refused time.Time     // when that was
}

var (
	_ barograph.Publisher  = (*Bus)(nil)
	_ barograph.Subscriber = (*Bus)(nil)
)

// errClosed is why a subscription ends when the bus is closed.
var errClosed = barograph.Errorf(barograph.KindUnavailable, "the event bus is closed")

// Open starts the embedded server, or connects to the one that Config.URL names.
// Damaged files of the embedded one it moves aside, in their directory, to its
// name with .damaged- and the time, and starts with an empty one. On a full disk,
// and while another's server is away or won't have us, it returns a Bus that is
// not healthy until that is over.
func Open(cfg Config, deps Deps) (*Bus, error) {
	p := embeddedPace()
	if cfg.remote() {
		p = remotePace()
	}
	return open(cfg, deps, p)
}

func open(cfg Config, deps Deps, p pace) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Log == nil || deps.Dir == "" && !cfg.remote() {
		return nil, errors.New("bus: a logger and a directory are required")
	}
	b := &Bus{engine: newEngine(cfg, deps, p), pace: p, log: deps.Log, changed: make(chan struct{})}
	b.metrics = newBusMetrics(deps.Metrics)
	b.closing, b.beginClose = context.WithCancelCause(context.Background())
	n, err := b.engine.start(b.closing)
	switch {
	case err != nil && b.engine.passes(err):
		b.log.Warn("event bus not started, events wait in the database", "error", err)
		b.absence = err
	case err != nil:
		b.beginClose(err)
		return nil, err
	default:
		b.enthrone(n)
	}
	b.supervisor.Go(b.supervise)
	return b, nil
}

// Addr returns the address at which clients may connect to the embedded server,
// "" if there is none.
func (b *Bus) Addr() string { return b.engine.addr() }

// Healthy returns an error if events can't be stored now.
func (b *Bus) Healthy(ctx context.Context) error {
	n, err := b.current()
	if err != nil {
		return err
	}
	if err := b.engine.room(); err != nil {
		return err
	}
	if err := n.healthy(ctx); err != nil {
		return err
	}
	return b.refusing()
}

// Close ends all subscriptions, then our connections, then the embedded server.
// It waits a bounded time for each; a second call does nothing.
func (b *Bus) Close() error {
	if !b.leave() {
		return nil
	}
	b.supervisor.Wait()
	var err error
	if !waitFor(&b.readers, b.pace.stop) {
		err = errors.New("close the event bus: a subscriber is still busy")
	}
	if n := b.dethrone(errClosed); n != nil {
		n.stop()
		n.awaitStop()
	}
	return err
}

// enthrone makes n the node that is used.
func (b *Bus) enthrone(n *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.number = len(b.firsts)
	b.firsts = append(b.firsts, n.first)
	b.node, b.absence = n, nil
	close(b.changed)
}

// dethrone returns the node that was used until now, nil if there was none.
// From now on nobody finds it, for the reason given.
func (b *Bus) dethrone(reason error) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.node
	b.node, b.absence = nil, reason
	if n != nil {
		b.changed = make(chan struct{})
	}
	return n
}

// current returns the node, or why there is none.
func (b *Bus) current() (*node, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing.Err() != nil:
		return nil, errClosed
	case b.node == nil:
		return nil, unavailable("there is no event bus for now", b.absence)
	}
	return b.node, nil
}

// await returns the node as soon as there is one.
func (b *Bus) await(ctx context.Context) (*node, error) {
	for {
		b.mu.Lock()
		n, changed := b.node, b.changed
		b.mu.Unlock()
		if n != nil {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}

// resume returns where a subscriber goes on in node n that would have gone on
// with the sequence next in the node of that number. Where files were damaged
// the sequence starts anew, or further back.
func (b *Bus) resume(next uint64, number int, n *node) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, first := range b.firsts[number+1 : n.number+1] {
		next = min(next, first)
	}
	return next
}

// note keeps in mind whether the last event was taken.
func (b *Bus) note(refusal error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusal, b.refused = refusal, time.Now()
}

// offered is how soon an event that was not taken is offered again, unless that
// is done by another server meanwhile.
const offered = 15 * time.Second

// refusing returns why the last event was not taken.
func (b *Bus) refusing() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.refused) > offered {
		return nil
	}
	return b.refusal
}

// enter counts a subscriber, unless the bus is closing.
func (b *Bus) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Err() != nil {
		return false
	}
	b.readers.Add(1)
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
	return closed(done, most)
}

// unavailable is for faults that may pass.
func unavailable(message string, err error) error {
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: message, Err: err}
}

// busMetrics count what passes.
type busMetrics struct {
	published, failed, delivered, restarts *metrics.Counter
	publishSeconds                         *metrics.Histogram
	answering                              *metrics.Gauge // 1 while other servers can ask this one
}

func newBusMetrics(set *metrics.Set) busMetrics {
	if set == nil {
		set = metrics.NewSet()
	}
	return busMetrics{
		published:      set.GetOrCreateCounter("barograph_bus_published_total"),
		failed:         set.GetOrCreateCounter("barograph_bus_publish_errors_total"),
		delivered:      set.GetOrCreateCounter("barograph_bus_delivered_total"),
		restarts:       set.GetOrCreateCounter("barograph_bus_restarts_total"),
		answering:      set.GetOrCreateGauge("barograph_bus_answering", nil),
		publishSeconds: set.GetOrCreateHistogram("barograph_bus_publish_duration_seconds"),
	}
}
