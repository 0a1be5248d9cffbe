package configdb

import (
	"context"
	"slices"

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
	h := counted(now, r.Health)
	from := now
	if slices.ContainsFunc(r.Change.Events, tellsHealth) {
		from = r.Health
	}
	h.Disabled, h.DisabledReason, h.DisabledAt = from.Disabled, from.DisabledReason, from.DisabledAt
	return h
}

// counted returns the health h after a try, which began some time ago, with what
// came of other tries since: a success is not undone, and failures are not
// forgotten.
func counted(now, h barograph.EndpointHealth) barograph.EndpointHealth {
	switch {
	case now.LastSuccess.After(h.LastSuccess):
		return now
	case h.LastSuccess.After(now.LastSuccess):
		return h
	case now.Failures == 0 && h.Failures > 1:
		return now // somebody enabled it by hand, to begin anew
	}
	h.Failures, h.Exhausted = max(h.Failures, now.Failures), max(h.Exhausted, now.Exhausted)
	if h.FailingSince.IsZero() || !now.FailingSince.IsZero() && now.FailingSince.Before(h.FailingSince) {
		h.FailingSince = now.FailingSince
	}
	return h
}

func tellsHealth(e barograph.Event) bool {
	return e.Type == barograph.EventEndpointDisabled || e.Type == barograph.EventEndpointEnabled
}

// news returns the change without what tells that the endpoint is as it is
// already: another try was faster to put it out of service, or back.
func news(now barograph.EndpointHealth, c barograph.Change) barograph.Change {
	old := map[barograph.EventID]bool{}
	for _, e := range c.Events {
		if tellsHealth(e) && now.Disabled == (e.Type == barograph.EventEndpointDisabled) {
			old[e.ID] = true
		}
	}
	c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e barograph.Event) bool { return old[e.ID] })
	c.Deliveries = deliveriesOfOthers(c.Deliveries, old)
	return c
}

// health is how endpoints fare in the course of a transaction, which saves it
// before it ends: once each, though it may bring hundreds of results. Nil is one
// that does not exist any more.
type health map[barograph.EndpointID]*barograph.Endpoint

// of returns the endpoint as it is by now.
func (h health) of(ctx context.Context, x *tx, id barograph.EndpointID) (*barograph.Endpoint, error) {
	if e, known := h[id]; known {
		return e, nil
	}
	found, err := endpointTable().query(ctx, x, " WHERE t.id = ?", id)
	if err != nil {
		return nil, err
	}
	h[id] = nil
	if len(found) > 0 {
		h[id] = &found[0]
	}
	return h[id], nil
}

// become changes the health of an endpoint. Taking one out of service or back is
// on record.
func (db *DB) become(
	ctx context.Context, x *tx, h health, id barograph.EndpointID, become func(barograph.EndpointHealth) barograph.EndpointHealth,
) error {
	e, err := h.of(ctx, x, id)
	if err != nil || e == nil {
		return err
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
