package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// OutboxStore keeps events until they are on the bus.
type OutboxStore interface {
	// UnpublishedEvents returns the oldest events that are not yet on the bus.
	UnpublishedEvents(ctx context.Context, limit int) ([]barograph.Event, error)
	MarkPublished(ctx context.Context, ids []barograph.EventID) error
}

// Relay carries recorded events to the bus, in the order in which they were
// recorded. A bus that is away delays them and loses none; sending to
// endpoints does not depend on it.
type Relay struct {
	store     OutboxStore
	pub       barograph.Publisher
	log       *slog.Logger
	wake      chan struct{}
	published *metrics.Counter
	failures  *metrics.Counter
	health    relayHealth
}

// NewRelay returns a relay from the store to the publisher.
func NewRelay(store OutboxStore, pub barograph.Publisher, log *slog.Logger, set *metrics.Set) *Relay {
	r := &Relay{
		store: store, pub: pub, log: log, wake: make(chan struct{}, 1),
		published: set.GetOrCreateCounter("barograph_relay_published_total"),
		failures:  set.GetOrCreateCounter("barograph_relay_failures_total"),
	}
	r.health.lives()
	set.GetOrCreateGauge("barograph_relay_oldest_waiting_seconds", func() float64 { return r.health.age().Seconds() })
	return r
}

const (
	relayBatch      = 256
	relayEvery      = 30 * time.Second
	publishTimeout  = 10 * time.Second
	leastRelayPause = time.Second
	mostRelayPause  = 3 * time.Second // a bus that is back is used at once
)

// Wake says that there are new events. It never blocks.
func (r *Relay) Wake() { wake(r.wake) }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run publishes at once, whenever it is woken, and every 30 seconds, until ctx
// ends. After a failure it waits 1 second, then twice as long each time, up to
// 3, however often it is woken.
func (r *Relay) Run(ctx context.Context) error {
	pause := time.Duration(0) // 0: the last round went well
	for {
		begun := time.Now()
		err := r.publishAll(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was asked to end
		}
		r.health.ended(begun, err)
		if err == nil {
			if pause > 0 {
				r.log.InfoContext(ctx, "event bus available again")
			}
			pause = 0
			sleep(ctx, relayEvery, r.wake)
			continue
		}
		if pause == 0 {
			r.log.WarnContext(ctx, "event bus unavailable, events wait in the database", "err", err)
		}
		r.failures.Inc()
		pause = min(max(2*pause, leastRelayPause), mostRelayPause)
		sleep(ctx, pause, nil)
	}
}

func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

func (r *Relay) publishAll(ctx context.Context) error {
	for {
		events, err := r.store.UnpublishedEvents(ctx, relayBatch)
		if err != nil {
			return fmt.Errorf("read unpublished events: %w", err)
		}
		r.health.waits(events)
		if err := r.publish(ctx, events); err != nil {
			return err
		}
		if len(events) < relayBatch {
			return nil
		}
	}
}

// publish publishes up to the first failure and marks what got through.
func (r *Relay) publish(ctx context.Context, events []barograph.Event) error {
	done := make([]barograph.EventID, 0, len(events))
	var failure error
	for _, e := range events {
		if failure = r.publishOne(ctx, e); failure != nil {
			break
		}
		r.health.lives()
		done = append(done, e.ID)
	}
	if len(done) == 0 {
		return failure
	}
	if err := r.store.MarkPublished(ctx, done); err != nil {
		return fmt.Errorf("mark %d events as published: %w", len(done), err)
	}
	r.published.Add(len(done))
	r.health.progressed()
	r.health.waits(events[len(done):])
	return failure
}

// publishOne publishes an event. One that the bus will never take must not hold
// up all others: it is reported and counts as published.
func (r *Relay) publishOne(ctx context.Context, e barograph.Event) error {
	ctx, cancel := context.WithTimeoutCause(ctx, publishTimeout, fmt.Errorf("the bus did not confirm within %s", publishTimeout))
	defer cancel()
	err := r.pub.Publish(ctx, e)
	switch kind := barograph.KindOf(err); {
	case err == nil:
		return nil
	case kind == barograph.KindInvalid || kind == barograph.KindTooLarge:
		r.log.ErrorContext(ctx, "event bus refuses an event, it is only in the database", "event", e.ID, "err", err)
		return nil
	}
	return fmt.Errorf("publish event %s: %w", e.ID, err)
}
