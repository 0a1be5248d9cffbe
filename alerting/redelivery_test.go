package alerting_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// What was missed is fetched, in order and under the IDs that it had; people get
// it in one message.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := stormy(hook("hook", "https://a"), readers())
		s := newStage(t, sub)
		s.tell(breachOf(begun, "before", "web-1"))
		s.pass(10 * time.Minute)
		s.to("people")
		known := s.to("hook")[0].Latest()
		paused := sub
		paused.Enabled = false
		s.must(s.db.UpdateSubscription(t.Context(), paused))
		pausedAt := time.Now()
		r := alerting.NewReplayer(s.db, barograph.WallClock{}, s.Wake)
		ctx := barograph.WithIdentity(t.Context(), barograph.Identity{Name: "night shift"})
		for i := range 3 {
			s.tell(breachOf(begun, fmt.Sprint(i), "web-1"), breachOf(over, fmt.Sprint(i), "web-1"))
			s.pass(time.Minute)
		}
		if _, err := r.Replay(ctx, barograph.Replay{SubscriptionID: "sub_1", From: pausedAt}); barograph.KindOf(err) != barograph.KindConflict {
			t.Errorf("replay of a paused subscription: %v", err)
		}
		s.must(s.db.UpdateSubscription(t.Context(), sub))
		s.pass(time.Minute)
		s.wantTypes("hook", "resumed")
		n, err := r.Replay(ctx, barograph.Replay{SubscriptionID: "sub_1", From: pausedAt})
		if err != nil || n != 12 {
			t.Fatalf("%d deliveries, %v", n, err)
		}
		s.pass(time.Minute)
		events, err := s.db.Events(t.Context(), barograph.EventFilter{From: pausedAt}, barograph.Page{})
		s.must(err)
		got := map[barograph.EventID]int{}
		for _, m := range s.to("hook") {
			got[m.Latest().ID]++
		}
		if len(got) != 6 || len(events) != 6 || got[events[0].ID] != 1 {
			t.Errorf("the webhook got %v of %d events", got, len(events))
		}
		mails := s.to("people")
		if diff := cmp.Diff([]int{1, 3}, sizes(mails)); diff != "" { // the first at once; of each breach only its end
			t.Errorf("people got messages of (-want +got):\n%s", diff)
		}
		n, err = r.Replay(ctx, barograph.Replay{SubscriptionID: "sub_1", EndpointID: "hook", After: known.ID})
		if err != nil || n != 6 {
			t.Errorf("%d deliveries after an event, %v", n, err)
		}
		s.pass(time.Minute)
		var order []string
		for _, m := range s.to("hook") {
			order = append(order, string(m.Latest().ID))
		}
		if len(order) != 6 {
			t.Errorf("after an event: %v", order)
		}
		entries, err := s.db.Audit(t.Context(), barograph.AuditFilter{}, barograph.Page{Limit: 2})
		s.must(err)
		for i, kind := range []string{"endpoint", "subscription"} {
			if e := entries[i]; e.By != "night shift" || e.Action != "replayed" || e.Kind != kind || e.After == nil {
				t.Errorf("audit %+v", e)
			}
		}
	})
}

