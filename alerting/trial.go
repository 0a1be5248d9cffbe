package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// Test sends a test event to one endpoint of the subscription at once, under
// the same rules as any other, and records what came of it. A success enables a
// disabled endpoint; a failure changes nothing and is not tried again.
func (d *Dispatcher) Test(ctx context.Context, sub barograph.Subscription, id barograph.EndpointID) (barograph.Attempt, error) {
	now := time.Now()
	e := barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", now)), Type: barograph.EventWatchdog, Time: now,
		Subject: string(id), Severity: barograph.SeverityInfo,
		Data: barograph.EventData{Summary: "This is a test: nothing happened", Test: true},
	}
	for _, ep := range sub.Endpoints {
		if ep.ID != id {
			continue
		}
		t := d.try(ctx, barograph.DueDelivery{Delivery: newDelivery(sub.ID, id, e, now), Event: e, Endpoint: ep})
		if err := d.saveTest(ctx, t); err != nil {
			return t.attempt, fmt.Errorf("save test of endpoint %s: %w", id, err)
		}
		return t.attempt, nil
	}
	return barograph.Attempt{}, barograph.Errorf(barograph.KindNotFound, "subscription %s has no endpoint %s", sub.ID, id)
}

func (d *Dispatcher) saveTest(ctx context.Context, t try) error {
	planned := t.due.Delivery
	if t.outcome.Verdict != VerdictDelivered {
		t.outcome.Verdict = VerdictPermanent
	}
	r, err := d.result(ctx, t)
	if err != nil {
		return err
	}
	if t.outcome.Verdict != VerdictDelivered {
		r.Health, r.Change = t.due.Endpoint.Health, barograph.Change{}
	}
	r.Change.Events = append([]barograph.Event{t.due.Event}, r.Change.Events...)
	r.Change.Deliveries = append([]barograph.Delivery{planned}, r.Change.Deliveries...)
	return d.store.SaveDeliveryResults(ctx, []barograph.DeliveryResult{r})
}
