package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// What happens at once, late or twice is told once, and in order.

// testOrderOfTopic: the start of a breach is told before its end, even if the end
// was planned to go out sooner.
func (x suite) testOrderOfTopic(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointAlertmanager, barograph.EndpointAlertmanager))
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	later := func(d *barograph.Delivery) { d.NextTry = day(1) }
	started := s.happens(barograph.EventBreachStarted, "a", day(0), grouped("rule=a"), later)
	ended := s.happens(barograph.EventBreachEnded, "a", day(0), grouped("host=a"))
	mate := s.happens(barograph.EventBreachStarted, "b", day(0), grouped("host=a"))
	other := s.happens(barograph.EventBreachEnded, "a", day(0), elsewhere)
	free := s.happens(barograph.EventBreachEnded, "", day(0))
	now := day(0).Add(time.Minute)
	equal(t, "due: not the end", s.due(now), ids([]barograph.Delivery{other, free, mate}, deliveryID))
	equal(t, "claimed", s.claim(claimOf("one", now), ended), nil)
	equal(t, "claimed in a message: not the end", ids(s.claim(claimOf("one", now), mate), dueID), []barograph.DeliveryID{mate.ID})

	equal(t, "due: the start", s.due(day(1))[3:], []barograph.DeliveryID{started.ID})
	equal(t, "claimed: the start alone", ids(s.claim(claimOf("one", day(1)), started, ended), dueID), []barograph.DeliveryID{started.ID})
	s.succeeds(started, day(1))
	equal(t, "then the end", ids(s.claim(claimOf("one", day(1)), ended), dueID), []barograph.DeliveryID{ended.ID})
}

// testOrderInMessage: what one message carries needs not wait, unless it would be
// carried by an earlier message than what comes before it.
func (x suite) testOrderInMessage(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	story := []barograph.Delivery{
		s.happens(barograph.EventPredictionOpened, "a", day(0), grouped("x")),
		s.happens(barograph.EventPredictionUpdated, "a", day(0), grouped("x")),
		s.happens(barograph.EventPredictionAverted, "a", day(0), grouped("x")),
	}
	late := func(d *barograph.Delivery) { d.NextTry = day(1).Add(time.Second) }
	opened := s.happens(barograph.EventPredictionOpened, "b", day(0), grouped("x"), late)
	averted := s.happens(barograph.EventPredictionAverted, "b", day(0), grouped("x"))
	equal(t, "in one message", ids(s.claim(claimOf("one", day(1)), story[0]), dueID), ids(story, deliveryID))
	s.fails(story[2], day(1), day(2))
	s.is("tried together", story[0], barograph.DeliveryPending)
	equal(t, "planned for later", s.claim(claimOf("one", day(1)), averted), nil)
	equal(t, "then", ids(s.claim(claimOf("one", day(3)), opened), dueID), []barograph.DeliveryID{opened.ID})
}

// testRemindersBehindHeld: what is held back is not in the way of the rest.
func (x suite) testRemindersBehindHeld(t *testing.T) {
	const silenced, others = 1001, 3
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	var change, news barograph.Change
	for n := range silenced + others {
		b, e := breach(n, "rul_a", "a"), event(n, barograph.EventBreachStarted)
		d := delivery(2*n, e, s.subs[0], 0)
		d.Topic, d.State, d.CreatedAt, d.DoneAt = string(b.ID), barograph.DeliveryDelivered, day(0), day(0)
		change.Breaches, change.Events = append(change.Breaches, b), append(change.Events, e)
		change.Deliveries = append(change.Deliveries, d)
		if n < silenced {
			e = event(silenced+others+n, barograph.EventBreachAcked)
			d = delivery(2*n+1, e, s.subs[0], 0)
			d.Topic, d.State, d.HeldBy = string(b.ID), barograph.DeliveryHeld, silenceA
			news.Events, news.Deliveries = append(news.Events, e), append(news.Deliveries, d)
		}
	}
	noError(t, s.db.Record(t.Context(), change))
	noError(t, s.db.Record(t.Context(), news))
	s.reminds("of the others", day(1), others)
}

