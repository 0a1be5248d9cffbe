package alerting_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

// texter is a subscription of two phones with a budget, from early in the day on.
func texter(t *testing.T, overflow ...string) *stage {
	t.Helper()
	sub := stormy(phone())
	sub.GroupWait, sub.GroupInterval = 0, 0
	sub.SMSDailyBudget, sub.SMSOverflowTo = 5, overflow
	return newStage(t, sub)
}

// breaches tells of some, a minute apart.
func (s *stage) breaches(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		e := breachOf(begun, id, "web-1")
		e.Labels = e.Labels.With("rule", id)
		s.tell(e)
		s.pass(time.Minute)
	}
}

// Two texts a message fit twice into a budget of five; the rest comes by mail
// until the day is over. The phones are none the worse for it.
func TestTextsBeyondTheBudgetComeByMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := texter(t, "ops@example.com")
		s.breaches("a", "b", "c", "d")
		got := s.to("phone")
		var mailed []bool
		for _, m := range got {
			mailed = append(mailed, m.overflow)
		}
		if len(got) != 4 || mailed[0] || mailed[1] || !mailed[2] || !mailed[3] {
			t.Fatalf("by mail: %v", mailed)
		}
		all, err := s.db.Deliveries(t.Context(), barograph.DeliveryFilter{EndpointID: "phone"}, barograph.Page{})
		s.must(err)
		if says := all[0].LastTry.Response; all[0].State != barograph.DeliveryDelivered ||
			says != "sent by e-mail to ops@example.com: 4 of the 5 text messages a day are used up, this would be 2 more." {
			t.Errorf("delivery %+v: %q", all[0], says)
		}
		s.stop()
		time.Sleep(24 * time.Hour)
		s.restart()
		s.breaches("e")
		if got := s.to("phone"); len(got) != 1 || got[0].overflow {
			t.Errorf("the next day: %+v", got)
		}
	})
}

func TestTextsBeyondTheBudgetAreGivenUpWithoutOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := texter(t)
		s.breaches("a", "b", "c")
		all, err := s.db.Deliveries(t.Context(), barograph.DeliveryFilter{EndpointID: "phone"}, barograph.Page{})
		s.must(err)
		if d := all[0]; d.State != barograph.DeliveryExhausted || !strings.Contains(d.LastTry.Error, "raise sms_daily_budget or set sms_overflow_to") {
			t.Errorf("delivery %+v", d)
		}
		sub, err := s.db.Subscription(t.Context(), "sub_1")
		s.must(err)
		if h := sub.Endpoints[0].Health; h.Failures != 0 || h.Exhausted != 0 {
			t.Errorf("health %+v", h)
		}
	})
}

// A mail server that is away delays the overflow.
func TestOverflowIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := texter(t, "ops@example.com")
		s.breaches("a", "b")
		failures := 0
		s.answers(func(_ alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
			if ep.Kind == barograph.EndpointEmail && failures < 2 {
				failures++
				return refuse()
			}
			return ok()
		})
		s.breaches("c")
		if got := s.to("phone"); len(got) != 3 || !got[2].overflow || failures != 2 {
			t.Errorf("%d messages after %d failures", len(got), failures)
		}
		sub, err := s.db.Subscription(t.Context(), "sub_1")
		s.must(err)
		if h := sub.Endpoints[0].Health; h.Failures != 0 {
			t.Errorf("health %+v", h)
		}
	})
}
