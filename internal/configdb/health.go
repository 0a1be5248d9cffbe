package configdb

import (
	"context"

	"github.com/barograph/barograph"
)

// SetEndpointHealth puts an endpoint out of service or back into it, and records
// what follows from that.
func (db *DB) SetEndpointHealth(
	ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID, now barograph.EndpointHealth, c barograph.Change,
) error {
	return db.write(ctx, func(x *tx) error {
		if _, _, err := endpointOf(ctx, x, s, id); err != nil {
			return err
		}
		if err := db.record(ctx, x, c); err != nil {
			return err
		}
		fare := health{}
		err := db.become(ctx, x, fare, id, func(barograph.EndpointHealth) barograph.EndpointHealth { return now })
		if err != nil {
			return err
		}
		return fare.save(ctx, x)
	})
}

// healthAfter returns the endpoint's health after a try. It puts the endpoint out
// of service, or back into it, only where it tells so: since the try began,
// somebody may have done that by hand.
func healthAfter(now barograph.EndpointHealth, r barograph.DeliveryResult) barograph.EndpointHealth {
	h := r.Health
	for _, e := range r.Change.Events {
		if e.Type == barograph.EventEndpointDisabled || e.Type == barograph.EventEndpointEnabled {
			return h
		}
	}
	h.Disabled, h.DisabledReason, h.DisabledAt = now.Disabled, now.DisabledReason, now.DisabledAt
	return h
}

// health is how endpoints fare in the course of a transaction, which saves it
// before it ends: once each, though it may bring hundreds of results. Nil is one
// that does not exist any more.
type health map[barograph.EndpointID]*barograph.Endpoint

// become changes the health of an endpoint. Taking one out of service or back is
// on record.
func (db *DB) become(
	ctx context.Context, x *tx, h health, id barograph.EndpointID, become func(barograph.EndpointHealth) barograph.EndpointHealth,
) error {
	e, known := h[id]
	if !known {
		found, err := endpointTable().query(ctx, x, " WHERE t.id = ?", id)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			e = &found[0]
		}
		h[id] = e
	}
	if e == nil {
		return nil
	}
	old := *e
	e.Health = become(old.Health)
	if old.Health.Disabled == e.Health.Disabled {
		return nil
	}
	// This changes the subscription for everybody; counting failures does not.
	x.changed = true
	return db.auditHealth(ctx, x, old, *e)
}

func (h health) save(ctx context.Context, x *tx) error {
	for id, e := range h {
		if e == nil {
			continue
		}
		if err := endpointTable().set(ctx, x, string(id), healthColumns(&e.Health)...); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) auditHealth(ctx context.Context, x *tx, old, now barograph.Endpoint) error {
	subs, err := subscriptionTable().query(ctx, x, " WHERE t.id = (SELECT e.subscription_id FROM endpoints e WHERE e.id = ?)", old.ID)
	if err != nil || len(subs) == 0 {
		return err
	}
	action := actionEnabled
	if now.Health.Disabled {
		action = actionDisabled
	}
	return db.audit(ctx, x, endpointEntry(action, subs[0], &old, &now))
}
