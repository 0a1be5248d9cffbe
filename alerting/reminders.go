package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// UpkeepStore is what the dispatcher needs to look after what is not due.
type UpkeepStore interface {
	// ReleaseHeld makes due what nothing of holding holds back any more.
	ReleaseHeld(ctx context.Context, holding []barograph.Hold, now time.Time) (int, error)
	// Remind adds deliveries that remind of what lasts and nobody took on.
	Remind(ctx context.Context, now time.Time) (int, error)
	// HastenDeliveries makes due what is planned for later than latest, or was
	// made in what is the future by now: a wrong clock did that.
	HastenDeliveries(ctx context.Context, now, latest time.Time) (int, error)
	// EndpointQueues returns what waits for each endpoint there is.
	EndpointQueues(ctx context.Context) ([]barograph.EndpointQueue, error)
	// Changes returns a channel that receives when silences, hosts or
	// subscriptions changed, and a function that ends that.
	Changes() (changed <-chan struct{}, stop func())
}

const (
	upkeepEvery = 15 * time.Second
	// leastUpkeepPause is between rounds however often things change.
	leastUpkeepPause = time.Second
)

// upkeep looks after what is not due, until ctx ends: it learns what holds back,
// lets go what nothing holds back any more, reminds, and counts what waits.
func (d *Dispatcher) upkeep(ctx context.Context) {
	changed, stop := d.store.Changes()
	defer stop()
	for ctx.Err() == nil {
		err := d.upkeepOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		d.reportUpkeep(ctx, err)
		sleep(ctx, leastUpkeepPause, nil)
		sleep(ctx, upkeepEvery-leastUpkeepPause, changed)
	}
}

func (d *Dispatcher) upkeepOnce(ctx context.Context) error {
	if err := d.loadHolds(ctx); err != nil {
		return err // by the last known nothing is held back, but nothing is let go
	}
	now := time.Now()
	released, err := d.store.ReleaseHeld(ctx, d.holds.all(now), now)
	if err != nil {
		return fmt.Errorf("release what was held back: %w", err)
	}
	reminders, err := d.store.Remind(ctx, now)
	if err != nil {
		return fmt.Errorf("remind of what lasts: %w", err)
	}
	hastened, err := d.store.HastenDeliveries(ctx, now, now.Add(d.policy.longestWait()))
	if err != nil {
		return fmt.Errorf("look for what a wrong clock planned: %w", err)
	}
	if hastened > 0 {
		d.log.WarnContext(ctx, "the clock was set back: deliveries that were planned by it are due now", "deliveries", hastened)
	}
	if released+reminders+hastened > 0 {
		d.log.InfoContext(ctx, "deliveries are due that nothing new happened for", "released", released, "reminders", reminders)
		d.Wake()
	}
	queues, err := d.store.EndpointQueues(ctx)
	if err != nil {
		return fmt.Errorf("count what waits: %w", err)
	}
	d.metrics.waits(queues)
	return nil
}

// loadHolds learns what holds back. What can't be read stays as it was.
func (d *Dispatcher) loadHolds(ctx context.Context) error {
	silences, err := d.store.Silences(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read silences: %w", err)
	}
	d.holds.replaceSilences(silences)
	hosts, err := d.store.Hosts(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read hosts: %w", err)
	}
	d.holds.replaceHosts(hosts)
	return nil
}

func (d *Dispatcher) reportUpkeep(ctx context.Context, err error) {
	before := d.vitals.upkeepFails
	d.vitals.upkeepFails = err != nil
	d.vitals.upkeep.Beat(err)
	switch {
	case err != nil && !before:
		d.log.ErrorContext(ctx, "silences and reminders could not be looked after", "err", err)
	case err == nil && before:
		d.log.InfoContext(ctx, "silences and reminders are looked after again")
	}
}
