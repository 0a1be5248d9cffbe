package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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

// notify is a notifier made of a function, for tests on a clock of their own,
// in which there is no network.
type notify func(ctx context.Context, e barograph.Event, ep barograph.Endpoint) alerting.Outcome

func (n notify) Notify(ctx context.Context, given alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
	e := given.Latest()
	return n(ctx, e, ep)
}

func ok() alerting.Outcome {
	return alerting.Outcome{Verdict: alerting.VerdictDelivered, StatusCode: 204}
}

func refuse() alerting.Outcome {
	return alerting.Outcome{Verdict: alerting.VerdictTemporary, StatusCode: 500, Err: errors.New("answered 500")}
}

func dispatcher(t *testing.T, store alerting.DispatchStore, n notify) *alerting.Dispatcher {
	t.Helper()
	return dispatcherWith(t, alerting.DefaultDeliveryConfig(), store, n)
}

func dispatcherWith(t *testing.T, cfg alerting.DeliveryConfig, store alerting.DispatchStore, n notify) *alerting.Dispatcher {
	t.Helper()
	d, err := alerting.NewDispatcher(cfg, store,
		map[barograph.EndpointKind]alerting.Notifier{barograph.EndpointWebhook: n}, quietDeps())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func overHTTP(tb testing.TB, store alerting.DispatchStore) *alerting.Dispatcher {
	tb.Helper()
	n, err := alerting.NewNotifiers(loopback(), alerting.NotifierDeps{})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := alerting.NewDispatcher(loopback(), store, n, quietDeps())
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// record records events with their deliveries.
func record(tb testing.TB, db *configdb.DB, events ...barograph.Event) {
	tb.Helper()
	subs, err := db.Subscriptions(tb.Context(), barograph.Page{})
	if err != nil {
		tb.Fatal(err)
	}
	c := barograph.Change{Events: events}
	for _, e := range events {
		c.Deliveries = append(c.Deliveries, alerting.Deliveries(subs, e, time.Now())...)
	}
	if err := db.Record(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
}

// about returns an event about a prediction of its own.
func about(id string) barograph.Event {
	e := opened(id)
	p := *e.Data.Prediction
	p.ID = barograph.PredictionID("prd_" + id)
	e.Data.Prediction = &p
	return e
}

// deliveries returns those of the subscription sub_1, newest first.
func deliveries(t *testing.T, db *configdb.DB) []barograph.Delivery {
	t.Helper()
	all, err := db.Deliveries(context.WithoutCancel(t.Context()), barograph.DeliveryFilter{SubscriptionID: "sub_1"}, barograph.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func states(all []barograph.Delivery) map[barograph.DeliveryState]int {
	out := map[barograph.DeliveryState]int{}
	for _, d := range all {
		out[d.State]++
	}
	return out
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestDispatcherSendsWhatIsRecorded(t *testing.T) {
	url, got := receiver(t)
	ep := hook("ept_1", url)
	db := database(t, subscription("sub_1", ep), subscription("sub_2", hook("ept_2", url)))
	d := overHTTP(t, db)
	start(t, d)
	record(t, db, about("evt_1"))
	d.Wake()
	for range 2 {
		if r := <-got; r.header.Get("Webhook-Id") != "evt_1" {
			t.Errorf("webhook-id %q", r.header.Get("Webhook-Id"))
		}
	}
	eventually(t, "delivered", func() bool { return states(deliveries(t, db))[barograph.DeliveryDelivered] == 1 })
	one := deliveries(t, db)[0]
	tries, err := db.DeliveryAttempts(t.Context(), one.ID)
	if err != nil || len(tries) != 1 || tries[0].StatusCode != http.StatusNoContent || tries[0].Error != "" || tries[0].Latency <= 0 || one.Attempts != 1 {
		t.Errorf("delivery %+v, attempts %+v, err %v", one, tries, err)
	}
	sub, err := db.Subscription(t.Context(), "sub_1")
	if err != nil || sub.Endpoints[0].Health.LastSuccess.IsZero() {
		t.Errorf("endpoint %+v, err %v", sub.Endpoints, err)
	}
}

// Each try is within ±20 % of the schedule, though the dispatcher is a new one
// for each. Twenty minutes to live leave time for five.
func TestTriesKeepTheScheduleOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("ept_1", "https://example.com")))
		cfg := alerting.DefaultDeliveryConfig()
		cfg.TimeToLive = barograph.Duration(20 * time.Minute)
		tries := make(chan time.Time)
		n := func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
			tries <- time.Now()
			return refuse()
		}
		record(t, db, about("evt_1"))
		schedule := []time.Duration{0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}
		last := time.Now()
		for i, planned := range schedule {
			stop := start(t, dispatcherWith(t, cfg, db, n))
			at := <-tries
			stop()
			if gap := at.Sub(last); gap < planned*8/10 || gap > planned*12/10+time.Millisecond {
				t.Errorf("try %d came %v after the one before, planned %v", i+1, gap, planned)
			}
			last = at
		}
		if d := deliveries(t, db)[0]; d.State != barograph.DeliveryExpired || d.Attempts != len(schedule) {
			t.Errorf("%s after %d tries", d.State, d.Attempts)
		}
	})
}

