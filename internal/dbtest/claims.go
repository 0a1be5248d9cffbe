package dbtest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func (x suite) testClaims(t *testing.T) {
	s := x.story(t, hook(t, 1, 1))
	a := s.happens(barograph.EventBreachStarted, "a", day(0))
	b := s.happens(barograph.EventBreachStarted, "b", day(0))
	reminder := s.happens(barograph.EventBreachStarted, "c", day(0), func(d *barograph.Delivery) { d.Reminder = 2 })
	later := s.happens(barograph.EventBreachStarted, "d", day(1))
	missing := barograph.Delivery{ID: "dlv_missing"}

	got := s.claim(claimOf("one", day(0)), reminder, missing, b, later, b)
	b.MessageID, reminder.MessageID = string(b.EventID), string(reminder.EventID)+"-r2"
	equal(t, "claimed, in the order given: what is due", ids(got, dueID), []barograph.DeliveryID{reminder.ID, b.ID})
	equal(t, "claimed", got[1], barograph.DueDelivery{
		Delivery: b, Event: event(2, barograph.EventBreachStarted), Endpoint: s.subs[0].Endpoints[0],
		Budget: barograph.TextBudget{Daily: 9, OverflowTo: []string{"c@example.com", "ö@example.com"}},
	})
	equal(t, "reminder", s.now(reminder), reminder)
	equal(t, "by another server", ids(s.claim(claimOf("two", day(0)), a, b, reminder), dueID), []barograph.DeliveryID{a.ID})
	equal(t, "due: none that is claimed", s.due(day(0)), nil)
	equal(t, "nothing to claim", s.claim(claimOf("two", day(0))), nil)

	noError(t, s.db.ReleaseClaims(t.Context(), "one"))
	equal(t, "due: what was released", s.due(day(0)), []barograph.DeliveryID{b.ID, reminder.ID})
	equal(t, "again, as the same message", s.claim(claimOf("two", day(0)), b)[0].Delivery.MessageID, b.MessageID)

	noError(t, s.db.ReleaseClaimsExcept(t.Context(), "two", []barograph.DeliveryID{a.ID, reminder.ID}))
	equal(t, "due: what is not tried, and was released", s.due(day(0)), []barograph.DeliveryID{b.ID, reminder.ID})
	equal(t, "claimed again", ids(s.claim(claimOf("two", day(0)), a, b), dueID), []barograph.DeliveryID{b.ID})

	lapse := claimOf("two", day(0)).Until
	equal(t, "before the claims lapse", s.due(lapse.Add(-time.Microsecond)), []barograph.DeliveryID{reminder.ID})
	equal(t, "when they do", s.due(lapse), []barograph.DeliveryID{a.ID, b.ID, reminder.ID})
	equal(t, "by another server then", ids(s.claim(claimOf("three", lapse), a, b), dueID), []barograph.DeliveryID{a.ID, b.ID})

	s.fails(b, lapse, lapse.Add(5*time.Second))
	equal(t, "a result ends the claim", s.due(lapse.Add(5*time.Second)), []barograph.DeliveryID{reminder.ID, b.ID})
	equal(t, "and it must be due", s.claim(claimOf("three", lapse), b), nil)
	s.succeeds(a, lapse)
	equal(t, "delivered", s.claim(claimOf("three", day(2)), a), nil)
}

// testClaimsOfTopic: deliveries about one thing go one after the other.
func (x suite) testClaimsOfTopic(t *testing.T) {
	s := x.story(t, hook(t, 1, 2))
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	started := s.happens(barograph.EventBreachStarted, "a", day(0))
	ended := s.happens(barograph.EventBreachEnded, "a", day(0))
	other := s.happens(barograph.EventBreachEnded, "a", day(0), elsewhere)
	replays := []barograph.Delivery{s.happens(barograph.EventBreachEnded, "", day(0)), s.happens(barograph.EventBreachEnded, "", day(0))}

	equal(t, "in one claim", ids(s.claim(claimOf("one", day(0)), started, ended, other), dueID),
		[]barograph.DeliveryID{started.ID, other.ID})
	equal(t, "due: what has no topic", s.due(day(0)), ids(replays, deliveryID))
	equal(t, "by another server", ids(s.claim(claimOf("two", day(0)), ended, replays[0], replays[1]), dueID), ids(replays, deliveryID))
	equal(t, "again", s.claim(claimOf("three", day(0)), replays...), nil)
	s.succeeds(started, day(0))
	equal(t, "then", ids(s.claim(claimOf("two", day(0)), ended), dueID), []barograph.DeliveryID{ended.ID})
}

