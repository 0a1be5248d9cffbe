package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// sampled records an event that was told from a sample of the given time, with a
// delivery made at another.
func (s *story) sampled(typ barograph.EventType, topic string, at, sample time.Time) barograph.Delivery {
	s.t.Helper()
	s.n++
	e := event(s.n, typ)
	e.Time = sample
	d := delivery(s.n, e, s.subs[0], 0)
	d.Topic, d.CreatedAt, d.NextTry = topic, at, at
	noError(s.t, s.db.Record(s.t.Context(), barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d}}))
	return d
}

// testEndingStays: what is recorded last is what holds, whatever the time of the
// sample, and nothing comes after the end of a prediction or breach.
func (x suite) testEndingStays(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointWebhook))
	before := func(n int) time.Time { return day(n).Add(-time.Hour) }

	s.succeeds(s.sampled(barograph.EventBreachStarted, "a", day(1), before(1)), day(1))
	s.succeeds(s.sampled(barograph.EventBreachAcked, "a", day(2), day(2)), day(2))
	ended := s.sampled(barograph.EventBreachEnded, "a", day(2), before(2))
	s.fails(ended, day(2), day(9))
	s.is("an end that is tried again", ended, barograph.DeliveryPending)
	late := s.sampled(barograph.EventBreachAcked, "a", day(3), day(3))
	s.is("an end, after which somebody took it on", ended, barograph.DeliveryPending)
	s.fails(late, day(3), day(9))
	s.is("what somebody took on when it was over", late, barograph.DeliverySuperseded)

	updated := s.sampled(barograph.EventPredictionUpdated, "b", day(2), day(2))
	s.fails(updated, day(2), day(9))
	confirmed := s.sampled(barograph.EventPredictionConfirmed, "b", day(2), before(2))
	s.is("what ended", updated, barograph.DeliverySuperseded)
	s.is("its end", confirmed, barograph.DeliveryPending)

	returned := s.sampled(barograph.EventHostReturned, "host", day(2), day(2))
	s.fails(returned, day(2), day(9))
	s.sampled(barograph.EventHostSilent, "host", day(3), before(2))
	s.is("the return of a host that is silent again", returned, barograph.DeliverySuperseded)
}

// testEditedSilence: what is not silenced any more is let go of.
func (x suite) testEditedSilence(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	a := sampleSilence(t, 1)
	noError(t, s.db.CreateSilence(t.Context(), a))
	ours := s.happens(barograph.EventBreachStarted, "a", day(0), held(a.Hold()))
	others := s.happens(barograph.EventBreachStarted, "b", day(0), held(silenceB))
	edit := func(what string, released int) {
		t.Helper()
		noError(t, s.db.UpdateSilence(t.Context(), a))
		n := must(s.db.ReleaseHeld(t.Context(), []barograph.Hold{a.Hold(), silenceB}, day(1)))(t)
		equal(t, what+": released", n, released)
	}
	a.Comment = "it takes longer"
	edit("a comment", 0)
	a.Matchers = matchers(t, `{host="db-2"}`)
	edit("of what it is", 1)
	s.is("what it held", ours, barograph.DeliveryPending)
	s.is("what another holds", others, barograph.DeliveryHeld)
}

// over records that a breach ended, of which nobody is told, and fails the test
// unless the delivery is in the state then.
func (s *story) over(what string, n int, d barograph.Delivery, want barograph.DeliveryState) {
	s.t.Helper()
	s.ends(n)
	s.is(what, d, want)
}

// testEndUntold: where nobody is told the end of something, nothing is told of it
// once it is over, but news that was not tried yet.
func (x suite) testEndUntold(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	started := func(n int, edits ...func(*barograph.Delivery)) barograph.Delivery {
		t.Helper()
		b := breach(n, "rul_a", "a")
		noError(t, s.db.Record(t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
		return s.happens(barograph.EventBreachStarted, string(b.ID), day(0), edits...)
	}
	silenced, fresh, tried := started(1, held(silenceA)), started(2), started(3)
	s.fails(tried, day(0), day(9))
	s.over("held", 1, silenced, barograph.DeliverySilenced)
	equal(t, "when it was silenced", s.now(silenced).DoneAt, breach(1, "", "").StartedAt.Add(time.Hour).UTC())
	s.over("not tried yet", 2, fresh, barograph.DeliveryPending)
	s.over("in service", 3, tried, barograph.DeliveryPending)
	ended := s.happens(barograph.EventBreachEnded, string(breach(3, "", "").ID), day(1))
	s.fails(ended, day(1), day(9))

	s.breaks(4, day(0))
	reminder := s.reminds("of what lasts", day(1), 1)[0]
	s.fails(reminder, day(1), day(9))
	s.over("a reminder", 4, reminder, barograph.DeliverySuperseded)

	disabled, paused, patient := started(5), started(6), started(7)
	s.fails(disabled, day(0), day(9))
	s.fails(paused, day(0), day(9))
	sub := s.subs[0]
	off := barograph.EndpointHealth{Disabled: true, DisabledReason: "by hand", DisabledAt: day(1)}
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, off, barograph.Change{}))
	s.over("at a disabled endpoint", 5, disabled, barograph.DeliverySuperseded)
	s.over("not tried yet", 7, patient, barograph.DeliveryPending)
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, barograph.EndpointHealth{}, barograph.Change{}))
	sub.Enabled = false
	noError(t, s.db.UpdateSubscription(t.Context(), sub))
	s.over("of a paused subscription", 6, paused, barograph.DeliverySuperseded)
	s.over("an end that waits there", 3, ended, barograph.DeliveryPending)
}

// testAckEndsReminders: nobody but an Alertmanager is reminded of what somebody
// took on, not even where that is no news.
func (x suite) testAckEndsReminders(t *testing.T) {
	acks := func(s *story) {
		noError(t, s.db.Record(t.Context(), barograph.Change{Acks: []barograph.Ack{
			{Topic: string(breach(1, "", "").ID), Acknowledgement: barograph.Acknowledgement{At: day(2), By: "a"}},
		}}))
	}
	for kind, want := range map[barograph.EndpointKind]barograph.DeliveryState{
		barograph.EndpointEmail:        barograph.DeliverySuperseded,
		barograph.EndpointAlertmanager: barograph.DeliveryPending,
	} {
		s := x.story(t, listeners(1, kind))
		s.breaks(1, day(0))
		s.breaks(2, day(0))
		reminders := s.reminds("of what lasts", day(1), 2)
		for _, d := range reminders {
			s.fails(d, day(1), day(9))
		}
		acks(s)
		for _, d := range reminders {
			if d.Topic == string(breach(2, "", "").ID) {
				s.is(string(kind)+", of what nobody took on", d, barograph.DeliveryPending)
			} else {
				s.is(string(kind), d, want)
			}
		}
	}
}
