package alerting_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

const (
	begun = barograph.EventBreachStarted
	over  = barograph.EventBreachEnded
)

func (s *stage) wantTypes(id barograph.EndpointID, when string, want ...barograph.EventType) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.types(id)); diff != "" {
		s.t.Errorf("%s, %s got (-want +got):\n%s", when, id, diff)
	}
}

func (s *stage) wantStates(id barograph.EndpointID, want map[barograph.DeliveryState]int) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.states(id)); diff != "" {
		s.t.Errorf("deliveries to %s (-want +got):\n%s", id, diff)
	}
}

// A breach that begins and ends within a maintenance window is told to nobody,
// one that outlasts it when the window closes, and the end of one that people
// know of at once.
func TestMaintenanceWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers(), hook("hook", "https://a"), alertmanager()))
		everybody := []barograph.EndpointID{"people", "hook", "am"}
		s.tell(breachOf(begun, "known", "web-1"))
		s.pass(time.Minute)
		for _, id := range everybody {
			s.wantTypes(id, "before the window", begun)
		}
		s.silence("web-1", time.Hour)
		s.tell(breachOf(begun, "short", "web-1"), breachOf(begun, "long", "web-1"), breachOf(begun, "elsewhere", "web-2"))
		s.pass(10 * time.Minute)
		for _, id := range everybody {
			s.wantTypes(id, "early in the window", begun) // that elsewhere
		}
		s.tell(breachOf(over, "short", "web-1"), breachOf(over, "known", "web-1"))
		s.pass(6 * time.Minute)
		for _, id := range everybody {
			if got := s.to(id); len(got) != 1 || got[0].Latest().Data.Breach.ID != "brc_known" || got[0].at.Sub(s.begin) > 17*time.Minute {
				t.Errorf("%s got %+v", id, got)
			}
		}
		s.pass(37 * time.Minute)
		for _, id := range everybody {
			s.wantTypes(id, "late in the window")
		}
		s.pass(10 * time.Minute)
		for _, id := range everybody {
			got := s.to(id)
			if len(got) != 1 || len(got[0].Events) != 1 || got[0].Latest().Data.Breach.ID != "brc_long" {
				t.Errorf("after the window %s got %+v", id, got)
			} else if late := got[0].at.Sub(s.begin) - time.Hour; late < time.Minute || late > 80*time.Second {
				t.Errorf("%s got it %v after an hour", id, late)
			}
			s.wantStates(id, map[barograph.DeliveryState]int{
				barograph.DeliveryDelivered: 4, barograph.DeliverySuperseded: 1, barograph.DeliverySilenced: 1,
			})
		}
	})
}

// A window of more than a day uses up nobody's time to live.
func TestWhatALongWindowHeldBackIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, subscription("sub_1", hook("hook", "https://a")))
		s.silence("web-1", 26*time.Hour)
		s.tell(breachOf(begun, "long", "web-1"))
		s.stop()
		s.pass(27 * time.Hour)
		tries := 0
		s.answers(func(alerting.Notification, barograph.Endpoint) alerting.Outcome {
			if tries++; tries < 4 {
				return refuse()
			}
			return ok()
		})
		s.restart()
		s.pass(5 * time.Minute)
		s.wantTypes("hook", "after the window", begun)
	})
}

