package alerting_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// A thousand breaches of one rule in a second: people get the first at once, the
// rest after the wait, then one message an interval; a webhook gets each. The
// rest are more than go into one message, so that they come in two.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers(), hook("hook", "https://a")))
		begin := time.Now()
		for i := range 20 {
			var some []barograph.Event
			for j := range 50 {
				e := breachOf(barograph.EventBreachStarted, fmt.Sprint(i, "-", j), "web-1")
				e.ID = barograph.EventID(fmt.Sprintf("evt_%04d", 50*i+j))
				some = append(some, e)
			}
			record(t, s.db, some...)
			s.Wake()
			time.Sleep(50 * time.Millisecond)
		}
		s.pass(29 * time.Second)
		first := s.to("people")
		if diff := cmp.Diff([]int{1, 500, 499}, sizes(first)); diff != "" {
			t.Errorf("events of the messages in the first 30 s (-want +got):\n%s", diff)
		}
		if at := first[1].at.Sub(begin); at < 30*time.Second || at > 31*time.Second {
			t.Errorf("the rest came after %v", at)
		}
		if n := len(s.to("hook")); n != 1000 {
			t.Errorf("the webhook got %d events", n)
		}
		for i := range 90 { // fifteen minutes of a breach every ten seconds
			s.tell(breachOf(barograph.EventBreachStarted, fmt.Sprint("more_", i), "web-1"))
			s.pass(9 * time.Second)
		}
		s.pass(5 * time.Minute)
		rest := s.to("people")
		for i, m := range rest {
			want := 5 * time.Minute // after the one before
			if gap := m.at.Sub(append(first[1:2], rest...)[i].at); (gap - want).Abs() > 2*time.Second {
				t.Errorf("message %d came %v after the one before", i, gap)
			}
		}
		if n := sizes(rest); sum(n) != 90 || len(n) > 4 {
			t.Errorf("events of the messages after that: %v", n)
		}
	})
}

func sizes(ms []message) (out []int) {
	for _, m := range ms {
		out = append(out, len(m.Events))
	}
	return out
}

func sum(ns []int) (n int) {
	for _, m := range ns {
		n += m
	}
	return n
}

// Groups do not wait for each other, and what is told of one thing is told as it
// is last.
func TestGroupsShowTheLatestOfEachThing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers()))
		other := breachOf(barograph.EventBreachStarted, "other", "web-1")
		other.Labels = other.Labels.With("rule", "disk")
		s.tell(breachOf(barograph.EventBreachStarted, "a", "web-1"), other)
		s.pass(time.Second)
		if got := sizes(s.to("people")); len(got) != 2 {
			t.Errorf("at once: %v", got)
		}
		s.tell(
			breachOf(barograph.EventBreachStarted, "b", "web-1"), breachOf(barograph.EventBreachStarted, "c", "web-1"),
			breachOf(barograph.EventBreachEnded, "b", "web-1"))
		s.pass(30 * time.Second)
		got := s.to("people")
		if len(got) != 1 {
			t.Fatalf("%d messages", len(got))
		}
		var told []string
		for _, e := range got[0].Events {
			told = append(told, e.Data.Summary)
		}
		if diff := cmp.Diff([]string{"breach.started c", "breach.ended b"}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if st := s.states("people"); st[barograph.DeliveryDelivered] != 5 {
			t.Errorf("states %v", st)
		}
	})
}

// A message that fails is tried again as it was, under the same ID.
func TestGroupIsTriedAgainAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers()))
		var tries []message
		s.answers(func(n alerting.Notification, _ barograph.Endpoint) alerting.Outcome {
			tries = append(tries, message{at: time.Now(), Notification: n})
			if len(n.Events) > 1 && len(tries) < 4 {
				return refuse()
			}
			return ok()
		})
		s.tell(breachOf(barograph.EventBreachStarted, "0", "web-1"))
		for i := range 5 {
			s.tell(breachOf(barograph.EventBreachStarted, fmt.Sprint("b", i), "web-1"))
		}
		s.pass(2 * time.Minute)
		if diff := cmp.Diff([]int{1, 5, 5, 5}, sizes(tries)); diff != "" {
			t.Fatalf("events of the tries (-want +got):\n%s", diff)
		}
		for _, m := range tries[2:] {
			if m.ID != tries[1].ID || !slices.EqualFunc(m.Events, tries[1].Events, func(a, b barograph.Event) bool { return a.ID == b.ID }) {
				t.Errorf("a retry is %s with %d events, not %s", m.ID, len(m.Events), tries[1].ID)
			}
		}
		sub, err := s.db.Subscription(t.Context(), "sub_1")
		s.must(err)
		if h := sub.Endpoints[0].Health; h.Failures != 0 || h.LastSuccess.IsZero() {
			t.Errorf("health %+v", h)
		}
		all, err := s.db.Deliveries(t.Context(), barograph.DeliveryFilter{SubscriptionID: "sub_1"}, barograph.Page{})
		s.must(err)
		for _, d := range all {
			if d.Topic == "brc_0" {
				continue
			}
			if d.MessageID != tries[1].ID || d.Attempts != 3 || d.State != barograph.DeliveryDelivered {
				t.Errorf("delivery %+v", d)
			}
		}
	})
}

// One message that is given up counts as one, however many events it carries.
func TestHealthCountsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers()))
		s.answers(func(n alerting.Notification, _ barograph.Endpoint) alerting.Outcome {
			if len(n.Events) == 1 {
				return ok()
			}
			return alerting.Outcome{Verdict: alerting.VerdictPermanent, Err: errTestOver}
		})
		for i := range 6 {
			s.tell(breachOf(barograph.EventBreachStarted, fmt.Sprint(i), "web-1"))
		}
		s.pass(31 * time.Second)
		sub, err := s.db.Subscription(t.Context(), "sub_1")
		s.must(err)
		if h := sub.Endpoints[0].Health; h.Failures != 1 || h.Exhausted != 1 {
			t.Errorf("health %+v", h)
		}
		if st := s.states("people"); st[barograph.DeliveryExhausted] != 5 {
			t.Errorf("states %v", st)
		}
	})
}
