package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// DispatchStore keeps deliveries.
type DispatchStore interface {
	HoldStore
	EndpointStore
	UpkeepStore
	QueueStore
	TrialStore
}

// QueueStore has the queues of all endpoints, which servers share.
type QueueStore interface {
	// DueDeliveries returns deliveries to try now, oldest first, at most
	// perEndpoint of each endpoint, none of disabled endpoints, and none that
	// is claimed, or about the same as one that is claimed.
	DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error)
	// ClaimDeliveries reserves those that nobody else has reserved meanwhile, and
	// whatever is due to go out in one message with them. It returns them in the
	// order given, each followed by those that it takes along.
	ClaimDeliveries(ctx context.Context, ids []barograph.DeliveryID, c barograph.Claim) ([]barograph.DueDelivery, error)
	// ReleaseClaims ends all claims of that server.
	ReleaseClaims(ctx context.Context, by string) error
	// ReleaseClaimsExcept ends those of its claims that are on other deliveries.
	ReleaseClaimsExcept(ctx context.Context, by string, trying []barograph.DeliveryID) error
	// SaveDeliveryResults saves all or nothing, and ends the claims.
	SaveDeliveryResults(ctx context.Context, results []barograph.DeliveryResult) error
}

// DispatcherDeps are what a dispatcher reports to, and who it is.
type DispatcherDeps struct {
	// Instance tells the servers on one database apart. One that starts takes
	// back what it had claimed under this name before; "": it has a new one.
	Instance string
	// Recorded is called after events of its own were recorded, as that of an
	// endpoint that was put out of service; nil: nobody has to know.
	Recorded func()
	Log      *slog.Logger
	Metrics  *metrics.Set
}

// Dispatcher sends recorded deliveries until each is delivered, given up or too
// old. It keeps nothing that is not in the store, so that it may be stopped or
// killed at any time: a delivery whose result was not saved is tried again,
// with the same message ID. Several on one database share the work: each claims
// what it is about to try.
//
// Tries run side by side, few to each endpoint and fewer to one that fails, so
// that a dead endpoint delays no other; those of one prediction, breach or host
// to one endpoint run one after the other. What is alike and due together goes
// out in one message to those who take several events at once. It lives by the
// wall clock.
type Dispatcher struct {
	cfg       DeliveryConfig
	policy    retryPolicy
	instance  string
	recorded  func()
	store     DispatchStore
	notifiers map[barograph.EndpointKind]Notifier
	holds     holds
	log       *slog.Logger
	metrics   dispatcherMetrics
	vitals    vitals
	trials    trials

	wake     chan struct{}
	finished chan try
	sending  sync.WaitGroup

	// The rest belongs to Run's goroutine.
	tookOver  bool // nothing is claimed but what is in flight
	flight    *inFlight
	unsaved   []try
	retries   []time.Time // when tries that were planned here are due
	storeDown bool
	missing   map[barograph.EndpointKind]bool // channels that were logged as not configured
}

const (
	pollEvery     = time.Second
	shutdownGrace = 5 * time.Second // for tries in flight
	mostDue       = 1024            // looked at in one round
	mostGrouped   = 500             // events in one message
	// claimFor is how long the deliveries of a server that died wait. No try
	// takes as long, so that nobody else begins one beside it.
	claimFor   = 2 * time.Minute
	tryTimeout = claimFor - 30*time.Second
)

// NewDispatcher returns a dispatcher that sends by the notifiers.
func NewDispatcher(cfg DeliveryConfig, store DispatchStore, notifiers map[barograph.EndpointKind]Notifier, deps DispatcherDeps) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Instance == "" {
		deps.Instance = barograph.NewID("srv", time.Now())
	}
	if deps.Recorded == nil {
		deps.Recorded = func() {}
	}
	return &Dispatcher{
		cfg: cfg, policy: newRetryPolicy(cfg), instance: deps.Instance, recorded: deps.Recorded, store: store, notifiers: notifiers,
		log: deps.Log, metrics: newDispatcherMetrics(deps.Metrics), vitals: newVitals(),
		wake: make(chan struct{}, 1), finished: make(chan try, cfg.Concurrency),
		flight: newInFlight(cfg.Concurrency, cfg.PerEndpoint), missing: map[barograph.EndpointKind]bool{},
	}, nil
}

// Wake says that deliveries were recorded. It never blocks.
func (d *Dispatcher) Wake() { wake(d.wake) }

// Run sends until ctx ends. Then it begins no new try, gives those in flight 5
// seconds to end, saves their results, and gives back what it has claimed.
func (d *Dispatcher) Run(ctx context.Context) error {
	tries, stopTries := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTries()
	var upkeep sync.WaitGroup
	upkeep.Go(func() { d.upkeep(ctx) })
	defer upkeep.Wait()
	for ctx.Err() == nil {
		d.wait(ctx, d.round(ctx, tries))
	}
	return d.drain(context.WithoutCancel(ctx), stopTries)
}

// announce has the events of a change that was recorded here carried on.
func (d *Dispatcher) announce(c barograph.Change) {
	if len(c.Events) > 0 {
		d.recorded()
		d.Wake()
	}
}

// round saves what has finished, then begins what is due. It returns how long
// there is nothing else to do.
func (d *Dispatcher) round(ctx, tries context.Context) time.Duration {
	err := d.save(ctx)
	if err == nil && !d.flight.full() {
		err = d.begin(ctx, tries)
	}
	d.reportStore(ctx, err)
	if ctx.Err() == nil {
		d.vitals.sending.Beat(err)
	}
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
	all := slices.Concat(results...)
	if err := d.store.SaveDeliveryResults(ctx, all); err != nil {
		return fmt.Errorf("save %d delivery results: %w", len(all), err)
	}
	for _, r := range all {
		d.announce(r.Change)
	}
	for i, t := range d.unsaved {
		d.flight.remove(t.parcel)
		for _, r := range results[i] {
			if r.Delivery.State == barograph.DeliveryPending {
				d.retries = append(d.retries, r.Delivery.NextTry)
				break // the others of the message are due with it
			}
		}
		d.report(ctx, t, results[i])
	}
	d.unsaved = d.unsaved[:0]
	return nil
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
	if err := d.save(ctx); err != nil {
		return err
	}
	if err := d.store.ReleaseClaims(ctx, d.instance); err != nil {
		return fmt.Errorf("give back what is claimed: %w", err)
	}
	return nil
}
