package dbtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

const (
	silenceA = barograph.Hold("sil_a")
	silenceB = barograph.Hold("sil_b")
)

// testHeldEnding: the end of what people were told of is never held back, and
// that of what they were not told of is.
func (x suite) testHeldEnding(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointWebhook, barograph.EndpointEmail))
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	endOf := func(topic string, edits ...func(*barograph.Delivery)) barograph.Delivery {
		return s.happens(barograph.EventBreachEnded, topic, day(2), append(edits, held(silenceA))...)
	}

	s.succeeds(s.happens(barograph.EventBreachStarted, "delivered", day(0)), day(0))
	passes := endOf("delivered")
	s.is("of what was delivered", passes, barograph.DeliveryPending)
	equal(t, "it is due at once", s.now(passes).NextTry, day(2).UTC())
	s.is("at another endpoint, which was not told", endOf("delivered", elsewhere), barograph.DeliveryHeld)

	s.fails(s.happens(barograph.EventBreachStarted, "tried", day(0)), day(0), day(9))
	s.is("of what was tried, and may have been received", endOf("tried"), barograph.DeliveryPending)

	s.claim(claimOf("one", day(0)), s.happens(barograph.EventBreachStarted, "under way", day(0)))
	s.is("of what is being tried", endOf("under way"), barograph.DeliveryPending)

	s.happens(barograph.EventBreachStarted, "waiting", day(0))
	s.is("of what was not tried yet", endOf("waiting"), barograph.DeliveryHeld)
	s.is("of what nobody heard of", endOf("unheard"), barograph.DeliveryHeld)
	s.succeeds(s.happens(barograph.EventBreachStarted, "going on", day(0)), day(0))
	s.is("what is no end", s.happens(barograph.EventBreachAcked, "going on", day(1), held(silenceA)), barograph.DeliveryHeld)
	s.is("its end", endOf("going on"), barograph.DeliveryPending)

	// A host has the same topic for ever: what was told last time does not count.
	s.succeeds(s.happens(barograph.EventHostSilent, "host", day(0)), day(0))
	s.succeeds(s.happens(barograph.EventHostReturned, "host", day(1)), day(1))
	silent := s.happens(barograph.EventHostSilent, "host", day(2), held(silenceA))
	s.is("silent again", silent, barograph.DeliveryHeld)
	returned := s.happens(barograph.EventHostReturned, "host", day(2), held(silenceA))
	s.is("and back", returned, barograph.DeliveryHeld)

	noError(t, errorOf(s.db.ReleaseHeld(t.Context(), nil, day(3))))
	s.is("released: it is over", silent, barograph.DeliverySuperseded)
	s.is("released: nobody was told of it", returned, barograph.DeliverySilenced)
}

// testHeldSuperseding: of what is held back about one thing the latest is kept.
func (x suite) testHeldSuperseding(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointWebhook, barograph.EndpointEmail))
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	opened := s.happens(barograph.EventPredictionOpened, "a", day(0), held(silenceA))
	there := s.happens(barograph.EventPredictionOpened, "a", day(0), held(silenceA), elsewhere)
	other := s.happens(barograph.EventPredictionOpened, "b", day(0), held(silenceA))
	updated := s.happens(barograph.EventPredictionUpdated, "a", day(1), held(silenceB))
	s.is("older", opened, barograph.DeliverySuperseded)
	equal(t, "when", s.now(opened).DoneAt, day(1).UTC())
	s.is("to another endpoint", there, barograph.DeliveryHeld)
	s.is("about something else", other, barograph.DeliveryHeld)
	acked := s.happens(barograph.EventPredictionUpdated, "a", day(2), func(d *barograph.Delivery) {
		d.State, d.HeldBy = barograph.DeliverySilenced, "a"
	})
	s.is("by what is not sent", updated, barograph.DeliveryHeld)
	s.is("what is not sent", acked, barograph.DeliverySilenced)
	news := s.happens(barograph.EventPredictionUpdated, "a", day(3))
	s.is("by what is not held", updated, barograph.DeliverySuperseded)
	s.is("what is not held", news, barograph.DeliveryPending)

	// It ends after the silence did, but before anybody let go of what was held.
	averted := s.happens(barograph.EventPredictionAverted, "b", day(3))
	s.is("held to the end", other, barograph.DeliverySuperseded)
	s.is("its end, of which nobody knows the beginning", averted, barograph.DeliverySilenced)
	equal(t, "when it was silenced", s.now(averted).DoneAt, day(3).UTC())

	// The dispatcher finds that it is held when there is news already.
	late := s.claim(claimOf("one", day(4)), news)[0].Delivery
	s.happens(barograph.EventPredictionUpdated, "a", day(4), held(silenceA))
	late.State, late.HeldBy = barograph.DeliveryHeld, silenceA
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: late}}))
	s.is("held too late", news, barograph.DeliverySuperseded)
}

