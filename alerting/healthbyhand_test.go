package alerting_test

import (
	"context"
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
