package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// story records what happens step by step, and has its deliveries tried.
type story struct {
	t    *testing.T
	db   Database
	subs []barograph.Subscription
	n    int // events so far; each is of a day of its own, deliveries are not
}

func (x suite) story(t *testing.T, subs ...barograph.Subscription) *story {
	t.Helper()
	db := x.open(t)
	for _, s := range subs {
		noError(t, db.CreateSubscription(t.Context(), s))
	}
	return &story{t: t, db: db, subs: subs}
}

// happens records an event about the topic, with a delivery to the first
// endpoint of the first subscription, made at the time and edited.
func (s *story) happens(typ barograph.EventType, topic string, at time.Time, edits ...func(*barograph.Delivery)) barograph.Delivery {
	s.t.Helper()
	s.n++
	e := event(s.n, typ)
	d := delivery(s.n, e, s.subs[0], 0)
	d.Topic, d.CreatedAt, d.NextTry = topic, at, at
	for _, edit := range edits {
		edit(&d)
	}
	noError(s.t, s.db.Record(s.t.Context(), barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d}}))
	return d
}

// grouped puts a delivery into a group.
func grouped(name string) func(*barograph.Delivery) {
	return func(d *barograph.Delivery) { d.Group = name }
}

// held holds a delivery back.
func held(by barograph.Hold) func(*barograph.Delivery) {
	return func(d *barograph.Delivery) { d.State, d.HeldBy = barograph.DeliveryHeld, by }
}

// now returns the delivery as it is on record.
func (s *story) now(d barograph.Delivery) barograph.Delivery {
	s.t.Helper()
	return must(s.db.Delivery(s.t.Context(), d.ID))(s.t)
}

// is fails the test unless the delivery is in the state.
func (s *story) is(what string, d barograph.Delivery, want barograph.DeliveryState) {
	s.t.Helper()
	if got := s.now(d); got.State != want || (want != barograph.DeliveryHeld) != (got.HeldBy == "") && want != barograph.DeliverySilenced {
		s.t.Errorf("%s: %s, held by %q; want %s", what, got.State, got.HeldBy, want)
	}
}

func claimOf(by string, now time.Time) barograph.Claim {
	return barograph.Claim{By: by, Now: now, Until: now.Add(2 * time.Minute), MostGrouped: 500}
}

// claim claims the deliveries.
func (s *story) claim(c barograph.Claim, ds ...barograph.Delivery) []barograph.DueDelivery {
	s.t.Helper()
	return must(s.db.ClaimDeliveries(s.t.Context(), ids(ds, deliveryID), c))(s.t)
}

// due returns what is due.
func (s *story) due(now time.Time) []barograph.DeliveryID {
	s.t.Helper()
	return ids(must(s.db.DueDeliveries(s.t.Context(), now, 100, 1000))(s.t), dueID)
}

// succeeds saves that the delivery was tried and got through.
func (s *story) succeeds(d barograph.Delivery, at time.Time) {
	s.t.Helper()
	d.State, d.NextTry, d.DoneAt = barograph.DeliveryDelivered, time.Time{}, at
	s.tried(d, at)
}

// fails saves that the delivery was tried in vain, and is to be tried again.
func (s *story) fails(d barograph.Delivery, at, again time.Time) {
	s.t.Helper()
	d.State, d.NextTry = barograph.DeliveryPending, again
	s.tried(d, at)
}

func (s *story) tried(d barograph.Delivery, at time.Time) {
	s.t.Helper()
	d.Attempts++
	noError(s.t, s.db.SaveDeliveryResults(s.t.Context(), []barograph.DeliveryResult{
		{Delivery: d, Attempt: barograph.Attempt{At: at, StatusCode: 200}},
	}))
}
