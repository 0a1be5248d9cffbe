package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// testBudget: text messages are counted by subscription and day, which begins at
// midnight UTC, and those that are counted go one after the other.
func (x suite) testBudget(t *testing.T) {
	sub, other := listeners(1, barograph.EndpointSMS, barograph.EndpointSMS, barograph.EndpointEmail), listeners(2, barograph.EndpointSMS)
	sub.SMSDailyBudget, sub.SMSOverflowTo = 5, []string{"a@example.com"}
	s := x.story(t, sub, other)
	at := func(k int) func(*barograph.Delivery) {
		return func(d *barograph.Delivery) { d.EndpointID = sub.Endpoints[k].ID }
	}
	toOther := func(d *barograph.Delivery) { d.SubscriptionID, d.EndpointID = other.ID, other.Endpoints[0].ID }
	midnight := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	evening := midnight.Add(-time.Second)
	send := func(d barograph.Delivery, now time.Time, texts int) barograph.TextBudget {
		t.Helper()
		claimed := s.claim(claimOf("one", now), d)
		if len(claimed) != 1 {
			t.Fatalf("%d claimed, want 1", len(claimed))
		}
		d = claimed[0].Delivery
		d.State, d.Attempts, d.NextTry, d.DoneAt = barograph.DeliveryDelivered, 1, time.Time{}, now
		noError(t, s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{
			{Delivery: d, Attempt: barograph.Attempt{At: now}, TextMessages: texts},
		}))
		return claimed[0].Budget
	}
	budget := func(sent int) barograph.TextBudget {
		return barograph.TextBudget{Daily: 5, Sent: sent, OverflowTo: []string{"a@example.com"}}
	}
	news := func(topic string, edits ...func(*barograph.Delivery)) barograph.Delivery {
		return s.happens(barograph.EventBreachStarted, topic, day(0), edits...)
	}
	equal(t, "first", send(news("a"), evening, 2), budget(0))
	equal(t, "second, to another endpoint", send(news("b", at(1)), evening, 3), budget(2))
	equal(t, "third", send(news("c"), evening.In(time.FixedZone("", 14*60*60)), 0), budget(5))
	equal(t, "on the next day", send(news("d"), midnight, 1), budget(0))
	equal(t, "of another subscription", send(news("e", toOther), midnight, 7), barograph.TextBudget{})
	left, err := s.db.TextBudget(t.Context(), sub.ID, evening)
	noError(t, err)
	equal(t, "asked for", left, budget(5))
	left, err = s.db.TextBudget(t.Context(), sub.ID, midnight)
	noError(t, err)
	equal(t, "asked for on the next day", left, budget(1))
	_, err = s.db.TextBudget(t.Context(), "sub_missing", midnight)
	isKind(t, "of no subscription", err, barograph.KindNotFound, "subscription", "sub_missing")
	equal(t, "which is counted too", send(news("f", toOther), midnight, 0), barograph.TextBudget{Sent: 7})

	one, two, mail := news("g"), news("h", at(1)), news("i", at(2))
	equal(t, "one after the other", ids(s.claim(claimOf("one", midnight), one, two, mail), dueID),
		[]barograph.DeliveryID{one.ID, mail.ID})
	equal(t, "the other is not due", s.due(midnight), nil)
	s.succeeds(one, midnight)
	equal(t, "then it is", s.due(midnight), []barograph.DeliveryID{two.ID})
	free := []barograph.Delivery{news("j", toOther), news("k", toOther)}
	equal(t, "what is not limited goes side by side", len(s.claim(claimOf("one", midnight), free...)), 2)

	// Counts are forgotten with the events of their time.
	noError(t, errorOf(s.db.Prune(t.Context(), midnight.Add(time.Second))))
	equal(t, "pruned", s.claim(claimOf("one", midnight), two)[0].Budget, budget(0))
}