// Receivers that fail three times of ten, hang, or reset: nothing is lost.
func TestAllIsDeliveredInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 60
		db := database(t, subscription("sub_1", hook("flaky", "https://a"), hook("hanging", "https://b"), hook("healthy", "https://c")))
		var mu sync.Mutex
		got, tries := map[string]int{}, map[string]uint64{}
		throw := func(delivery string) float64 { // the same in each run, or one is refused too often some day
			mu.Lock()
			defer mu.Unlock()
			tries[delivery]++
			sum := fnv.New64a()
			_, _ = sum.Write([]byte(delivery))
			return rand.New(rand.NewPCG(sum.Sum64(), tries[delivery])).Float64()
		}
		n := func(_ context.Context, e barograph.Event, ep barograph.Endpoint) alerting.Outcome {
			dice := throw(string(ep.ID) + " " + string(e.ID))
			switch {
			case ep.ID == "flaky" && dice < 0.3:
				return refuse()
			case ep.ID == "hanging" && dice < 0.1:
				time.Sleep(15 * time.Second)
				return refuse()
			}
			mu.Lock()
			defer mu.Unlock()
			got[string(ep.ID)+" "+string(e.ID)]++
			return ok()
		}
		d := dispatcher(t, db, n)
		stop := start(t, d)
		for i := range events {
			record(t, db, about(fmt.Sprint("evt_", i)))
			d.Wake()
			time.Sleep(100 * time.Millisecond)
		}
		for begin := time.Now(); time.Since(begin) < 24*time.Hour; time.Sleep(time.Minute) {
			if states(deliveries(t, db))[barograph.DeliveryPending] == 0 {
				break
			}
		}
		stop()
		if s := states(deliveries(t, db)); s[barograph.DeliveryDelivered] != 3*events {
			t.Errorf("states %v", s)
		}
		for key, n := range got {
			if n != 1 {
				t.Errorf("%s came %d times", key, n)
			}
		}
		if len(got) != 3*events {
			t.Errorf("%d deliveries came, want %d", len(got), 3*events)
		}
	})
}

