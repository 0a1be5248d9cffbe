package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// DispatchStore keeps deliveries.
type DispatchStore interface {
	// DueDeliveries returns deliveries to try now, oldest first, at most
	// perEndpoint of each endpoint, none of disabled endpoints.
	DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error)
	// SaveDeliveryResults saves all or nothing.
	SaveDeliveryResults(ctx context.Context, results []barograph.DeliveryResult) error
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
}

// DispatcherDeps are what a dispatcher reports to.
type DispatcherDeps struct {
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Dispatcher sends recorded deliveries until each is delivered, given up or too
// old. It keeps nothing that is not in the store, so that it may be stopped or
// killed at any time: a delivery whose result was not saved is tried again,
// with the same event ID.
//
// Tries run side by side, few to each endpoint and fewer to one that fails, so
// that a dead endpoint delays no other; those of one prediction, breach or host
// to one endpoint run one after the other. It lives by the wall clock.
type Dispatcher struct {
	cfg       DeliveryConfig
	policy    retryPolicy
	store     DispatchStore
	notifiers map[barograph.EndpointKind]Notifier
	log       *slog.Logger
	metrics   dispatcherMetrics

	wake     chan struct{}
	finished chan try
	sending  sync.WaitGroup

	// The rest belongs to Run's goroutine.
	flight    *inFlight
	unsaved   []try
	retries   []time.Time // when tries that were planned here are due
	storeDown bool
	missing   map[barograph.EndpointKind]bool // channels that were logged as not configured
}

// try is a delivery that was tried, or found too old for it.
type try struct {
	due     barograph.DueDelivery
	outcome Outcome
	attempt barograph.Attempt
	unsent  bool
	// interrupted says that we broke the try off: it is as if it never was.
	interrupted bool
}

const (
	pollEvery     = time.Second
	shutdownGrace = 5 * time.Second // for tries in flight
	mostDue       = 1024            // looked at in one round
)

// NewDispatcher returns a dispatcher that sends by the notifiers.
func NewDispatcher(cfg DeliveryConfig, store DispatchStore, notifiers map[barograph.EndpointKind]Notifier, deps DispatcherDeps) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Dispatcher{
		cfg: cfg, policy: newRetryPolicy(cfg), store: store, notifiers: notifiers,
		log: deps.Log, metrics: newDispatcherMetrics(deps.Metrics),
		wake: make(chan struct{}, 1), finished: make(chan try, cfg.Concurrency),
		flight: newInFlight(cfg.Concurrency, cfg.PerEndpoint), missing: map[barograph.EndpointKind]bool{},
	}, nil
}

// Wake says that deliveries were recorded. It never blocks.
func (d *Dispatcher) Wake() { wake(d.wake) }

// Run sends until ctx ends. Then it begins no new try, gives those in flight 5
// seconds to end, and saves their results.
func (d *Dispatcher) Run(ctx context.Context) error {
	tries, stopTries := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTries()
	for ctx.Err() == nil {
		d.wait(ctx, d.round(ctx, tries))
	}
	return d.drain(context.WithoutCancel(ctx), stopTries)
}

// round saves what has finished, then begins what is due. It returns how long
// there is nothing else to do.
func (d *Dispatcher) round(ctx, tries context.Context) time.Duration {
	err := d.save(ctx)
	if err == nil && !d.flight.full() {
		err = d.begin(ctx, tries)
	}
	d.reportStore(ctx, err)
	now := time.Now()
	d.retries = slices.DeleteFunc(d.retries, func(at time.Time) bool { return !at.After(now) })
	if err != nil || len(d.retries) == 0 {
		return pollEvery
	}
	return min(pollEvery, slices.MinFunc(d.retries, time.Time.Compare).Sub(now))
}

func (d *Dispatcher) wait(ctx context.Context, idle time.Duration) {
	wake := d.wake
	finished := d.finished
	if d.storeDown { // nothing can be done but wait
		wake, finished = nil, nil
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	case t := <-finished:
		d.unsaved = append(d.unsaved, t)
	}
	d.collect()
}

// collect takes what has finished without waiting for it.
func (d *Dispatcher) collect() {
	for {
		select {
		case t := <-d.finished:
			d.unsaved = append(d.unsaved, t)
		default:
			return
		}
	}
}

