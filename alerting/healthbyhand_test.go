package alerting_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

func TestEndpointsAreDisabledAndEnabledByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, subscription("sub_1", hook("one", "https://a"), hook("two", "https://a")))
		ctx := barograph.WithIdentity(t.Context(), barograph.Identity{Name: "night shift"})
		for range 2 { // again: nothing happens
			ep, err := s.Disable(ctx, "sub_1", "one")
			if err != nil || !ep.Health.Disabled || ep.Health.DisabledReason != "disabled by night shift" {
				t.Fatalf("%+v, %v", ep, err)
			}
		}
		s.pass(time.Second)
		s.wantTypes("two", "disabled", barograph.EventEndpointDisabled)
		s.tell(breachOf(begun, "a", "web-1"))
		s.pass(time.Minute)
		s.wantTypes("one", "disabled")
		for range 2 {
			ep, err := s.Enable(ctx, "sub_1", "one")
			if err != nil || ep.Health.Disabled {
				t.Fatalf("%+v, %v", ep, err)
			}
		}
		s.tell(breachOf(over, "a", "web-1"))
		s.pass(time.Minute)
		s.wantTypes("one", "enabled", over)
		s.wantTypes("two", "enabled", begun, over, barograph.EventEndpointEnabled)
		entries, err := s.db.Audit(t.Context(), barograph.AuditFilter{Kind: "endpoint", Subject: "one"}, barograph.Page{})
		s.must(err)
		var by []string
		for _, e := range entries {
			by = append(by, e.By)
		}
		if diff := cmp.Diff([]string{"night shift", "night shift"}, by); diff != "" {
			t.Errorf("audit %+v", entries)
		}
		for _, id := range []barograph.EndpointID{"three"} {
			if _, err := s.Disable(ctx, "sub_1", id); barograph.KindOf(err) != barograph.KindNotFound {
				t.Errorf("%s: %v", id, err)
			}
			if _, err := s.Enable(ctx, "sub_2", "one"); barograph.KindOf(err) != barograph.KindNotFound {
				t.Error(err)
			}
		}
	})
}

// What the dispatcher itself has to tell goes at once to whoever carries events
// on, and to the other endpoints.
func TestOwnEventsAreCarriedOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, subscription("sub_1", hook("one", "https://a"), hook("two", "https://a")))
		s.answers(func(_ alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
			if ep.ID == "one" {
				return alerting.Outcome{Verdict: alerting.VerdictGone, StatusCode: 410, Err: errors.New("answered 410")}
			}
			return ok()
		})
		s.pass(time.Second)
		s.tell(breachOf(begun, "a", "web-1"))
		s.pass(100 * time.Millisecond)
		s.wantTypes("two", "the other is gone", begun, barograph.EventEndpointDisabled)
		_, err := s.Enable(t.Context(), "sub_1", "one")
		s.must(err)
		s.answers(nil)
		subs, err := s.db.Subscriptions(t.Context(), barograph.Page{})
		s.must(err)
		_, err = s.Test(t.Context(), subs[0], "one")
		s.must(err)
		if n := s.own.Load(); n != 3 {
			t.Errorf("said %d times that there are events, want it when an endpoint is disabled, enabled, and tested", n)
		}
	})
}

// What was in flight when somebody put an endpoint out of service does not put
// it back.
func TestTryInFlightDoesNotUndoWhatIsDoneByHand(t *testing.T) {
	for name, o := range map[string]alerting.Outcome{"success": ok(), "failure": refuse()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := database(t, subscription("sub_1", hook("one", "https://a")))
				d := dispatcher(t, db, func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
					time.Sleep(10 * time.Second)
					return o
				})
				start(t, d)
				record(t, db, about("evt_1"))
				time.Sleep(5 * time.Second)
				if _, err := d.Disable(t.Context(), "sub_1", "one"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				sub, err := db.Subscription(t.Context(), "sub_1")
				if err != nil || !sub.Endpoints[0].Health.Disabled || deliveries(t, db)[0].Attempts != 1 {
					t.Errorf("endpoint %+v, err %v", sub.Endpoints[0].Health, err)
				}
			})
		})
	}
}
