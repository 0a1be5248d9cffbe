package dbtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// breaks records that a breach started, and that its delivery got through.
func (s *story) breaks(n int, at time.Time, edits ...func(*barograph.Delivery)) barograph.Delivery {
	s.t.Helper()
	b := breach(n, "rul_a", "a")
	noError(s.t, s.db.Record(s.t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
	d := s.happens(barograph.EventBreachStarted, string(b.ID), at, edits...)
	s.succeeds(d, at)
	return d
}

// ends records that a breach ended, of which nobody is told.
func (s *story) ends(n int) {
	s.t.Helper()
	b := breach(n, "rul_a", "a")
	b.EndedAt = b.StartedAt.Add(time.Hour)
	noError(s.t, s.db.Record(s.t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
}

// reminds fails the test unless so many reminders are added, and returns them,
// newest first.
func (s *story) reminds(what string, at time.Time, want int) (added []barograph.Delivery) {
	s.t.Helper()
	if n := must(s.db.Remind(s.t.Context(), at))(s.t); n != want {
		s.t.Errorf("%s: %d reminders, want %d", what, n, want)
	}
	for _, d := range must(s.db.Deliveries(s.t.Context(), of(s.subs[0]), barograph.Page{}))(s.t) {
		if d.Reminder > 0 && d.CreatedAt.Equal(at) {
			added = append(added, d)
		}
	}
	if len(added) != want {
		s.t.Fatalf("%s: %d reminders on record, want %d", what, len(added), want)
	}
	return added
}

func (x suite) testReminders(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	told := s.breaks(1, day(0), grouped("x"))
	s.reminds("too soon", day(1).Add(-time.Microsecond), 0)
	first := s.reminds("in time", day(1), 1)[0]
	equal(t, "reminder", first, barograph.Delivery{
		ID: first.ID, EventID: told.EventID, SubscriptionID: told.SubscriptionID, EndpointID: told.EndpointID,
		Topic: told.Topic, Group: first.Group, State: barograph.DeliveryPending, Reminder: 1,
		CreatedAt: day(1).UTC(), NextTry: day(1).UTC(),
	})
	if first.Group == "" || first.Group == s.subs[0].Group(event(1, barograph.EventBreachStarted)) {
		t.Errorf("group %q, want one of its own", first.Group)
	}
	s.reminds("one is pending", day(9), 0)
	s.succeeds(first, day(10))
	s.reminds("too soon after a reminder", day(11).Add(-time.Second), 0)
	second := s.reminds("again", day(11), 1)[0]
	if second.Reminder != 2 {
		t.Errorf("number %d, want 2", second.Reminder)
	}

	// News of it takes the place of the reminder, and what follows reminds of that.
	news := s.happens(barograph.EventBreachAcked, told.Topic, day(11))
	s.is("a reminder that was not tried", second, barograph.DeliverySuperseded)
	s.succeeds(news, day(11))
	third := s.reminds("of the news", day(12), 1)[0]
	if third.EventID != news.EventID || third.Reminder != 1 {
		t.Errorf("reminder %d of %s, want 1 of %s", third.Reminder, third.EventID, news.EventID)
	}
	s.ends(1)
	s.happens(barograph.EventBreachEnded, told.Topic, day(12))
	s.is("a reminder of what is over", third, barograph.DeliverySuperseded)
	s.reminds("of what is over", day(20), 0)
}

// testRemindersWithheld: who is reminded of what, and who is not.
func (x suite) testRemindersWithheld(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail, barograph.EndpointSMS))
	sub := s.subs[0]
	s.breaks(1, day(0))
	acked := s.breaks(2, day(0))
	s.breaks(3, day(0))
	noError(t, s.db.Record(t.Context(), barograph.Change{
		Acks: []barograph.Ack{{Topic: acked.Topic, Acknowledgement: barograph.Acknowledgement{At: day(0), By: "a"}}},
	}))
	s.succeeds(s.happens(barograph.EventBreachAcked, acked.Topic, day(0)), day(0))
	s.ends(3)
	b := breach(9, "rul_a", "a")
	noError(t, s.db.Record(t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
	slow := s.happens(barograph.EventBreachStarted, string(b.ID), day(0))
	s.ends(9)
	s.succeeds(slow, day(0)) // it was told of when it was over
	silenced := s.breaks(4, day(0))
	s.happens(barograph.EventBreachAcked, silenced.Topic, day(0), held(silenceA))
	waiting := s.breaks(5, day(0))
	s.happens(barograph.EventBreachAcked, waiting.Topic, day(0))
	givenUp := s.breaks(6, day(0))
	lost := s.happens(barograph.EventBreachAcked, givenUp.Topic, day(0))
	lost.State, lost.DoneAt, lost.NextTry = barograph.DeliveryExhausted, day(1), time.Time{}
	s.tried(lost, day(1))
	noError(t, s.db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{prediction(7, "rul_a", "a")}}))
	s.succeeds(s.happens(barograph.EventPredictionOpened, string(prediction(7, "rul_a", "a").ID), day(0)), day(0))
	s.succeeds(s.happens(barograph.EventHostSilent, "hst_1", day(0)), day(0))
	b = breach(8, "rul_a", "a")
	noError(t, s.db.Record(t.Context(), barograph.Change{Breaches: []barograph.Breach{b}}))
	s.happens(barograph.EventBreachStarted, string(b.ID), day(0), held(silenceA))

	edit := func(what string, change func(*barograph.Subscription)) {
		t.Helper()
		changed := sub
		change(&changed)
		noError(t, replace(s.db)(t.Context(), changed))
		s.reminds(what, day(2).Add(-time.Second), 0)
	}
	edit("a paused subscription", func(c *barograph.Subscription) { c.Enabled = false })
	edit("one that asks for none", func(c *barograph.Subscription) { c.RepeatInterval = 0 })
	edit("one that asks for them less often", func(c *barograph.Subscription) { c.RepeatInterval = barograph.Duration(3 * barograph.Day) })
	noError(t, replace(s.db)(t.Context(), sub))
	off := barograph.EndpointHealth{Disabled: true, DisabledReason: "by hand", DisabledAt: day(1)}
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, off, barograph.Change{}))
	s.reminds("a disabled endpoint", day(2).Add(-time.Second), 0)
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, barograph.EndpointHealth{}, barograph.Change{}))

	got := s.reminds("of what was acknowledged, is over, has news that are held or wait, was tried lately, "+
		"is no breach, or was never told: none", day(2).Add(-time.Second), 1)
	equal(t, "of the rest", got[0].Topic, string(breach(1, "rul_a", "a").ID))
	got = s.reminds("an interval after what was given up", day(2), 1)
	equal(t, "of the rest then", got[0].Topic, givenUp.Topic)
}