// testClaimsOfTheLiving: what a server that is at work has claimed is left to it, also
// by one whose clock is so far ahead that the claim has passed.
func (x suite) testClaimsOfTheLiving(t *testing.T) {
	s := x.story(t, hook(t, 1, 1), listeners(2, barograph.EndpointSMS))
	s.subs[1].SMSDailyBudget = 9
	noError(t, replace(s.db)(t.Context(), s.subs[1]))
	phone := func(d *barograph.Delivery) {
		d.SubscriptionID, d.EndpointID = s.subs[1].ID, s.subs[1].Endpoints[0].ID
	}
	one, two := barograph.Server{ID: "one", Run: "run_1"}, barograph.Server{ID: "two", Run: "run_2"}
	must(s.db.Attend(t.Context(), one, nothing))(t)
	must(s.db.Attend(t.Context(), two, nothing))(t)
	started := s.happens(barograph.EventBreachStarted, "a", day(0))
	ended := s.happens(barograph.EventBreachEnded, "a", day(0))
	text, next := s.happens(barograph.EventBreachStarted, "b", day(0), phone), s.happens(barograph.EventBreachStarted, "c", day(0), phone)
	claimed := s.claim(claimOf("one", day(0)), started, text)
	equal(t, "claimed", ids(claimed, dueID), []barograph.DeliveryID{started.ID, text.ID})

	equal(t, "by a server whose clock is ahead", s.claim(claimOf("two", day(1)), started, ended, text, next), nil)
	equal(t, "its own again", ids(s.claim(claimOf("one", day(1)), started, text), dueID), []barograph.DeliveryID{started.ID, text.ID})
	noError(t, s.db.Leave(t.Context(), one))
	equal(t, "before the claim of one that is gone lapses", s.claim(claimOf("two", day(1)), started, ended), nil)
	equal(t, "when it does", ids(s.claim(claimOf("two", day(2)), started, ended, text), dueID), []barograph.DeliveryID{started.ID, text.ID})
	s.succeeds(started, day(2))
	equal(t, "then", ids(s.claim(claimOf("two", day(2)), ended), dueID), []barograph.DeliveryID{ended.ID})
}

func (x suite) testClaimsOutOfService(t *testing.T) {
	s := x.story(t, hook(t, 1, 1), hook(t, 2, 1))
	sub, other := s.subs[0], s.subs[1]
	toOther := func(d *barograph.Delivery) { d.SubscriptionID, d.EndpointID = other.ID, other.Endpoints[0].ID }
	a := s.happens(barograph.EventBreachStarted, "a", day(0))
	gone := s.happens(barograph.EventBreachStarted, "b", day(0), toOther)

	sub.Enabled = false
	noError(t, replace(s.db)(t.Context(), sub))
	equal(t, "of a paused subscription", s.claim(claimOf("one", day(0)), a), nil)
	s.is("paused: it waits", a, barograph.DeliveryPending)
	sub.Enabled = true
	noError(t, replace(s.db)(t.Context(), sub))
	off := barograph.EndpointHealth{Disabled: true, DisabledReason: "by hand", DisabledAt: day(1)}
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, off, barograph.Change{}))
	equal(t, "of a disabled endpoint", s.claim(claimOf("one", day(0)), a), nil)
	noError(t, s.db.SetEndpointHealth(t.Context(), sub.ID, sub.Endpoints[0].ID, barograph.EndpointHealth{}, barograph.Change{}))
	equal(t, "of one enabled again", ids(s.claim(claimOf("one", day(0)), a), dueID), []barograph.DeliveryID{a.ID})

	s.claim(claimOf("one", day(0)), gone)
	noError(t, s.db.DeleteSubscription(t.Context(), other.ID))
	equal(t, "of a deleted subscription", s.claim(claimOf("two", day(1)), gone), nil)
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{
		{Delivery: gone, Attempt: failure(day(1)), TextMessages: 1}, // its result is ignored
	}))
	s.subs[0].Endpoints = nil
	s.subs[0].Endpoints = append(s.subs[0].Endpoints, barograph.Endpoint{ID: endpointID(1, 5), Kind: barograph.EndpointEmail})
	noError(t, replace(s.db)(t.Context(), s.subs[0]))
	s.is("to a removed endpoint", a, barograph.DeliveryExhausted)
	s.succeeds(a, day(1))
	s.is("unless its try, which was under way, got through", a, barograph.DeliveryDelivered)
}