// besideDead runs a dispatcher with many deliveries to an endpoint that never
// answers, and returns a function that sends an event to a healthy one and says
// how long it took, and another that returns the most tries at once to the dead.
func besideDead(tb testing.TB, queued int) (send func(id string) time.Duration, mostAtOnce func() int32) {
	tb.Helper()
	never := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-never:
		case <-r.Context().Done():
		}
	}))
	tb.Cleanup(dead.Close)
	arrived := make(chan struct{})
	alive := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	tb.Cleanup(alive.Close)
	db := database(tb, subscription("sub_dead", hook("dead", dead.URL)))
	for i := 0; i < queued; i += 500 {
		var events []barograph.Event
		for j := range 500 {
			events = append(events, about(fmt.Sprint("evt_", i+j)))
		}
		record(tb, db, events...)
	}
	if err := db.CreateSubscription(tb.Context(), subscription("sub_alive", hook("alive", alive.URL))); err != nil {
		tb.Fatal(err)
	}
	n, err := alerting.NewNotifiers(loopback(), alerting.NotifierDeps{})
	if err != nil {
		tb.Fatal(err)
	}
	tries := &atOnce{Notifier: n[barograph.EndpointWebhook], to: "dead"}
	n[barograph.EndpointWebhook] = tries
	d, err := alerting.NewDispatcher(loopback(), db, n, quietDeps())
	if err != nil {
		tb.Fatal(err)
	}
	stop := startRun(tb, d.Run)
	tb.Cleanup(func() {
		close(never)
		stop()
	})
	for tries.most.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	return func(id string) time.Duration {
		begin := time.Now()
		record(tb, db, about(id))
		d.Wake()
		<-arrived
		return time.Since(begin)
	}, tries.most.Load
}

// atOnce counts the tries to an endpoint that are under way: here, as a receiver
// learns only later that one was given up.
type atOnce struct {
	alerting.Notifier

	to        barograph.EndpointID
	now, most atomic.Int32
}

func (a *atOnce) Notify(ctx context.Context, n alerting.Notification, ep barograph.Endpoint) alerting.Outcome {
	if ep.ID == a.to {
		now := a.now.Add(1)
		defer a.now.Add(-1)
		for most := a.most.Load(); now > most && !a.most.CompareAndSwap(most, now); most = a.most.Load() {
		}
	}
	return a.Notifier.Notify(ctx, n, ep)
}

func TestDeadEndpointsDelayNoOther(t *testing.T) {
	send, mostAtOnce := besideDead(t, 2000)
	for i := range 50 {
		send(fmt.Sprint("new_", i))
	}
	if n := mostAtOnce(); n > 4 {
		t.Errorf("the dead endpoint had %d tries at once, want at most 4", n)
	}
}

// BenchmarkBesideDeadEndpoint measures from the change to its arrival at a
// healthy endpoint while another never answers and has 10,000 queued.
func BenchmarkBesideDeadEndpoint(b *testing.B) {
	send, _ := besideDead(b, 10_000)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		took = append(took, send(fmt.Sprint("new_", i)))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func TestGoneDisablesAndTellsTheOthers(t *testing.T) {
	url, got := receiver(t)
	var gone atomic.Int32
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		gone.Add(1)
		w.WriteHeader(http.StatusGone)
	}))
	defer dead.Close()
	own := subscription("sub_own", hook("bad", dead.URL), hook("good", url))
	own.EventTypes = []string{"prediction.*"}
	db := database(t, own, subscription("sub_other", hook("other", url)))
	d := overHTTP(t, db)
	start(t, d)
	record(t, db, about("evt_1"))
	d.Wake()
	types := map[string]int{}
	for range 4 {
		r := <-got
		types[strings.SplitN(r.header.Get("Webhook-Id"), "_", 2)[0]+bodyType(t, r)]++
	}
	if diff := cmp.Diff(map[string]int{"evtprediction.opened": 2, "evtendpoint.disabled": 2}, types); diff != "" {
		t.Error(diff)
	}
	sub, err := db.Subscription(t.Context(), "sub_own")
	if err != nil {
		t.Fatal(err)
	}
	if h := sub.Endpoints[0].Health; !h.Disabled || h.DisabledReason != "the receiver answered 410 Gone" || h.DisabledAt.IsZero() {
		t.Errorf("health %+v", h)
	}
	record(t, db, about("evt_2"))
	d.Wake()
	<-got
	<-got
	if gone.Load() != 1 {
		t.Errorf("the disabled endpoint was tried %d times", gone.Load())
	}
	events, err := db.Events(t.Context(), barograph.EventFilter{Types: []string{"endpoint.disabled"}}, barograph.Page{})
	if err != nil || len(events) != 1 || events[0].Subject != "bad" {
		t.Errorf("events %+v, err %v", events, err)
	}
}

