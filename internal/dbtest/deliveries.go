package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func dueID(d barograph.DueDelivery) barograph.DeliveryID { return d.Delivery.ID }

func (x suite) testDueDeliveries(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s, off, ill := hook(t, 1, 1), hook(t, 2, 1), hook(t, 3, 1)
	off.Enabled = false
	ill.Endpoints[0].Health = barograph.EndpointHealth{Disabled: true, DisabledReason: "410", DisabledAt: day(1)}
	for _, sub := range []barograph.Subscription{s, off, ill} {
		noError(t, db.CreateSubscription(ctx, sub))
	}
	opened, started, _, _ := sampleEvents()
	late, now, never, future, done := delivery(1, opened, s, 0), delivery(2, started, s, 0),
		delivery(3, started, s, 0), delivery(4, started, s, 0), delivery(5, started, s, 0)
	late.Topic, now.Topic, never.Topic = "a", "b", "c"
	late.NextTry, now.NextTry, never.NextTry = day(4), day(5), time.Time{}
	future.NextTry = day(5).Add(time.Microsecond)
	done.State = barograph.DeliveryDelivered
	noError(t, db.Record(ctx, barograph.Change{
		Events: []barograph.Event{opened, started},
		Deliveries: []barograph.Delivery{
			now, late, never, future, done, delivery(6, opened, off, 0), delivery(7, opened, ill, 0),
		},
	}))
	ep := s.Endpoints[0]
	equal(t, "due: first what has no time at all", must(db.DueDeliveries(ctx, day(5), 10, 10))(t), []barograph.DueDelivery{
		{Delivery: never, Event: started, Endpoint: ep},
		{Delivery: late, Event: opened, Endpoint: ep},
		{Delivery: now, Event: started, Endpoint: ep},
	})
	equal(t, "with a limit", ids(must(db.DueDeliveries(ctx, day(5), 10, 2))(t), dueID), []barograph.DeliveryID{never.ID, late.ID})

	off.Enabled = true
	noError(t, db.UpdateSubscription(ctx, off))
	equal(t, "of a subscription enabled again", ids(must(db.DueDeliveries(ctx, day(2), 10, 10))(t), dueID),
		[]barograph.DeliveryID{never.ID, id[barograph.DeliveryID]("dlv", 6)})
}

func (x suite) testDueFairness(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	crowded, quiet := hook(t, 1, 2), hook(t, 2, 1)
	noError(t, db.CreateSubscription(ctx, crowded))
	noError(t, db.CreateSubscription(ctx, quiet))
	e := event(1, barograph.EventBreachStarted)
	change := barograph.Change{Events: []barograph.Event{e}}
	for n := range 100 {
		d := delivery(n, e, crowded, 0)
		d.NextTry = d.NextTry.Add(time.Duration(n) * time.Second)
		change.Deliveries = append(change.Deliveries, d)
	}
	lone, last := delivery(200, e, crowded, 1), delivery(201, e, quiet, 0)
	lone.NextTry, last.NextTry = day(2), day(3)
	change.Deliveries = append(change.Deliveries, lone, last)
	noError(t, db.Record(ctx, change))
	equal(t, "each endpoint has its turn", ids(must(db.DueDeliveries(ctx, day(3), 3, 100))(t), dueID),
		[]barograph.DeliveryID{
			change.Deliveries[0].ID, change.Deliveries[1].ID, change.Deliveries[2].ID, lone.ID, last.ID,
		})
}