// What began before a silence did, and was not sent yet, is held back too; the
// end of what was told is not.
func TestSilenceHoldsRetriesAndGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(readers(), hook("hook", "https://a")))
		s.answers(func(_ alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
			if ep.ID == "hook" {
				return refuse()
			}
			return ok()
		})
		s.tell(breachOf(begun, "first", "web-2"), breachOf(begun, "second", "web-1"), breachOf(begun, "third", "web-2"))
		s.pass(time.Second)
		s.silence("web-1", 20*time.Minute)
		s.pass(10 * time.Minute)
		if got := s.to("people"); len(got) != 2 || got[1].Latest().Data.Breach.ID != "brc_third" || len(got[1].Events) != 1 {
			t.Errorf("people got %+v", got)
		}
		s.wantStates("people", map[barograph.DeliveryState]int{barograph.DeliveryDelivered: 2, barograph.DeliveryHeld: 1})
		s.wantStates("hook", map[barograph.DeliveryState]int{barograph.DeliveryPending: 2, barograph.DeliveryHeld: 1})
		s.answers(nil)
		s.tell(breachOf(over, "second", "web-1"))
		s.pass(5 * time.Minute)
		s.wantStates("people", map[barograph.DeliveryState]int{
			barograph.DeliveryDelivered: 2, barograph.DeliverySuperseded: 1, barograph.DeliveryHeld: 1,
		})
		// The webhook was tried: it may know.
		if got := s.to("hook"); len(got) == 0 || got[0].Latest().Type != over {
			t.Errorf("the webhook got %+v", got)
		}
	})
}

// A silence that is deleted holds nothing any more.
func TestDeletedSilenceLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(hook("hook", "https://a")))
		silence := s.silence("web-1", time.Hour)
		s.tell(breachOf(begun, "a", "web-1"))
		s.pass(time.Minute)
		s.wantTypes("hook", "silenced")
		s.must(s.db.DeleteSilence(t.Context(), silence.ID))
		s.pass(2 * time.Second)
		s.wantTypes("hook", "after the silence was deleted", begun)
	})
}

// A silent host's breaches are no news; that it is silent is.
func TestSilentHostHoldsBackItsBreaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(hook("hook", "https://a")))
		host := barograph.Host{ID: "hst_1", Name: "web-1"}
		s.must(s.db.CreateHost(t.Context(), host, barograph.KeyHash{1}))
		s.must(s.db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{host.ID: time.Now()}))
		s.pass(7 * time.Minute)
		s.wantTypes("hook", "fallen silent", barograph.EventHostSilent)
		s.tell(breachOf(begun, "short", "web-1"), breachOf(begun, "long", "web-1"), breachOf(begun, "other", "web-2"))
		s.tell(breachOf(over, "short", "web-1"))
		s.pass(time.Minute)
		s.wantTypes("hook", "silent", begun)
		s.must(s.db.MarkSeen(t.Context(), map[barograph.HostID]time.Time{host.ID: time.Now()}))
		s.pass(time.Minute)
		told := map[string]int{}
		for _, m := range s.to("hook") {
			told[m.Latest().Data.Summary]++
		}
		if diff := cmp.Diff(map[string]int{"web-1 is back after 8 min": 1, "breach.started long": 1}, told); diff != "" {
			t.Errorf("when it was back, the webhook got (-want +got):\n%s", diff)
		}
	})
}

// unreadable is a database whose silences can't be read for a while.
type unreadable struct {
	alerting.DispatchStore

	down    atomic.Bool
	queries atomic.Int32
}

func (u *unreadable) Silences(ctx context.Context, p barograph.Page) ([]barograph.Silence, error) {
	u.queries.Add(1)
	if u.down.Load() {
		return nil, errors.New("disk I/O error")
	}
	return u.DispatchStore.Silences(ctx, p)
}

func TestLastKnownSilencesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stormy(hook("hook", "https://a")))
		db := &unreadable{DispatchStore: s.db}
		s.store = db
		s.restart()
		s.silence("web-1", 10*time.Minute)
		db.down.Store(true)
		e := breachOf(begun, "a", "web-1")
		e.ID = "evt_a"
		record(t, s.db, e) // by who does not know of the silence
		s.pass(5 * time.Minute)
		s.wantTypes("hook", "silenced")
		if err := s.Healthy(t.Context()); err == nil {
			t.Error("healthy though silences can't be read")
		}
		db.down.Store(false)
		s.pass(time.Minute)
		if err := s.Healthy(t.Context()); err != nil {
			t.Errorf("not healthy: %v", err)
		}
		db.queries.Store(0)
		for i := range 100 {
			e := breachOf(begun, "b", "web-2")
			e.ID = barograph.EventID(barograph.NewID("evt", time.Now().Add(time.Duration(i)*time.Millisecond)))
			record(t, s.db, e)
		}
		s.Wake()
		s.pass(time.Second)
		if n := db.queries.Load(); n > 2 || len(s.to("hook")) != 100 {
			t.Errorf("100 events cost %d queries for silences", n)
		}
	})
}

