package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// EndpointStore keeps endpoints and how they fare.
type EndpointStore interface {
	Subscriptions(ctx context.Context, page barograph.Page) ([]barograph.Subscription, error)
	// SetEndpointHealth puts an endpoint out of service or back into it by
	// somebody's hand, and records what is told of it, in one transaction.
	SetEndpointHealth(ctx context.Context, sub barograph.SubscriptionID, id barograph.EndpointID,
		h barograph.EndpointHealth, c barograph.Change) error
}

// Disable puts an endpoint out of service and tells so. What waits for it waits
// until it is enabled. One that is out of service is returned as it is.
func (d *Dispatcher) Disable(ctx context.Context, sub barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error) {
	return d.switchEndpoint(ctx, sub, id, func(h barograph.EndpointHealth, now time.Time) barograph.EndpointHealth {
		if h.Disabled {
			return h
		}
		return disabled(h, now, "disabled by "+actor(ctx))
	})
}

// Enable puts an endpoint back into service, with a clean slate, and tells so.
// One that is in service is returned as it is.
func (d *Dispatcher) Enable(ctx context.Context, sub barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, error) {
	return d.switchEndpoint(ctx, sub, id, func(h barograph.EndpointHealth, _ time.Time) barograph.EndpointHealth {
		if !h.Disabled {
			return h
		}
		return barograph.EndpointHealth{LastSuccess: h.LastSuccess}
	})
}

func (d *Dispatcher) switchEndpoint(ctx context.Context, sub barograph.SubscriptionID, id barograph.EndpointID,
	to func(barograph.EndpointHealth, time.Time) barograph.EndpointHealth,
) (barograph.Endpoint, error) {
	subs, err := d.store.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return barograph.Endpoint{}, fmt.Errorf("read subscriptions: %w", err)
	}
	ep, ok := endpointOf(subs, sub, id)
	if !ok {
		return ep, noEndpoint(sub, id)
	}
	now := time.Now()
	after := to(ep.Health, now)
	if after.Disabled == ep.Health.Disabled {
		return ep, nil
	}
	change := healthChange(subs, sub, ep, after, now)
	if err := d.store.SetEndpointHealth(ctx, sub, id, after, change); err != nil {
		return ep, fmt.Errorf("set the health of endpoint %s: %w", id, err)
	}
	ep.Health = after
	d.announce(change)
	return ep, nil
}

func endpointOf(subs []barograph.Subscription, sub barograph.SubscriptionID, id barograph.EndpointID) (barograph.Endpoint, bool) {
	for i, s := range subs {
		if s.ID == sub {
			return findEndpoint(subs[i:i+1], id)
		}
	}
	return barograph.Endpoint{}, false
}

func noEndpoint(sub barograph.SubscriptionID, id barograph.EndpointID) error {
	return barograph.Errorf(barograph.KindNotFound, "subscription %s has no endpoint %s", sub, id)
}

// actor names who asked for what is being done.
func actor(ctx context.Context) string {
	if who, ok := barograph.IdentityFrom(ctx); ok && who.Name != "" {
		return who.Name
	}
	return "hand"
}