func (x suite) testDeliveryResults(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 2)
	noError(t, db.CreateSubscription(ctx, s))
	e := event(1, barograph.EventBreachStarted)
	a, b := delivery(1, e, s, 0), delivery(2, e, s, 1)
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{a, b}}))

	first, second := failure(day(1)), failure(day(2))
	second.Error, second.StatusCode = "gone", 410
	a.Attempts, a.NextTry, a.LastTry = 1, day(2), &first
	failing := barograph.EndpointHealth{Failures: 1, FailingSince: day(1)}
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{Delivery: a, Attempt: first, Health: failing}}))
	s.Endpoints[0].Health = failing
	equal(t, "failing endpoint", must(db.Subscription(ctx, s.ID))(t), s)

	// The last try of one disables its endpoint, of which the other is told.
	disabled := event(3, barograph.EventEndpointDisabled)
	told := delivery(3, disabled, s, 1)
	told.Topic = "endpoint"
	gone := barograph.EndpointHealth{Disabled: true, DisabledReason: "410 Gone", DisabledAt: day(2), Failures: 2, Exhausted: 1, FailingSince: day(1)}
	a.State, a.Attempts, a.NextTry, a.DoneAt, a.LastTry = barograph.DeliveryExhausted, 2, time.Time{}, day(2), &second
	ok := barograph.Attempt{At: day(2), StatusCode: 204, Latency: barograph.Duration(time.Millisecond)}
	b.State, b.Attempts, b.NextTry, b.DoneAt, b.LastTry = barograph.DeliveryDelivered, 1, time.Time{}, day(2), &ok
	healthy := barograph.EndpointHealth{LastSuccess: day(2)}
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{
		{
			Delivery: a, Attempt: second, Health: gone,
			Change: barograph.Change{Events: []barograph.Event{disabled}, Deliveries: []barograph.Delivery{told}},
		},
		{Delivery: b, Attempt: ok, Health: healthy},
	}))
	s.Endpoints[0].Health, s.Endpoints[1].Health = gone, healthy
	equal(t, "health", must(db.Subscription(ctx, s.ID))(t), s)
	equal(t, "deliveries", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), []barograph.Delivery{told, b, a})
	equal(t, "attempts", must(db.DeliveryAttempts(ctx, a.ID))(t), []barograph.Attempt{first, second})
	equal(t, "no attempts", must(db.DeliveryAttempts(ctx, told.ID))(t), nil)
	equal(t, "event", must(db.Event(ctx, disabled.ID))(t), disabled)
	_, err := db.DeliveryAttempts(ctx, "dlv_missing")
	isKind(t, "attempts of no delivery", err, barograph.KindNotFound, "delivery", "dlv_missing")
	paged(t, func(p barograph.Page) ([]barograph.Delivery, error) { return db.Deliveries(ctx, of(s), p) },
		deliveryID, told.ID, b.ID, a.ID)
}

func (x suite) testDeliveryResultsLate(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 1)
	noError(t, db.CreateSubscription(ctx, s))
	e := event(1, barograph.EventBreachStarted)
	a, b := delivery(1, e, s, 0), delivery(2, e, s, 0)
	a.State, a.DoneAt, a.NextTry = barograph.DeliverySuperseded, day(1), time.Time{}
	b.State, b.DoneAt, b.NextTry = barograph.DeliverySuperseded, day(1), time.Time{}
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{a, b}}))

	binary := barograph.Attempt{At: day(2), StatusCode: 500, Error: "500", Response: "a\x00b\xffc"}
	clean := binary
	clean.Response = "a\uFFFDb\uFFFDc"
	ok := barograph.Attempt{At: day(2), StatusCode: 200}
	saidA, saidB := delivery(1, e, s, 0), delivery(2, e, s, 0)
	saidA.Attempts, saidB.Attempts = 3, 3
	saidB.State, saidB.DoneAt, saidB.NextTry = barograph.DeliveryDelivered, day(2), time.Time{}
	unknown := delivery(9, e, s, 0)
	unknown.EndpointID = "ept_missing"
	news := event(5, barograph.EventEndpointEnabled)
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{
		{Delivery: saidA, Attempt: binary},
		{Delivery: saidB, Attempt: ok},
		{Delivery: unknown, Attempt: ok, Change: barograph.Change{Events: []barograph.Event{news}}},
	}))
	a.Attempts, a.LastTry = 3, &clean
	saidB.LastTry = &ok
	equal(t, "an ended one stays ended unless it was delivered", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t),
		[]barograph.Delivery{saidB, a})
	equal(t, "attempts are text", must(db.DeliveryAttempts(ctx, a.ID))(t), []barograph.Attempt{clean})
	equal(t, "news of an unknown delivery is recorded", must(db.Event(ctx, news.ID))(t), news)
}