func bodyType(t *testing.T, r received) string {
	t.Helper()
	var e barograph.Event
	if err := e.UnmarshalJSON(r.body); err != nil {
		t.Fatal(err)
	}
	return string(e.Type)
}

func TestTestEnablesAnEndpointThatWorksAgain(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusGone)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer srv.Close()
	db := database(t, subscription("sub_1", hook("ept_1", srv.URL)))
	d := overHTTP(t, db)
	stop := start(t, d)
	record(t, db, about("evt_1"))
	d.Wake()
	sub := func() barograph.Subscription {
		s, err := db.Subscription(t.Context(), "sub_1")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	eventually(t, "disabled", func() bool { return sub().Endpoints[0].Health.Disabled })
	stop()
	before := sub().Endpoints[0].Health
	if a, err := d.Test(t.Context(), sub(), "ept_1"); err != nil || a.StatusCode != http.StatusGone {
		t.Fatalf("attempt %+v, err %v", a, err)
	}
	if diff := cmp.Diff(before, sub().Endpoints[0].Health); diff != "" {
		t.Errorf("a failed test changed the health:\n%s", diff)
	}
	status.Store(http.StatusOK)
	d = overHTTP(t, db) // one that has tested nothing yet
	if a, err := d.Test(t.Context(), sub(), "ept_1"); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("attempt %+v, err %v", a, err)
	}
	if h := sub().Endpoints[0].Health; h.Disabled || h.LastSuccess.IsZero() {
		t.Errorf("health %+v", h)
	}
	events, err := db.Events(t.Context(), barograph.EventFilter{Types: []string{"endpoint.enabled"}}, barograph.Page{})
	if err != nil || len(events) != 1 {
		t.Errorf("events %+v, err %v", events, err)
	}
	if s := states(deliveries(t, db)); s[barograph.DeliveryDelivered] != 1 || s[barograph.DeliveryExhausted] != 2 {
		t.Errorf("states %v", s)
	}
	if _, err := d.Test(t.Context(), sub(), "ept_2"); barograph.KindOf(err) != barograph.KindNotFound {
		t.Errorf("unknown endpoint: %v", err)
	}
}

func TestOneTopicIsSentInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("ept_1", "https://a")))
		var order []string
		d := dispatcher(t, db, func(_ context.Context, e barograph.Event, _ barograph.Endpoint) alerting.Outcome {
			time.Sleep(time.Second)
			order = append(order, string(e.ID)) // no lock: the tries must not overlap
			return ok()
		})
		start(t, d)
		for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
			record(t, db, opened(id))
			d.Wake()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"evt_1", "evt_2", "evt_3"}, order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDeliveryThatIsTooOldIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("ept_1", "https://a")))
		record(t, db, about("evt_1"))
		time.Sleep(25 * time.Hour)
		record(t, db, about("evt_2"))
		var sent atomic.Int32
		start(t, dispatcher(t, db, func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
			sent.Add(1)
			return ok()
		}))
		time.Sleep(time.Second)
		synctest.Wait()
		all := deliveries(t, db)
		if sent.Load() != 1 || all[0].State != barograph.DeliveryDelivered || all[1].State != barograph.DeliveryExpired ||
			!strings.Contains(all[1].LastTry.Error, "time to live of 1d") {
			t.Errorf("%d sent, deliveries %+v", sent.Load(), all)
		}
	})
}