func TestReplayRefusals(t *testing.T) {
	off := hook("off", "https://a")
	off.Health.Disabled = true
	db := database(t, subscription("sub_1", hook("hook", "https://a"), off), subscription("sub_off", func() barograph.Endpoint {
		ep := hook("off_2", "https://a")
		ep.Health.Disabled = true
		return ep
	}()))
	r := alerting.NewReplayer(db, barograph.WallClock{}, func() {})
	hourAgo := time.Now().Add(-time.Hour)
	for _, tt := range []struct {
		what barograph.Replay
		kind barograph.Kind
		says string
	}{
		{barograph.Replay{SubscriptionID: "sub_2", From: hourAgo}, barograph.KindNotFound, "sub_2"},
		{barograph.Replay{SubscriptionID: "sub_1", EndpointID: "none", From: hourAgo}, barograph.KindNotFound, "none"},
		{barograph.Replay{SubscriptionID: "sub_1", EndpointID: "off", From: hourAgo}, barograph.KindConflict, "enable it"},
		{barograph.Replay{SubscriptionID: "sub_off", From: hourAgo}, barograph.KindConflict, "enable one"},
		{barograph.Replay{SubscriptionID: "sub_1"}, barograph.KindInvalid, "from: is missing"},
		{barograph.Replay{SubscriptionID: "sub_1", From: time.Now().Add(-15 * barograph.Day)}, barograph.KindInvalid, "more than 14d ago"},
		{barograph.Replay{SubscriptionID: "sub_1", From: hourAgo, To: hourAgo.Add(-time.Hour)}, barograph.KindInvalid, "to: "},
		{barograph.Replay{SubscriptionID: "sub_1", After: "evt_none"}, barograph.KindNotFound, "evt_none"},
	} {
		n, err := r.Replay(t.Context(), tt.what)
		if barograph.KindOf(err) != tt.kind || !strings.Contains(fmt.Sprint(err), tt.says) || n != 0 {
			t.Errorf("%+v: %d, %v; want %v and %q", tt.what, n, err, tt.kind, tt.says)
		}
	}
}

// watched is a store that tells of each thing that is read or written.
type watched struct {
	*configdb.DB

	reads   func()
	records func(barograph.Change)
}

func (w watched) Events(ctx context.Context, f barograph.EventFilter, p barograph.Page) ([]barograph.Event, error) {
	w.reads()
	return w.DB.Events(ctx, f, p)
}

func (w watched) Record(ctx context.Context, c barograph.Change) error {
	w.records(c)
	return w.DB.Record(ctx, c)
}

func TestOneReplayAtATime(t *testing.T) {
	db := database(t, subscription("sub_1", hook("hook", "https://a")))
	what := barograph.Replay{SubscriptionID: "sub_1", From: time.Now().Add(-time.Hour)}
	var r *alerting.Replayer
	refused := 0
	r = alerting.NewReplayer(watched{DB: db, reads: func() {
		if _, err := r.Replay(t.Context(), what); barograph.KindOf(err) != barograph.KindRateLimited || !strings.Contains(err.Error(), "one at a time") {
			t.Errorf("beside another: %v", err)
		}
		refused++
	}}, barograph.WallClock{}, func() {})
	for range 2 {
		if _, err := r.Replay(t.Context(), what); err != nil {
			t.Fatal(err)
		}
	}
	if refused != 2 {
		t.Errorf("%d refused", refused)
	}
}

// A long replay reads and writes in turns, oldest first, and nothing twice, though
// events come and go meanwhile.
func TestLongReplayGoesByPages(t *testing.T) {
	const events = 5000
	db := database(t, subscription("sub_1", hook("one", "https://a"), hook("two", "https://a")))
	begin := time.Now().Add(-time.Hour)
	add := func(from, n int) {
		var c barograph.Change
		for i := range n {
			e := about(fmt.Sprintf("evt_%05d", from+i))
			e.Time = begin
			c.Events = append(c.Events, e)
		}
		if err := db.Record(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	add(0, events)
	readAfterWrite := false
	var got []string
	r := alerting.NewReplayer(watched{
		DB: db,
		reads: func() {
			readAfterWrite = readAfterWrite || len(got) > 0
		},
		records: func(c barograph.Change) {
			if len(got) == 0 {
				add(events, 10) // is told by itself
			}
			for _, d := range c.Deliveries {
				got = append(got, string(d.EventID))
			}
		},
	}, barograph.WallClock{}, func() {})
	n, err := r.Replay(t.Context(), barograph.Replay{SubscriptionID: "sub_1", From: begin, To: time.Now()})
	if err != nil || n != 2*events || len(got) != n {
		t.Fatalf("%d added, %d recorded, %v", n, len(got), err)
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != events {
		t.Error("not each event once to each endpoint, oldest first")
	}
	if !readAfterWrite {
		t.Error("all was read before anything was written")
	}
}
