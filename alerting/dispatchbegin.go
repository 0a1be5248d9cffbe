package alerting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// begin starts due deliveries. It asks for twice as many of each endpoint as
// may be tried at once: some may have to wait for others of them.
func (d *Dispatcher) begin(ctx, tries context.Context) error {
	if err := d.takeOver(ctx); err != nil {
		return err
	}
	now := time.Now()
	due, err := d.store.DueDeliveries(ctx, now, 2*d.cfg.PerEndpoint, mostDue)
	if err != nil {
		return fmt.Errorf("read due deliveries: %w", err)
	}
	chosen := d.flight.choose(due)
	d.vitals.room.note(chosen.starved, now)
	claimed, err := d.claim(ctx, chosen.parcels, now)
	if err != nil {
		return err
	}
	for _, p := range parcels(claimed) {
		d.start(tries, p, now)
	}
	if chosen.more && len(claimed) > 0 {
		d.Wake()
	}
	d.metrics.inFlight.Store(int64(d.flight.tries))
	d.metrics.waiting.Store(int64(max(len(due)-len(claimed), 0)))
	return nil
}

// takeOver prepares the first round, and the one after a claim of which nobody
// knows whether it was made: what this server has claimed and is not trying, as
// before it stopped, is free again. Nothing is sent before it is known what holds
// back.
func (d *Dispatcher) takeOver(ctx context.Context) error {
	if d.tookOver {
		return nil
	}
	trying := slices.Collect(maps.Keys(d.flight.deliveries))
	if err := d.store.ReleaseClaimsExcept(ctx, d.instance, trying); err != nil {
		return fmt.Errorf("release the claims of %s: %w", d.instance, err)
	}
	if err := d.loadHolds(ctx); err != nil {
		return err
	}
	d.tookOver = true
	return nil
}

// claim reserves the chosen deliveries, and takes them out of the flight again:
// what was got of them, and with them, is begun by start.
func (d *Dispatcher) claim(ctx context.Context, chosen []parcel, now time.Time) ([]barograph.DueDelivery, error) {
	var ids []barograph.DeliveryID
	for _, p := range chosen {
		ids = append(ids, p[0].Delivery.ID)
		d.flight.remove(p)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	claimed, err := d.store.ClaimDeliveries(ctx, ids, barograph.Claim{
		By: d.instance, Now: now, Until: now.Add(claimFor), MostGrouped: mostGrouped,
	})
	if err != nil {
		d.tookOver = false
		return nil, fmt.Errorf("claim %d deliveries: %w", len(ids), err)
	}
	return claimed, nil
}

// start begins the try of a parcel, unless nothing of it is to be sent.
func (d *Dispatcher) start(ctx context.Context, p parcel, now time.Time) {
	t := try{parcel: p}
	t.sent, t.aside = d.setAside(p, now)
	d.flight.add(t.parcel)
	if len(t.sent) == 0 {
		d.finished <- t // has room for all in flight
		return
	}
	d.sending.Go(func() { d.finished <- d.try(ctx, t) })
}