func TestShutdownWaitsForTriesAndForgetsWhatItBrokeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := database(t, subscription("sub_1", hook("slow", "https://a"), hook("stuck", "https://b")))
		record(t, db, about("evt_1"))
		d := dispatcher(t, db, func(ctx context.Context, _ barograph.Event, ep barograph.Endpoint) alerting.Outcome {
			wait := 3 * time.Second
			if ep.ID == "stuck" {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
				return ok()
			case <-ctx.Done():
				return refuse()
			}
		})
		stop := start(t, d)
		time.Sleep(time.Second)
		begin := time.Now()
		stop()
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("shutdown took %v", took)
		}
		for _, one := range deliveries(t, db) {
			want := map[barograph.EndpointID]barograph.DeliveryState{"slow": barograph.DeliveryDelivered, "stuck": barograph.DeliveryPending}[one.EndpointID]
			if one.State != want || one.EndpointID == "stuck" && one.Attempts != 0 {
				t.Errorf("%s: %s after %d tries", one.EndpointID, one.State, one.Attempts)
			}
		}
	})
}

// shaky is a database that cannot be written to for a while.
type shaky struct {
	*configdb.DB

	down atomic.Bool
}

func (s *shaky) SaveDeliveryResults(ctx context.Context, r []barograph.DeliveryResult) error {
	if s.down.Load() {
		return errors.New("disk full")
	}
	return s.DB.SaveDeliveryResults(ctx, r)
}

func TestNothingIsSentTwiceWhileResultsCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &shaky{DB: database(t, subscription("sub_1", hook("ept_1", "https://a")))}
		db.down.Store(true)
		var sent atomic.Int32
		d := dispatcher(t, db, func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome {
			sent.Add(1)
			return ok()
		})
		stop := start(t, d)
		record(t, db.DB, about("evt_1"), about("evt_2"))
		for range 60 {
			d.Wake()
			time.Sleep(time.Second)
		}
		db.down.Store(false)
		time.Sleep(2 * time.Second)
		stop()
		if s := states(deliveries(t, db.DB)); sent.Load() != 2 || s[barograph.DeliveryDelivered] != 2 {
			t.Errorf("%d sent, states %v", sent.Load(), s)
		}
	})
}

// doubtful is a database that is lost while it takes claims: they are made, and
// nobody is told.
type doubtful struct {
	*configdb.DB

	lost atomic.Bool
}

func (s *doubtful) ClaimDeliveries(ctx context.Context, ids []barograph.DeliveryID, c barograph.Claim) ([]barograph.DueDelivery, error) {
	claimed, err := s.DB.ClaimDeliveries(ctx, ids, c)
	if s.lost.CompareAndSwap(true, false) {
		return nil, errors.New("the connection broke")
	}
	return claimed, err
}

func TestClaimsThatNobodyKnowsOfAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &doubtful{DB: database(t, subscription("sub_1", hook("ept_1", "https://a")))}
		var slow, quick atomic.Int32
		d := dispatcher(t, db, func(_ context.Context, e barograph.Event, _ barograph.Endpoint) alerting.Outcome {
			if e.ID != "evt_1" {
				quick.Add(1)
				return ok()
			}
			slow.Add(1)
			time.Sleep(30 * time.Second)
			return ok()
		})
		stop := start(t, d)
		record(t, db.DB, about("evt_1"))
		d.Wake()
		time.Sleep(5 * time.Second)
		db.lost.Store(true)
		record(t, db.DB, about("evt_2"))
		d.Wake()
		time.Sleep(10 * time.Second)
		if quick.Load() != 1 || db.lost.Load() {
			t.Errorf("sent %d times within 10 s, want once; its claim was lost: %t", quick.Load(), !db.lost.Load())
		}
		time.Sleep(30 * time.Second)
		stop()
		if s := states(deliveries(t, db.DB)); slow.Load() != 1 || quick.Load() != 1 || s[barograph.DeliveryDelivered] != 2 {
			t.Errorf("%d and %d sent, states %v", slow.Load(), quick.Load(), s)
		}
	})
}

