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
	ep, ok := findEndpoint([]barograph.Subscription{sub}, id)
	if !ok {
		return barograph.Attempt{}, noEndpoint(sub.ID, id)
	}
	now := time.Now()
	e := barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", now)), Type: barograph.EventWatchdog, Time: now,
		Subject: string(id), Severity: barograph.SeverityInfo,
		Data: barograph.EventData{Summary: "This is a test: nothing happened", Test: true},
	}
	due := barograph.DueDelivery{Delivery: newDelivery(sub, ep, e, now), Event: e, Endpoint: ep}
	due.Delivery.MessageID = due.Delivery.SingleMessageID()
	t := d.try(ctx, try{parcel: parcel{due}, sent: parcel{due}})
	if err := d.saveTest(ctx, t); err != nil {
		return t.attempt, fmt.Errorf("save test of endpoint %s: %w", id, err)
	}
	return t.attempt, nil
}

func (d *Dispatcher) saveTest(ctx context.Context, t try) error {
	tested := t.sent[0]
	delivered := t.outcome.Verdict == VerdictDelivered
	if !delivered {
		t.outcome.Verdict = VerdictPermanent
	}
	results, err := d.sentResults(ctx, t, t.endpoint())
	if err != nil {
		return err
	}
	r := results[0]
	if !delivered {
		r.Health, r.Change = tested.Endpoint.Health, barograph.Change{}
	}
	r.Change.Events = append([]barograph.Event{tested.Event}, r.Change.Events...)
	r.Change.Deliveries = append([]barograph.Delivery{tested.Delivery}, r.Change.Deliveries...)
	if err := d.store.SaveDeliveryResults(ctx, []barograph.DeliveryResult{r}); err != nil {
		return err
	}
	d.announce(r.Change)
	return nil
}
