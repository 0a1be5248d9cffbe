package alerting_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// several opens a database as often as there are servers on it.
func several(t *testing.T, servers int, subs ...barograph.Subscription) []*configdb.DB {
	t.Helper()
	dir := t.TempDir()
	var dbs []*configdb.DB
	for range servers {
		db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		dbs = append(dbs, db)
	}
	for _, s := range subs {
		if err := dbs[0].CreateSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return dbs
}

// counter is a receiver that notes the order in which the events of each topic
// come to each endpoint, and whether one came while another was still there.
type counter struct {
	mu       sync.Mutex
	order    map[string][]string
	busy     map[string]bool
	overlaps int
	got      atomic.Int64
}

func (c *counter) Notify(_ context.Context, n alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
	begin := func(e barograph.Event) string {
		key := string(ep.ID) + " " + string(e.Data.Prediction.ID)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.busy[key] {
			c.overlaps++
		}
		c.busy[key] = true
		c.order[key] = append(c.order[key], string(e.ID))
		return key
	}
	key := begin(n.Latest())
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, key)
	c.got.Add(1)
	return ok()
}

// Two servers on one database share 10,000 deliveries: each is sent once, and
// those of one topic in order and one after the other.
func TestTwoDispatchersSendEachOnce(t *testing.T) {
	endpoints, topics, perTopic := 5, 200, 10
	if testing.Short() || raceDetector {
		topics = 20
	}
	var eps []barograph.Endpoint
	for i := range endpoints {
		eps = append(eps, hook(fmt.Sprint("ept_", i), "https://a"))
	}
	dbs := several(t, 2, subscription("sub_1", eps...))
	want := map[string][]string{}
	c := &counter{order: map[string][]string{}, busy: map[string]bool{}}
	var wg sync.WaitGroup
	stops := make([]func(), len(dbs))
	for i, db := range dbs {
		deps := quietDeps()
		deps.Instance = fmt.Sprint("srv_", i)
		d, err := alerting.NewDispatcher(alerting.DefaultDeliveryConfig(), db,
			map[barograph.EndpointKind]alerting.Notifier{barograph.EndpointWebhook: c}, deps)
		if err != nil {
			t.Fatal(err)
		}
		stops[i] = startRun(t, d.Run)
		wg.Go(func() { // load: it is woken all the time
			for c.got.Load() < int64(endpoints*topics*perTopic) && t.Context().Err() == nil {
				d.Wake()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for n := range perTopic {
		var events []barograph.Event
		for i := range topics {
			e := about(fmt.Sprint("topic_", i))
			e.ID = barograph.EventID(fmt.Sprintf("evt_%03d_%05d", n, i))
			events = append(events, e)
			for _, ep := range eps {
				key := string(ep.ID) + " " + string(e.Data.Prediction.ID)
				want[key] = append(want[key], string(e.ID))
			}
		}
		record(t, dbs[n%2], events...)
	}
	wg.Wait()
	for _, stop := range stops {
		stop()
	}
	if diff := cmp.Diff(want, c.order); diff != "" || c.overlaps != 0 {
		t.Errorf("%d at a time, sent (-want +got):\n%.2000s", c.overlaps+1, diff)
	}
	all, err := dbs[0].Deliveries(t.Context(), barograph.DeliveryFilter{}, barograph.Page{})
	if err != nil || states(all)[barograph.DeliveryDelivered] != endpoints*topics*perTopic {
		t.Errorf("states %v, err %v", states(all), err)
	}
	both := map[bool]int{}
	for _, d := range all {
		both[d.Attempts == 1]++
	}
	if !slices.Equal(slices.Collect(maps.Keys(both)), []bool{true}) {
		t.Errorf("tries %v", both)
	}
}

// What a server had claimed when it died is free when it starts again, and for
// others after two minutes.
func TestClaimsOfADeadServer(t *testing.T) {
	for name, tt := range map[string]struct {
		instance string
		after    time.Duration
	}{"itself": {"srv_dead", 0}, "another": {"srv_other", 2 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := database(t, subscription("sub_1", hook("ept_1", "https://a")))
				record(t, db, about("evt_1"))
				now := time.Now()
				ids := []barograph.DeliveryID{deliveries(t, db)[0].ID}
				_, err := db.ClaimDeliveries(t.Context(), ids, barograph.Claim{By: "srv_dead", Now: now, Until: now.Add(2 * time.Minute), MostGrouped: 1})
				if err != nil {
					t.Fatal(err)
				}
				deps := quietDeps()
				deps.Instance = tt.instance
				sent := make(chan time.Time)
				d, err := alerting.NewDispatcher(alerting.DefaultDeliveryConfig(), db, map[barograph.EndpointKind]alerting.Notifier{
					barograph.EndpointWebhook: notify(func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
						sent <- time.Now()
						return ok()
					}),
				}, deps)
				if err != nil {
					t.Fatal(err)
				}
				start(t, d)
				if at := (<-sent).Sub(now); at < tt.after || at > tt.after+2*time.Second {
					t.Errorf("sent after %v", at)
				}
			})
		})
	}
}

// A server that stops gives back at once what it broke off.
func TestShutdownGivesBackWhatIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("ept_1", "https://a")))
		record(t, db, about("evt_1"))
		stop := start(t, dispatcher(t, db, func(ctx context.Context, _ barograph.Event, _ barograph.Endpoint) alerting.Outcome {
			<-ctx.Done()
			return refuse()
		}))
		time.Sleep(time.Second)
		if due, err := db.DueDeliveries(t.Context(), time.Now(), 1, 1); err != nil || len(due) != 0 {
			t.Fatalf("due while it is tried: %+v, err %v", due, err)
		}
		stop()
		if due, err := db.DueDeliveries(t.Context(), time.Now(), 1, 1); err != nil || len(due) != 1 || due[0].Delivery.Attempts != 0 {
			t.Errorf("due after it was broken off: %+v, err %v", due, err)
		}
	})
}

// No try outlives the claim on what it sends.
func TestTriesEndBeforeTheirClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("ept_1", "https://a")))
		record(t, db, about("evt_1"))
		begin := time.Now()
		took := make(chan time.Duration, 100)
		start(t, dispatcher(t, db, func(ctx context.Context, _ barograph.Event, _ barograph.Endpoint) alerting.Outcome {
			begin := time.Now()
			<-ctx.Done()
			took <- time.Since(begin)
			return alerting.Outcome{Verdict: alerting.VerdictTemporary, Err: context.Cause(ctx)}
		}))
		if d := <-took; d >= 2*time.Minute {
			t.Errorf("a try took %v", d)
		}
		time.Sleep(time.Second)
		one := deliveries(t, db)[0]
		if one.Attempts != 1 || one.LastTry.Error != "the try took longer than 1m30s" || time.Since(begin) > 2*time.Minute {
			t.Errorf("delivery %+v", one)
		}
	})
}