// What is held back is so from when it is recorded, and says by what.
func TestEventsAreHeldWhenTheyAreRecorded(t *testing.T) {
	w := newWorld(t)
	sub := subscription("sub_1", hook("ept_1", "https://a"))
	sub.EventTypes = []string{"*"}
	w.noError(w.db.CreateSubscription(t.Context(), sub))
	w.noError(w.db.CreateHost(t.Context(), barograph.Host{ID: "hst_1", Name: "web-1"}, barograph.KeyHash{1}))
	w.noError(w.db.DB.Record(t.Context(), barograph.Change{Silences: []barograph.HostSilence{{HostID: "hst_1", Since: worldStart()}}}))
	m := barograph.Matchers{}
	w.noError(m.UnmarshalText([]byte(`{host="web-2"}`)))
	w.noError(w.db.CreateSilence(t.Context(), barograph.Silence{
		ID: "sil_1", Matchers: m, StartsAt: time.Now().Add(-time.Minute), EndsAt: time.Now().Add(time.Hour), Comment: "x",
	}))
	w.tick()
	silent := barograph.Event{
		Type: barograph.EventHostSilent, Subject: "web-1", Labels: barograph.NewLabels(map[string]string{"host": "web-1"}),
		Data: barograph.EventData{Host: &barograph.HostRef{ID: "hst_1", Name: "web-1"}},
	}
	watchdog := barograph.Event{Type: barograph.EventWatchdog, Labels: barograph.NewLabels(map[string]string{"host": "web-2"})}
	for _, tt := range []struct {
		name  string
		event barograph.Event
		hold  barograph.Hold
	}{
		{"of a silent host", breachOf(begun, "a", "web-1"), "hst_1"},
		{"that a host is silent", silent, ""},
		{"silenced", breachOf(begun, "b", "web-2"), "sil_1"},
		{"of neither", breachOf(begun, "c", "web-3"), ""},
		{"that Barograph is alive", watchdog, ""},
	} {
		said, err := w.engine.Announce(t.Context(), tt.event)
		w.noError(err)
		ds, err := w.db.Deliveries(t.Context(), barograph.DeliveryFilter{EventID: said.ID}, barograph.Page{})
		if err != nil || len(ds) != 1 || ds[0].HeldBy != tt.hold || (ds[0].State == barograph.DeliveryHeld) != (tt.hold != "") {
			t.Errorf("%s: %+v, %v; want it held by %q", tt.name, ds, err, tt.hold)
		}
	}
}

// A silence holds what happens after it, though the engine hears of both at once.
func TestSilenceIsHeededBeforeWhatFollowsIsRecorded(t *testing.T) {
	t.Parallel()
	for range 10 { // Run takes one of two at random
		w := newWorld(t, diskRule())
		sub := subscription("sub_1", hook("ept_1", "https://a"))
		sub.EventTypes = []string{"*"}
		w.noError(w.db.CreateSubscription(t.Context(), sub))
		w.tick()
		m := barograph.Matchers{}
		w.noError(m.UnmarshalText([]byte(`{host="db-1"}`)))
		w.noError(w.db.CreateSilence(t.Context(), barograph.Silence{
			ID: "sil_1", Matchers: m, StartsAt: worldStart(), EndsAt: time.Now().Add(time.Hour), Comment: "x",
		}))
		w.sample(disk("db-1"), .95)
		stop := w.run()
		select {
		case <-w.wakes:
		case <-time.After(time.Minute):
			t.Fatal("nothing was recorded")
		}
		stop()
		w.expect(starts)
		ds, err := w.db.Deliveries(context.Background(), barograph.DeliveryFilter{}, barograph.Page{})
		if err != nil || len(ds) != 1 || ds[0].HeldBy != "sil_1" {
			t.Fatalf("deliveries %+v, %v; want one that is held", ds, err)
		}
	}
}
