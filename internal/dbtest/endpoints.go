package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func (x suite) testRotateSecret(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s, other := hook(t, 1, 2), hook(t, 2, 1)
	for k := range s.Endpoints {
		s.Endpoints[k].PreviousSecret, s.Endpoints[k].PreviousSecretUntil = "", time.Time{}
	}
	noError(t, db.CreateSubscription(ctx, s))
	noError(t, db.CreateSubscription(ctx, other))
	changed, stop := db.Changes()
	defer stop()
	first := s.Endpoints[1].Secret
	noError(t, db.RotateSecret(ctx, s.ID, s.Endpoints[1].ID, "whsec_second", day(1)))
	fires(t, "rotate", changed, true)
	s.Endpoints[1].Secret, s.Endpoints[1].PreviousSecret, s.Endpoints[1].PreviousSecretUntil = "whsec_second", first, day(1)
	is := func(what string) {
		t.Helper()
		got := must(db.Subscription(ctx, s.ID))(t)
		s.UpdatedAt = got.UpdatedAt
		equal(t, what, got, s)
	}
	is("rotated")
	noError(t, db.RotateSecret(ctx, s.ID, s.Endpoints[1].ID, "whsec_third", day(2)))
	s.Endpoints[1].Secret, s.Endpoints[1].PreviousSecret, s.Endpoints[1].PreviousSecretUntil = "whsec_third", "whsec_second", day(2)
	is("rotated again")

	edited := s
	edited.Endpoints = append([]barograph.Endpoint(nil), s.Endpoints...)
	edited.Endpoints[1].Secret, edited.Endpoints[1].PreviousSecret, edited.Endpoints[1].PreviousSecretUntil = "", "", time.Time{}
	noError(t, db.UpdateSubscription(ctx, edited))
	is("an edit keeps both")
	edited.UpdatedAt, edited.Endpoints[1].Secret = s.UpdatedAt, "whsec_given"
	noError(t, db.UpdateSubscription(ctx, edited))
	s.Endpoints = edited.Endpoints
	is("one that is given replaces both")

	isKind(t, "of an endpoint of another subscription", db.RotateSecret(ctx, s.ID, other.Endpoints[0].ID, "whsec_x", day(1)),
		barograph.KindNotFound, "endpoint", string(other.Endpoints[0].ID))
	isKind(t, "of no subscription", db.RotateSecret(ctx, "sub_missing", s.Endpoints[1].ID, "whsec_x", day(1)),
		barograph.KindNotFound, "subscription", "sub_missing")
}

func (x suite) testEndpointHealthByHand(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s, other := hook(t, 1, 1), hook(t, 2, 1)
	noError(t, db.CreateSubscription(ctx, s))
	noError(t, db.CreateSubscription(ctx, other))
	changed, stop := db.Changes()
	defer stop()
	off := barograph.EndpointHealth{Disabled: true, DisabledReason: "by hand", DisabledAt: day(1), Failures: 3}
	e := event(1, barograph.EventEndpointDisabled)
	told := delivery(1, e, other, 0)
	noError(t, db.SetEndpointHealth(ctx, s.ID, s.Endpoints[0].ID, off, barograph.Change{
		Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{told},
	}))
	fires(t, "disable", changed, true)
	s.Endpoints[0].Health = off
	equal(t, "disabled", must(db.Subscription(ctx, s.ID))(t), s)
	equal(t, "event", must(db.Event(ctx, e.ID))(t), e)
	equal(t, "delivery of it", must(db.Delivery(ctx, told.ID))(t), told)
	// A try that was under way knows nothing of that.
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{
		Delivery: barograph.Delivery{ID: "dlv_missing", EndpointID: s.Endpoints[0].ID}, Attempt: failure(day(1)),
		Health: barograph.EndpointHealth{LastSuccess: day(1)},
	}}))
	s.Endpoints[0].Health = barograph.EndpointHealth{
		Disabled: true, DisabledReason: "by hand", DisabledAt: day(1), LastSuccess: day(1),
	}
	equal(t, "after a try", must(db.Subscription(ctx, s.ID))(t), s)
	isKind(t, "of an endpoint of another subscription", db.SetEndpointHealth(ctx, other.ID, s.Endpoints[0].ID, off, barograph.Change{}),
		barograph.KindNotFound, "endpoint", string(s.Endpoints[0].ID))
}