func TestDeliveriesGoToWhoWantsThem(t *testing.T) {
	off := hook("off", "https://a")
	off.Health.Disabled = true
	choosy, asleep := subscription("choosy", hook("choosy", "https://a")), subscription("asleep", hook("asleep", "https://a"))
	choosy.MinSeverity = barograph.SeverityCritical
	asleep.Enabled = false
	now := time.Now()
	got := alerting.Deliveries([]barograph.Subscription{subscription("sub_1", hook("on", "https://a"), off), choosy, asleep}, opened("evt_1"), now)
	if len(got) != 1 {
		t.Fatalf("%d deliveries", len(got))
	}
	want := barograph.Delivery{
		ID: got[0].ID, EventID: "evt_1", SubscriptionID: "sub_1", EndpointID: "on", Topic: "prd_1",
		State: barograph.DeliveryPending, CreatedAt: now, NextTry: now,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" || !strings.HasPrefix(string(got[0].ID), "dlv_") {
		t.Error(diff)
	}
}

func TestDeliveryConfigNamesEveryProblem(t *testing.T) {
	if err := alerting.DefaultDeliveryConfig().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	bad := alerting.DeliveryConfig{
		AllowNetworks: []string{"10.0.0.0/8", "nonsense"},
		Email:         alerting.EmailConfig{Host: "mail", Port: 0, Username: "u", From: "nobody", TLS: "ssl"},
		SMS:           alerting.SMSConfig{AccountSID: "a/b", BaseURL: "http://example.com"},
		TimeToLive:    1, DisableAfter: -1, Concurrency: 2, PerEndpoint: 3, RetrySchedule: []barograph.Duration{1},
	}
	err := bad.Validate()
	for _, field := range []string{
		"allow_networks[1]", "email.port", "email.from", "email.tls", "email.password", "sms.account_sid", "sms.base_url",
		"sms.auth_token", "sms.from", "retry_schedule[0]", "time_to_live", "disable_after", "disable_exhausted", "per_endpoint",
	} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("no problem with %s in: %v", field, err)
		}
	}
	if _, err := alerting.NewNotifiers(bad, alerting.NotifierDeps{}); err == nil {
		t.Error("notifiers of a bad configuration")
	}
	if _, err := alerting.NewDispatcher(bad, nil, nil, quietDeps()); err == nil {
		t.Error("dispatcher of a bad configuration")
	}
}

// BenchmarkWakeToRequest measures from the recorded event to its arrival.
func BenchmarkWakeToRequest(b *testing.B) {
	arrived := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	defer srv.Close()
	db := database(b, subscription("sub_1", hook("ept_1", srv.URL)))
	d := overHTTP(b, db)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	i := 0
	for b.Loop() {
		b.StopTimer()
		record(b, db, about(fmt.Sprint("evt_", i)))
		i++
		b.StartTimer()
		d.Wake()
		<-arrived
	}
	stop()
	<-done
}

// BenchmarkDispatcher measures deliveries to five endpoints in a second.
func BenchmarkDispatcher(b *testing.B) {
	var arrived atomic.Int64
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) })}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer func() { _ = srv.Close() }()
	var eps []barograph.Endpoint
	for i := range 5 {
		eps = append(eps, hook(fmt.Sprint("ept_", i), "http://"+l.Addr().String()))
	}
	db := database(b, subscription("sub_1", eps...))
	events := make([]barograph.Event, b.N)
	for i := range events {
		events[i] = about(fmt.Sprint("evt_", i))
	}
	record(b, db, events...)
	d := overHTTP(b, db)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	b.ResetTimer()
	go func() { done <- d.Run(ctx) }()
	for arrived.Load() < int64(5*b.N) {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(5*b.N)/b.Elapsed().Seconds(), "deliveries/s")
	stop()
	<-done
}