func (x suite) testReleaseHeld(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	release := func(want int, at time.Time, holding ...barograph.Hold) {
		t.Helper()
		if n := must(s.db.ReleaseHeld(t.Context(), holding, at))(t); n != want {
			t.Errorf("released %d, want %d", n, want)
		}
	}
	a := s.happens(barograph.EventBreachStarted, "a", day(0), held(silenceA), grouped("x"))
	b := s.happens(barograph.EventBreachStarted, "b", day(0), held(silenceA), grouped("x"))
	c := s.happens(barograph.EventBreachStarted, "c", day(0), held(silenceB))
	equal(t, "held are not due", s.due(day(1)), nil)
	equal(t, "nor claimed", s.claim(claimOf("one", day(1)), a, c), nil)
	release(0, day(1), silenceB, silenceA, "sil_other")
	release(2, day(1), silenceB)
	s.is("still held", c, barograph.DeliveryHeld)
	for d, want := range map[barograph.DeliveryID]time.Time{a.ID: day(1), b.ID: day(1).Add(30 * time.Second)} {
		got := must(s.db.Delivery(t.Context(), d))(t)
		if got.State != barograph.DeliveryPending || got.HeldBy != "" || !got.NextTry.Equal(want) {
			t.Errorf("released %+v, want it due at %s", got, want)
		}
	}
	release(1, day(2))
	equal(t, "released", s.now(c).NextTry, day(2).UTC())
	release(0, day(2))

	// The end of what was told meanwhile is sent.
	s.succeeds(c, day(2))
	ended := s.happens(barograph.EventBreachEnded, "c", day(3))
	tried := s.claim(claimOf("one", day(3)), ended)[0].Delivery
	tried.State, tried.HeldBy = barograph.DeliveryHeld, silenceA
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: tried}}))
	release(1, day(4))
	s.is("end of what was told", ended, barograph.DeliveryPending)
}

// testReleaseMany lets go of more than fits into one step.
func (x suite) testReleaseMany(t *testing.T) {
	const many = 1234
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	var change barograph.Change
	for n := range many {
		e := event(n, barograph.EventBreachStarted)
		d := delivery(n, e, s.subs[0], 0)
		d.Topic, d.Group, d.CreatedAt, d.State, d.HeldBy = string(e.ID), "x", day(0), barograph.DeliveryHeld, silenceA
		change.Events, change.Deliveries = append(change.Events, e), append(change.Deliveries, d)
	}
	noError(t, s.db.Record(t.Context(), change))
	if n := must(s.db.ReleaseHeld(t.Context(), nil, day(1)))(t); n != many {
		t.Errorf("released %d, want %d", n, many)
	}
	times := map[string]int{}
	for _, d := range must(s.db.Deliveries(t.Context(), of(s.subs[0]), barograph.Page{}))(t) {
		times[fmt.Sprint(d.State, " after ", d.NextTry.Sub(day(1)))]++
	}
	equal(t, "the first at once, the rest together", times, map[string]int{"pending after 0s": 1, "pending after 30s": many - 1})
}

// testSilenced: what is silenced at once ends where it begins, and nothing is
// sent in its place.
func (x suite) testSilenced(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointWebhook))
	opened := s.happens(barograph.EventPredictionOpened, "prd_a", day(0))
	s.fails(opened, day(0), day(9))
	updated := s.happens(barograph.EventPredictionUpdated, "prd_a", day(1), func(d *barograph.Delivery) {
		d.State, d.HeldBy = barograph.DeliverySilenced, "prd_a"
	})
	got := s.now(updated)
	if got.State != barograph.DeliverySilenced || got.HeldBy != "prd_a" || !got.NextTry.IsZero() || !got.DoneAt.Equal(day(1)) {
		t.Errorf("%+v, want it silenced by prd_a on day 1", got)
	}
	s.is("what was told before is tried on", opened, barograph.DeliveryPending)
	s.fails(opened, day(2), day(9))
	s.is("and on", opened, barograph.DeliveryPending)
	noError(t, errorOf(s.db.ReleaseHeld(t.Context(), nil, day(3))))
	s.is("silenced for good", updated, barograph.DeliverySilenced)
}