// begin starts due deliveries. It asks for twice as many of each endpoint as
// may be tried at once: the first half may be in flight already.
func (d *Dispatcher) begin(ctx, tries context.Context) error {
	now := time.Now()
	due, err := d.store.DueDeliveries(ctx, now, 2*d.cfg.PerEndpoint, mostDue)
	if err != nil {
		return fmt.Errorf("read due deliveries: %w", err)
	}
	began := 0
	for _, delivery := range due {
		if !d.flight.add(delivery) {
			continue
		}
		began++
		if d.policy.stale(delivery.Delivery, now) {
			d.finished <- try{due: delivery, unsent: true} // has room for all in flight
			continue
		}
		d.sending.Go(func() { d.finished <- d.try(tries, delivery) })
	}
	d.metrics.inFlight.Store(int64(len(d.flight.deliveries)))
	d.metrics.waiting.Store(int64(len(due) - began))
	return nil
}

func (d *Dispatcher) try(ctx context.Context, due barograph.DueDelivery) try {
	begin := time.Now()
	o := permanently("no notifier for endpoints of kind %q", due.Endpoint.Kind)
	if n := d.notifiers[due.Endpoint.Kind]; n != nil {
		o = n.Notify(ctx, due.Event, due.Endpoint)
	}
	took := time.Since(begin)
	d.metrics.tried(due.Endpoint.Kind, o.Verdict, took)
	return try{
		due: due, outcome: o, interrupted: ctx.Err() != nil && o.Verdict != VerdictDelivered,
		attempt: barograph.Attempt{
			At: begin, Latency: barograph.Duration(took), StatusCode: o.StatusCode,
			Error: errorText(o.Err), Response: o.Response,
		},
	}
}

// save saves the results of what has finished. What cannot be saved stays in
// flight, so that it is not tried again, and is saved later.
func (d *Dispatcher) save(ctx context.Context) error {
	if len(d.unsaved) == 0 {
		return nil
	}
	results, err := d.results(ctx, d.unsaved)
	if err != nil {
		return err
	}
	if err := d.store.SaveDeliveryResults(ctx, results); err != nil {
		return fmt.Errorf("save %d delivery results: %w", len(results), err)
	}
	for i, r := range results {
		d.flight.remove(r.Delivery)
		if r.Delivery.State == barograph.DeliveryPending {
			d.retries = append(d.retries, r.Delivery.NextTry)
		}
		d.report(ctx, d.unsaved[i], r)
	}
	d.unsaved = d.unsaved[:0]
	return nil
}

// results plans what follows from the tries. Several tries of one endpoint
// build upon each other.
func (d *Dispatcher) results(ctx context.Context, tries []try) ([]barograph.DeliveryResult, error) {
	health := map[barograph.EndpointID]barograph.EndpointHealth{}
	results := make([]barograph.DeliveryResult, 0, len(tries))
	for _, t := range tries {
		if h, known := health[t.due.Endpoint.ID]; known {
			t.due.Endpoint.Health = h
		}
		r, err := d.result(ctx, t)
		if err != nil {
			return nil, err
		}
		health[t.due.Endpoint.ID] = r.Health
		results = append(results, r)
	}
	return results, nil
}

func (d *Dispatcher) result(ctx context.Context, t try) (barograph.DeliveryResult, error) {
	now := time.Now()
	if t.unsent {
		delivery, attempt := d.policy.unsent(t.due.Delivery, now)
		return barograph.DeliveryResult{Delivery: delivery, Attempt: attempt, Health: t.due.Endpoint.Health}, nil
	}
	dice := rand.Float64() //nolint:gosec // spreads load, guards nothing
	r := barograph.DeliveryResult{Delivery: d.policy.afterTry(t.due.Delivery, t.attempt, t.outcome, dice), Attempt: t.attempt}
	r.Health = d.policy.health(t.due.Endpoint.Health, r.Delivery, t.outcome, now, t.due.Event.Data.Test)
	e, changed := healthEvent(t.due, r.Health, now)
	if !changed {
		return r, nil
	}
	subs, err := d.store.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return r, fmt.Errorf("read subscriptions to tell of endpoint %s: %w", t.due.Endpoint.ID, err)
	}
	r.Change = barograph.Change{Events: []barograph.Event{e}, Deliveries: healthDeliveries(subs, e, now)}
	return r, nil
}

// drain ends what is in flight.
func (d *Dispatcher) drain(ctx context.Context, stopTries context.CancelFunc) error {
	timer := time.AfterFunc(shutdownGrace, stopTries)
	defer timer.Stop()
	d.sending.Wait()
	d.collect()
	d.unsaved = slices.DeleteFunc(d.unsaved, func(t try) bool { return t.interrupted })
	ctx, cancel := context.WithTimeoutCause(ctx, shutdownGrace, errors.New("the database took too long on shutdown"))
	defer cancel()
	return d.save(ctx)
}