// testHealthOfConcurrentTries: what came of tries that were made side by side
// adds up, in whatever order their results come.
func (x suite) testHealthOfConcurrentTries(t *testing.T) {
	off := barograph.EndpointHealth{Failures: 9, Exhausted: 4, FailingSince: day(1), LastSuccess: day(0)}
	worse := barograph.EndpointHealth{Failures: 10, Exhausted: 5, FailingSince: day(1), LastSuccess: day(0)}
	ok := barograph.EndpointHealth{LastSuccess: day(5)}
	for _, c := range []struct {
		name  string
		saved []barograph.EndpointHealth
		want  barograph.EndpointHealth
	}{
		{"a failure after a success", []barograph.EndpointHealth{ok, worse}, ok},
		{"a success after a failure", []barograph.EndpointHealth{worse, ok}, ok},
		{"an older success after a later one", []barograph.EndpointHealth{ok, {LastSuccess: day(4)}}, ok},
		{"a try that knew of less failures", []barograph.EndpointHealth{worse, off}, worse},
		{
			"first failures, the later one saved first",
			[]barograph.EndpointHealth{ok, {Failures: 1, FailingSince: day(7), LastSuccess: day(5)}, {Failures: 1, FailingSince: day(6), LastSuccess: day(5)}},
			barograph.EndpointHealth{Failures: 1, FailingSince: day(6), LastSuccess: day(5)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := x.story(t, hook(t, 1, 1))
			d := s.happens(barograph.EventBreachStarted, "", day(0))
			sub := s.subs[0]
			noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, d.EndpointID, off, barograph.Change{}))
			for _, h := range c.saved {
				noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: d, Attempt: failure(day(8)), Health: h}}))
			}
			equal(t, "health", must(s.db.Subscription(t.Context(), sub.ID))(t).Endpoints[0].Health, c.want)
		})
	}

	s := x.story(t, hook(t, 1, 1))
	d := s.happens(barograph.EventBreachStarted, "", day(0))
	noError(t, s.db.SetEndpointHealth(t.Context(), s.subs[0].ID, d.EndpointID, barograph.EndpointHealth{LastSuccess: day(0)}, barograph.Change{}))
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: d, Attempt: failure(day(8)), Health: worse}}))
	equal(t, "a failure from before it was enabled by hand", must(s.db.Subscription(t.Context(), s.subs[0].ID))(t).Endpoints[0].Health,
		barograph.EndpointHealth{LastSuccess: day(0)})
}

// testHealthToldOnce: of tries side by side that all find an endpoint gone, one
// tells of it.
func (x suite) testHealthToldOnce(t *testing.T) {
	s := x.story(t, hook(t, 1, 2))
	d := s.happens(barograph.EventBreachStarted, "", day(0))
	gone := barograph.EndpointHealth{Disabled: true, DisabledReason: "410 Gone", DisabledAt: day(2), Failures: 1, FailingSince: day(2)}
	told := func(n int, typ barograph.EventType, h barograph.EndpointHealth) (barograph.DeliveryResult, barograph.EventID) {
		e, test := event(n, typ), event(n+1, barograph.EventWatchdog)
		return barograph.DeliveryResult{Delivery: d, Attempt: failure(day(2)), Health: h, Change: barograph.Change{
			Events:     []barograph.Event{test, e},
			Deliveries: []barograph.Delivery{delivery(n+1, test, s.subs[0], 0), delivery(n, e, s.subs[0], 1)},
		}}, e.ID
	}
	first, wanted := told(10, barograph.EventEndpointDisabled, gone)
	later := gone
	later.DisabledReason, later.DisabledAt = "again", day(3)
	second, _ := told(20, barograph.EventEndpointDisabled, later)
	third, _ := told(30, barograph.EventEndpointDisabled, later)
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{first, second}))
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{third}))
	s.toldOf("endpoint.disabled", wanted)
	equal(t, "health", must(s.db.Subscription(t.Context(), s.subs[0].ID))(t).Endpoints[0].Health, gone)

	first, wanted = told(40, barograph.EventEndpointEnabled, barograph.EndpointHealth{LastSuccess: day(4)})
	second, _ = told(50, barograph.EventEndpointEnabled, barograph.EndpointHealth{LastSuccess: day(5)})
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{first, second}))
	s.toldOf("endpoint.enabled", wanted)
	equal(t, "tests are on record all the same",
		len(must(s.db.Events(t.Context(), barograph.EventFilter{Types: []string{"watchdog"}}, barograph.Page{}))(t)), 5)
}

// toldOf fails the test unless of events of the type there is this one, with one
// delivery.
func (s *story) toldOf(typ string, want barograph.EventID) {
	s.t.Helper()
	events := must(s.db.Events(s.t.Context(), barograph.EventFilter{Types: []string{typ}}, barograph.Page{}))(s.t)
	equal(s.t, "events", ids(events, func(e barograph.Event) barograph.EventID { return e.ID }), []barograph.EventID{want})
	deliveries := must(s.db.Deliveries(s.t.Context(), barograph.DeliveryFilter{EventID: want}, barograph.Page{}))(s.t)
	equal(s.t, "deliveries of "+typ, len(deliveries), 1)
}

// testRecordAgain: an event that is recorded again is not sent again, though its
// deliveries have other identifiers by then; a replay is.
func (x suite) testRecordAgain(t *testing.T) {
	s := x.story(t, hook(t, 1, 1))
	d := s.happens(barograph.EventBreachStarted, "a", day(0))
	old, fresh := event(1, barograph.EventBreachStarted), event(2, barograph.EventBreachStarted)
	again, other := delivery(7, old, s.subs[0], 0), delivery(8, fresh, s.subs[0], 0)
	noError(t, s.db.Record(t.Context(), barograph.Change{
		Events: []barograph.Event{old, fresh}, Deliveries: []barograph.Delivery{again, other},
	}))
	equal(t, "deliveries", ids(must(s.db.Deliveries(t.Context(), of(s.subs[0]), barograph.Page{}))(t), deliveryID),
		[]barograph.DeliveryID{other.ID, d.ID})
	noError(t, s.db.Record(t.Context(), barograph.Change{Deliveries: []barograph.Delivery{again}}))
	equal(t, "with a replay", ids(must(s.db.Deliveries(t.Context(), of(s.subs[0]), barograph.Page{}))(t), deliveryID),
		[]barograph.DeliveryID{other.ID, again.ID, d.ID})
}
