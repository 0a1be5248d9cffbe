package alerting

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// results plans what follows from the tries, for each the results of its
// deliveries. Several tries of one endpoint build upon each other.
func (d *Dispatcher) results(ctx context.Context, tries []try) ([][]barograph.DeliveryResult, error) {
	health := map[barograph.EndpointID]barograph.EndpointHealth{}
	out := make([][]barograph.DeliveryResult, len(tries))
	for i, t := range tries {
		ep := t.endpoint()
		if h, known := health[ep.ID]; known {
			ep.Health = h
		}
		sent, err := d.sentResults(ctx, t, ep)
		if err != nil {
			return nil, err
		}
		if len(sent) > 0 {
			ep.Health = sent[0].Health
		}
		for _, r := range t.aside {
			r.Health = ep.Health
			out[i] = append(out[i], r)
		}
		out[i] = append(out[i], sent...)
		health[ep.ID] = ep.Health
	}
	return out, nil
}

// sentResults returns what came of the deliveries of one message: they share the
// attempt, and when they are tried again, the time of the next. What concerns
// the message as a whole is in the first result.
func (d *Dispatcher) sentResults(ctx context.Context, t try, ep barograph.Endpoint) ([]barograph.DeliveryResult, error) {
	if len(t.sent) == 0 {
		return nil, nil
	}
	dice := rand.Float64() //nolint:gosec // spreads load, guards nothing
	gaveUp := true
	results := make([]barograph.DeliveryResult, len(t.sent))
	for i, due := range t.sent {
		delivery := d.policy.afterTry(due.Delivery, t.attempt, t.outcome, dice)
		gaveUp = gaveUp && delivery.State != barograph.DeliveryPending
		results[i] = barograph.DeliveryResult{Delivery: delivery, Attempt: t.attempt}
	}
	health, change, err := d.healthAfter(ctx, t, ep, gaveUp)
	if err != nil {
		return nil, err
	}
	for i := range results {
		results[i].Health = health
	}
	results[0].Change, results[0].TextMessages = change, t.outcome.Texts
	return results, nil
}

// healthAfter returns how the endpoint fares after the try, and what is told if
// that puts it out of service or back into it. A try that did not go by the
// endpoint's own way says nothing of it.
func (d *Dispatcher) healthAfter(ctx context.Context, t try, ep barograph.Endpoint, gaveUp bool) (barograph.EndpointHealth, barograph.Change, error) {
	if t.sent.overBudget() {
		return ep.Health, barograph.Change{}, nil
	}
	now, first := time.Now(), t.sent[0]
	after := d.policy.health(ep.Health, gaveUp, t.outcome, now, first.Event.Data.Test)
	if after.Disabled == ep.Health.Disabled {
		return after, barograph.Change{}, nil
	}
	subs, err := d.store.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return after, barograph.Change{}, fmt.Errorf("read subscriptions to tell of endpoint %s: %w", ep.ID, err)
	}
	if stored, ok := findEndpoint(subs, ep.ID); ok && stored.Health.LastSuccess.After(ep.Health.LastSuccess) {
		ep.Health = stored.Health // another server got through meanwhile
		after = d.policy.health(ep.Health, gaveUp, t.outcome, now, first.Event.Data.Test)
	}
	return after, healthChange(subs, first.Delivery.SubscriptionID, ep, after, now), nil
}

// healthChange returns what is recorded, and who is told, when an endpoint's
// health becomes another: nothing, unless it is put out of service or back.
func healthChange(subs []barograph.Subscription, sub barograph.SubscriptionID, ep barograph.Endpoint,
	after barograph.EndpointHealth, now time.Time,
) barograph.Change {
	of := barograph.Subscription{ID: sub}
	if i := slices.IndexFunc(subs, func(s barograph.Subscription) bool { return s.ID == sub }); i >= 0 {
		of = subs[i]
	}
	e, changed := healthEvent(of, ep, after, now)
	if !changed {
		return barograph.Change{}
	}
	return barograph.Change{Events: []barograph.Event{e}, Deliveries: healthDeliveries(subs, e, now)}
}

func findEndpoint(subs []barograph.Subscription, id barograph.EndpointID) (barograph.Endpoint, bool) {
	for _, sub := range subs {
		for _, ep := range sub.Endpoints {
			if ep.ID == id {
				return ep, true
			}
		}
	}
	return barograph.Endpoint{}, false
}