func (x suite) testClaimsOfGroup(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail, barograph.EndpointEmail))
	at := day(0).Add(30 * time.Second)
	elsewhere := func(d *barograph.Delivery) { d.EndpointID = s.subs[0].Endpoints[1].ID }
	first := s.happens(barograph.EventBreachStarted, "a", day(0), grouped("x"))
	var storm []barograph.Delivery
	for _, topic := range []string{"b", "c", "d", "c"} { // of one thing there may be more than one
		storm = append(storm, s.happens(barograph.EventBreachStarted, topic, day(0), grouped("x")))
	}
	ended := s.happens(barograph.EventBreachEnded, "a", day(0), grouped("x"))
	other := s.happens(barograph.EventBreachStarted, "e", day(0), grouped("y"))
	there := s.happens(barograph.EventBreachStarted, "f", day(0), grouped("x"), elsewhere)

	alone := s.claim(claimOf("one", day(0)), first, storm[1])
	equal(t, "the first goes alone", ids(alone, dueID), []barograph.DeliveryID{first.ID})

	c := claimOf("one", at)
	c.MostGrouped = 4
	got := s.claim(c, storm[1], storm[0], other)
	equal(t, "the group follows its first, oldest first, then what else was given; "+
		"what is about the same as one in another message waits", ids(got, dueID),
		[]barograph.DeliveryID{storm[1].ID, storm[0].ID, storm[2].ID, storm[3].ID, other.ID})
	message := got[0].Delivery.MessageID
	for _, d := range got[:4] {
		if d.Delivery.MessageID != message || message == "" || message == alone[0].Delivery.MessageID {
			t.Errorf("message %q of %s, want %q", d.Delivery.MessageID, d.Delivery.ID, message)
		}
		equal(t, "endpoint", d.Endpoint, s.subs[0].Endpoints[0])
	}
	if m := got[4].Delivery.MessageID; m == message || m == "" {
		t.Errorf("message %q of another group", m)
	}
	equal(t, "to another endpoint", ids(s.claim(c, there), dueID), []barograph.DeliveryID{there.ID})
	s.succeeds(first, at)
	equal(t, "due: the rest", s.due(at), []barograph.DeliveryID{ended.ID})

	var more []barograph.Delivery
	for i := range 5 {
		more = append(more, s.happens(barograph.EventBreachStarted, fmt.Sprint("more", i), at, grouped("z"),
			func(d *barograph.Delivery) { d.Reminder = 1 })) // reminders have no windows
	}
	equal(t, "no more than the limit", ids(s.claim(c, more...), dueID), ids(more, deliveryID))
	limit := []string{}
	for _, d := range more {
		limit = append(limit, s.now(d).MessageID)
	}
	slices.Sort(limit)
	if got := len(slices.Compact(limit)); got != 2 {
		t.Errorf("5 deliveries, at most 4 a message: %d messages, want 2", got)
	}
}

// testClaimsOfMessageAgain: what was tried in one message goes together on every
// further try, without others.
func (x suite) testClaimsOfMessageAgain(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	at, again := day(0).Add(30*time.Second), day(0).Add(40*time.Second)
	s.succeeds(s.happens(barograph.EventBreachStarted, "first", day(0), grouped("x")), day(0))
	var storm []barograph.Delivery
	for _, topic := range []string{"a", "b", "c"} {
		storm = append(storm, s.happens(barograph.EventBreachStarted, topic, day(0), grouped("x")))
	}
	got := s.claim(claimOf("one", at), storm[0])
	equal(t, "claimed", ids(got, dueID), ids(storm, deliveryID))
	for i := range got {
		storm[i] = got[i].Delivery
		s.fails(storm[i], at, again)
	}
	late := s.happens(barograph.EventBreachStarted, "d", at.Add(5*barograph.Day), grouped("x"))
	now := at.Add(5 * barograph.Day)
	ended := s.happens(barograph.EventBreachEnded, "b", now, grouped("x"))
	s.is("superseded", storm[1], barograph.DeliverySuperseded)

	got = s.claim(claimOf("one", now), late, storm[2])
	equal(t, "the late one by itself, then what is left of the message", ids(got, dueID),
		[]barograph.DeliveryID{late.ID, storm[2].ID, storm[0].ID})
	equal(t, "the same message", got[1].Delivery.MessageID, storm[0].MessageID)
	equal(t, "the same message for the others", got[2].Delivery.MessageID, storm[0].MessageID)
	if got[0].Delivery.MessageID == storm[0].MessageID {
		t.Error("the late one joined the message")
	}
	s.is("it waits for its window", ended, barograph.DeliveryPending)
}