func (x suite) testDeliveryFilter(t *testing.T) {
	a, b := hook(t, 1, 2), hook(t, 2, 1)
	s := x.story(t, a, b)
	e := event(2, barograph.EventBreachStarted)
	d1, d2, d3, d4 := delivery(11, e, a, 0), delivery(12, e, a, 1), delivery(13, e, b, 0), delivery(14, e, a, 0)
	d2.State, d2.HeldBy, d2.NextTry, d4.State = barograph.DeliveryHeld, silenceA, time.Time{}, barograph.DeliveryExhausted
	d1.Topic, d2.Topic, d3.Topic, d4.Topic = "1", "2", "3", "4"
	d4.MessageID, d4.Group, d4.Reminder, d4.ExpiresAt = "msg_4", "g", 3, day(7)
	noError(t, s.db.Record(t.Context(), barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d1, d2, d3, d4}}))
	later := s.happens(barograph.EventBreachStarted, "5", day(0))
	_ = later
	for _, test := range []struct {
		name   string
		filter barograph.DeliveryFilter
		want   []barograph.DeliveryID
	}{
		{"all", barograph.DeliveryFilter{}, []barograph.DeliveryID{d4.ID, d3.ID, d2.ID, d1.ID, later.ID}},
		{"subscription", of(a), []barograph.DeliveryID{d4.ID, d2.ID, d1.ID, later.ID}},
		{"endpoint", barograph.DeliveryFilter{EndpointID: a.Endpoints[1].ID}, []barograph.DeliveryID{d2.ID}},
		{"event", barograph.DeliveryFilter{EventID: "evt_missing"}, nil},
		{"state", barograph.DeliveryFilter{State: barograph.DeliveryHeld}, []barograph.DeliveryID{d2.ID}},
		{"all of it", barograph.DeliveryFilter{SubscriptionID: a.ID, EndpointID: a.Endpoints[0].ID, EventID: e.ID, State: barograph.DeliveryExhausted}, []barograph.DeliveryID{d4.ID}},
		{"nothing", barograph.DeliveryFilter{SubscriptionID: b.ID, State: barograph.DeliveryHeld}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			paged(t, func(p barograph.Page) ([]barograph.Delivery, error) {
				return s.db.Deliveries(t.Context(), test.filter, p)
			},
				deliveryID, test.want...)
		})
	}
	equal(t, "one", s.now(d4), d4)
	_, err := s.db.Delivery(t.Context(), "dlv_missing")
	isKind(t, "get", err, barograph.KindNotFound, "delivery", "dlv_missing")
	_, err = s.db.Deliveries(t.Context(), barograph.DeliveryFilter{SubscriptionID: "sub_missing"}, barograph.Page{})
	isKind(t, "of no subscription", err, barograph.KindNotFound, "subscription", "sub_missing")
}

func (x suite) testEndpointQueues(t *testing.T) {
	s := x.story(t, listeners(1, barograph.EndpointWebhook, barograph.EndpointEmail))
	s.happens(barograph.EventBreachStarted, "a", day(2))
	s.happens(barograph.EventBreachStarted, "b", day(1))
	s.happens(barograph.EventBreachStarted, "c", day(0), held(silenceA))
	s.succeeds(s.happens(barograph.EventBreachStarted, "d", day(0)), day(0))
	equal(t, "queues", must(s.db.EndpointQueues(t.Context()))(t), []barograph.EndpointQueue{
		{EndpointID: s.subs[0].Endpoints[1].ID, Kind: barograph.EndpointEmail},
		{EndpointID: s.subs[0].Endpoints[0].ID, Kind: barograph.EndpointWebhook, Pending: 2, Held: 1, OldestDue: day(1).UTC()},
	})
}

