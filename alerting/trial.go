package alerting

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// TrialStore knows what a test may cost.
type TrialStore interface {
	// TextBudget returns what the subscription may send on the day of now, and
	// has sent of it.
	TextBudget(ctx context.Context, id barograph.SubscriptionID, now time.Time) (barograph.TextBudget, error)
}

// Test sends a test event to one endpoint of the subscription at once, under
// the same rules as any other, and records what came of it. A success enables a
// disabled endpoint; a failure changes nothing and is not tried again. Text
// messages are counted and go by the budget as any other. An endpoint that is
// being tested, or was just now, is not tested again: KindRateLimited.
func (d *Dispatcher) Test(ctx context.Context, sub barograph.Subscription, id barograph.EndpointID) (barograph.Attempt, error) {
	ep, ok := findEndpoint([]barograph.Subscription{sub}, id)
	if !ok {
		return barograph.Attempt{}, noEndpoint(sub.ID, id)
	}
	now := time.Now()
	end, err := d.trials.begin(trialOf(sub, ep), now)
	if err != nil {
		return barograph.Attempt{}, err
	}
	defer end()
	e := barograph.Event{
		ID: barograph.EventID(barograph.NewID("evt", now)), Type: barograph.EventWatchdog, Time: now,
		Subject: string(id), Severity: barograph.SeverityInfo,
		Data: barograph.EventData{Summary: "This is a test: nothing happened", Test: true},
	}
	due := barograph.DueDelivery{Delivery: newDelivery(sub, ep, e, now), Event: e, Endpoint: ep}
	due.Delivery.MessageID = due.Delivery.SingleMessageID()
	if due.Budget, err = d.store.TextBudget(ctx, sub.ID, now); err != nil {
		return barograph.Attempt{}, fmt.Errorf("read the text budget of subscription %s: %w", sub.ID, err)
	}
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

const trialEvery = 5 * time.Second

// trials bounds how often tests are sent. It may be used at the same time.
type trials struct {
	mu     sync.Mutex
	recent map[string]trial
}

type trial struct {
	began   time.Time
	running bool
}

// trialOf returns what is tested one at a time: the endpoint; of phones all that
// share a budget, so that no two tests are sent of what is left for one.
func trialOf(sub barograph.Subscription, ep barograph.Endpoint) string {
	if ep.Kind == barograph.EndpointSMS {
		return string(sub.ID)
	}
	return string(ep.ID)
}

// begin lets a test of the thing begin, unless one is running or has begun just
// now. It returns what to call at its end.
func (t *trials) begin(what string, now time.Time) (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.recent, func(_ string, last trial) bool { return !last.running && now.Sub(last.began) >= trialEvery })
	if last, found := t.recent[what]; found {
		wait := max(trialEvery-now.Sub(last.began), time.Second)
		return nil, &barograph.Error{
			Kind: barograph.KindRateLimited, RetryAfter: wait,
			Message: fmt.Sprintf("%s is being tested, or was just now: test it again in %s", what, barograph.Duration(wait.Round(time.Second))),
		}
	}
	if t.recent == nil {
		t.recent = map[string]trial{}
	}
	t.recent[what] = trial{began: now, running: true}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.recent[what] = trial{began: now}
	}, nil
}