// testClaimersSideBySide: however many claim at once, each delivery is claimed by
// one of them, and each by somebody.
func (x suite) testClaimersSideBySide(t *testing.T) {
	const claimers, single, inGroups = 8, 200, 200
	sub := listeners(1, barograph.EndpointWebhook, barograph.EndpointEmail)
	sub.GroupWait, sub.GroupInterval = 0, 0
	s := x.story(t, sub)
	var change barograph.Change
	for n := range single + inGroups {
		e := event(n, barograph.EventBreachStarted)
		d := delivery(n, e, sub, 0)
		d.Topic, d.CreatedAt, d.NextTry = string(e.ID), day(0), day(0)
		if n%2 == 0 {
			d.Topic = "" // as of a replay
		}
		if n >= single {
			d.EndpointID, d.Group = sub.Endpoints[1].ID, fmt.Sprint(n%10)
		}
		change.Events, change.Deliveries = append(change.Events, e), append(change.Deliveries, d)
	}
	noError(t, s.db.Record(t.Context(), change))

	var mu sync.Mutex
	times := map[barograph.DeliveryID]int{}
	var crowd sync.WaitGroup
	for n := range claimers {
		crowd.Go(func() {
			c := claimOf(fmt.Sprint("server ", n), day(0))
			c.MostGrouped = 7
			for !t.Failed() {
				due, err := s.db.DueDeliveries(t.Context(), day(0), 20, 40)
				if err != nil || len(due) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				claimed, err := s.db.ClaimDeliveries(t.Context(), ids(due, dueID), c)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, d := range claimed {
					if times[d.Delivery.ID]++; times[d.Delivery.ID] > 1 {
						t.Errorf("%s was claimed twice", d.Delivery.ID)
					}
				}
				mu.Unlock()
			}
		})
	}
	crowd.Wait()
	if len(times) != single+inGroups {
		t.Errorf("%d of %d deliveries were claimed", len(times), single+inGroups)
	}
}

// testNoTry: a result without an attempt saves the delivery only.
func (x suite) testNoTry(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointEmail))
	ep := s.subs[0].Endpoints[0]
	d := s.happens(barograph.EventBreachStarted, "a", day(0), grouped("x"))
	claimed := s.claim(claimOf("one", day(0)), d)[0].Delivery
	claimed.State, claimed.HeldBy = barograph.DeliveryHeld, "sil_1"
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{
		{Delivery: claimed, Health: barograph.EndpointHealth{Failures: 7, Disabled: true}},
	}))
	s.is("saved", d, barograph.DeliveryHeld)
	equal(t, "hold", s.now(d).HeldBy, "sil_1")
	equal(t, "message: it was not tried", s.now(d).MessageID, "")
	equal(t, "attempts", must(s.db.DeliveryAttempts(t.Context(), d.ID))(t), nil)
	equal(t, "endpoint", must(s.db.Subscription(t.Context(), s.subs[0].ID))(t).Endpoints[0], ep)

	noError(t, errorOf(s.db.ReleaseHeld(t.Context(), nil, day(1))))
	claimed = s.claim(claimOf("one", day(1)), d)[0].Delivery
	claimed.ExpiresAt = day(4)
	s.fails(claimed, day(1), day(2))
	claimed = s.claim(claimOf("one", day(2)), d)[0].Delivery
	claimed.State, claimed.HeldBy = barograph.DeliveryHeld, "sil_2"
	noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: claimed}}))
	got := s.now(d)
	if got.State != barograph.DeliveryHeld || got.Attempts != 1 || got.LastTry == nil || got.MessageID == "" {
		t.Errorf("held after a try: %+v, want it with the try and the message", got)
	}
	noError(t, errorOf(s.db.ReleaseHeld(t.Context(), nil, day(10))))
	equal(t, "it expires as long after its release as after its last try", s.now(d).ExpiresAt, day(13).UTC())
	equal(t, "it goes in another message: this one may be done", s.now(d).MessageID, "")
}

func errorOf[T any](_ T, err error) error { return err }