// testHastenDeliveries sets the clock back to day 10: what was planned beyond day
// 11 is due, and so is what was made on a day to come; what is in time, and what
// nobody waits for, stays as it is.
func (x suite) testHastenDeliveries(t *testing.T) {
	s := x.story(t, hook(t, 1, 1))
	later := s.happens(barograph.EventBreachStarted, "later", day(10))
	inTime := s.happens(barograph.EventBreachStarted, "in time", day(10))
	future := s.happens(barograph.EventBreachStarted, "future", day(40))
	for d, next := range map[*barograph.Delivery]time.Time{&later: day(30), &inTime: day(11)} {
		d.NextTry = next
		noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: *d}}))
	}
	s.succeeds(s.happens(barograph.EventBreachStarted, "done", day(40)), day(40))
	for _, want := range []int{2, 0} {
		if n := must(s.db.HastenDeliveries(t.Context(), day(10), day(11)))(t); n != want {
			t.Errorf("hastened %d, want %d", n, want)
		}
	}
	due := must(s.db.DueDeliveries(t.Context(), day(10), 10, 10))(t)
	equal(t, "due", ids(due, dueID), []barograph.DeliveryID{later.ID, future.ID})
	if len(due) == 2 && !due[1].Delivery.CreatedAt.Equal(day(10)) {
		t.Errorf("what was made in the future is still of %s: it would never get too old", due[1].Delivery.CreatedAt)
	}
}

// testFormatChanges makes of a webhook that takes groups one that takes events:
// what waits for it goes out one by one.
func (x suite) testFormatChanges(t *testing.T) {
	sub := hook(t, 1, 1)
	sub.Endpoints[0].Format = barograph.FormatAlertmanager
	s := x.story(t, sub)
	s.happens(barograph.EventBreachStarted, "a", day(1), grouped("rule"))
	s.happens(barograph.EventBreachStarted, "b", day(1), grouped("rule"))
	sub = must(s.db.Subscription(t.Context(), sub.ID))(t)
	sub.Endpoints[0].Format = barograph.FormatCloudEvents
	noError(t, s.db.UpdateSubscription(t.Context(), sub))
	for _, d := range must(s.db.Deliveries(t.Context(), of(sub), barograph.Page{}))(t) {
		if d.Group != "" || d.MessageID != "" {
			t.Errorf("%s is still in group %q, message %q", d.ID, d.Group, d.MessageID)
		}
	}
	due := must(s.db.DueDeliveries(t.Context(), day(2), 10, 10))(t)
	claimed := must(s.db.ClaimDeliveries(t.Context(), ids(due, dueID), barograph.Claim{By: "srv_1", Now: day(2), Until: day(3), MostGrouped: 500}))(t)
	for _, c := range claimed {
		if c.Delivery.MessageID != string(c.Event.ID) {
			t.Errorf("event %s goes out as message %s", c.Event.ID, c.Delivery.MessageID)
		}
	}
	if len(claimed) != 2 {
		t.Errorf("%d claimed, want both", len(claimed))
	}
}

func (x suite) testPruneType(t *testing.T) {
	s := x.story(t, hook(t, 1, 1))
	old := s.happens(barograph.EventWatchdog, "", day(0))
	s.succeeds(old, day(0))
	waiting := s.happens(barograph.EventWatchdog, "", day(0))
	kept := s.happens(barograph.EventBreachStarted, "a", day(0), held(silenceA))
	other := s.happens(barograph.EventBreachStarted, "b", day(0))
	s.succeeds(other, day(0))
	unpublished := s.happens(barograph.EventWatchdog, "", day(0))
	s.succeeds(unpublished, day(0))
	s.n = 100
	young := s.happens(barograph.EventWatchdog, "", day(0))
	s.succeeds(young, day(0))
	noError(t, s.db.MarkPublished(t.Context(), []barograph.EventID{old.EventID, waiting.EventID, kept.EventID, other.EventID, young.EventID}))
	if n := must(s.db.PruneType(t.Context(), barograph.EventWatchdog, day(50)))(t); n != 1 {
		t.Errorf("pruned %d, want 1", n)
	}
	equal(t, "left", ids(must(s.db.Deliveries(t.Context(), of(s.subs[0]), barograph.Page{}))(t), deliveryID),
		[]barograph.DeliveryID{young.ID, unpublished.ID, other.ID, kept.ID, waiting.ID})
	if n := must(s.db.Prune(t.Context(), day(50)))(t); n != 1 {
		t.Errorf("pruned %d of all types, want 1: others wait, are held, or not published", n)
	}
}