// testRemindersUnwanted: whoever asks for something else by now is not reminded.
func (x suite) testRemindersUnwanted(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	s.breaks(1, day(0))
	changed := s.subs[0]
	changed.EventTypes = []string{"prediction.*"}
	noError(t, replace(s.db)(t.Context(), changed))
	s.reminds("of what nobody wants any more", day(5), 0)
	changed.Endpoints = []barograph.Endpoint{{ID: endpointID(1, 7), Kind: barograph.EndpointEmail}}
	noError(t, replace(s.db)(t.Context(), changed))
	s.reminds("a removed endpoint", day(9), 0)
}

// testRemindersOfAlertmanager: it forgets what it does not hear of.
func (x suite) testRemindersOfAlertmanager(t *testing.T) {
	sub := listeners(1, barograph.EndpointAlertmanager)
	sub.RepeatInterval = 0
	s := x.story(t, sub)
	s.breaks(1, day(0), grouped("x"))
	p := prediction(2, "rul_a", "a")
	noError(t, s.db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{p}, Acks: []barograph.Ack{
		{Topic: string(p.ID), Acknowledgement: barograph.Acknowledgement{At: day(0), By: "a"}},
	}}))
	opened := s.happens(barograph.EventPredictionOpened, string(p.ID), day(0), grouped("x"))
	s.succeeds(opened, day(0))
	hour := day(0).Add(time.Hour)
	s.reminds("too soon", hour.Add(-time.Second), 0)
	got := s.reminds("of the breach and the prediction, acknowledged or not", hour, 2)
	equal(t, "claimed together", len(s.claim(claimOf("one", hour), got[0])), 2)
	for _, d := range got {
		s.succeeds(d, hour)
	}

	often := s.subs[0]
	often.RepeatInterval = barograph.Duration(10 * time.Minute)
	noError(t, replace(s.db)(t.Context(), often))
	for _, d := range s.reminds("more often, if asked for", hour.Add(10*time.Minute), 2) {
		s.succeeds(d, hour.Add(10*time.Minute))
	}
	seldom := s.subs[0]
	seldom.RepeatInterval = barograph.Duration(barograph.Day)
	noError(t, replace(s.db)(t.Context(), seldom))
	noError(t, s.db.Record(t.Context(), barograph.Change{
		Predictions: []barograph.Prediction{closed(p, barograph.PredictionAverted, 0)},
	}))
	s.reminds("not less often, and not of what is closed", hour.Add(70*time.Minute), 1)
}

// testRemindersByTwo: several servers on one database remind once.
func (x suite) testRemindersByTwo(t *testing.T) {
	const many, servers = 600, 4
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	var change barograph.Change
	for n := range many {
		b, e := breach(n, "rul_a", "a"), event(n, barograph.EventBreachStarted)
		d := delivery(n, e, s.subs[0], 0)
		d.Topic, d.State, d.CreatedAt, d.DoneAt = string(b.ID), barograph.DeliveryDelivered, day(0), day(0)
		change.Breaches, change.Events = append(change.Breaches, b), append(change.Events, e)
		change.Deliveries = append(change.Deliveries, d)
	}
	noError(t, s.db.Record(t.Context(), change))
	var crowd sync.WaitGroup
	counts := make([]int, servers)
	for i := range servers {
		crowd.Go(func() {
			n, err := s.db.Remind(t.Context(), day(1))
			if err != nil {
				t.Error(err)
			}
			counts[i] = n
		})
	}
	crowd.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	queues := must(s.db.EndpointQueues(t.Context()))(t)
	if total != many || queues[0].Pending != many {
		t.Errorf("%s reminders, %d on record, want %d", fmt.Sprint(counts), queues[0].Pending, many)
	}
}
