package configdb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
	"github.com/barograph/barograph/internal/enginetest"
)

func benchTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func benchID[ID ~string](prefix string, n int) ID { return ID(fmt.Sprintf("%s_%026d", prefix, n)) }

// openBench opens an empty database: of PostgreSQL if BAROGRAPH_BENCH_POSTGRES is
// set, which waits for its disk if that is "fsync=on".
func openBench(b *testing.B) *configdb.DB {
	b.Helper()
	if option := enginetest.Env("BAROGRAPH_BENCH_POSTGRES"); option != "" {
		return openConfig(b, pgtest.Start(b, option).Config(b))
	}
	return openIn(b, b.TempDir())
}

// subscribe makes a subscription with that many webhooks.
func subscribe(b *testing.B, db *configdb.DB, endpoints int) barograph.Subscription {
	b.Helper()
	s := barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true}
	for k := range endpoints {
		s.Endpoints = append(s.Endpoints, barograph.Endpoint{
			ID: benchID[barograph.EndpointID]("ept", k), Kind: barograph.EndpointWebhook, URL: "https://example.com/hook",
			Secret: "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0",
		})
	}
	if err := db.CreateSubscription(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	return s
}

func benchEvent(n int) barograph.Event {
	p := barograph.Prediction{
		ID: benchID[barograph.PredictionID]("prd", n), RuleID: "rul_1", RuleName: "disk full", State: barograph.PredictionOpen,
		Series:   barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "web-1", "mount": "/"})},
		OpenedAt: benchTime(), First: barograph.Announcement{At: benchTime(), Reason: "in 34 of the 50 most similar situations"},
	}
	return barograph.Event{
		ID: benchID[barograph.EventID]("evt", n), Type: barograph.EventPredictionOpened, Time: benchTime(),
		Subject: p.Series.String(), Severity: barograph.SeverityWarning, Labels: p.Series.Labels,
		Data: barograph.EventData{Summary: "disk of web-1 full in 31 h", Prediction: &p},
	}
}

func benchDelivery(n int, e barograph.Event, s barograph.Subscription, k int) barograph.Delivery {
	return barograph.Delivery{
		ID: benchID[barograph.DeliveryID]("dlv", n), EventID: e.ID, SubscriptionID: s.ID, EndpointID: s.Endpoints[k].ID,
		Topic: string(e.ID), State: barograph.DeliveryPending, CreatedAt: benchTime(), NextTry: benchTime(),
	}
}

// BenchmarkRecord records an event with three deliveries.
func BenchmarkRecord(b *testing.B) {
	db := openBench(b)
	s := subscribe(b, db, 3)
	n := 0
	for b.Loop() {
		e := benchEvent(n)
		change := barograph.Change{Predictions: []barograph.Prediction{*e.Data.Prediction}, Events: []barograph.Event{e}}
		for k := range s.Endpoints {
			change.Deliveries = append(change.Deliveries, benchDelivery(3*n+k, e, s, k))
		}
		if err := db.Record(b.Context(), change); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

// BenchmarkRecordMany records 1,000 events with three deliveries each at once.
func BenchmarkRecordMany(b *testing.B) {
	db := openBench(b)
	s := subscribe(b, db, 3)
	n := 0
	for b.Loop() {
		if err := db.Record(b.Context(), manyEvents(&n, 1000, s)); err != nil {
			b.Fatal(err)
		}
	}
}

// manyEvents returns events from number *n on, each with three deliveries.
func manyEvents(n *int, count int, s barograph.Subscription) (change barograph.Change) {
	for range count {
		e := benchEvent(*n)
		change.Events = append(change.Events, e)
		for k := range 3 {
			number := 3**n + k
			change.Deliveries = append(change.Deliveries, benchDelivery(number, e, s, number%len(s.Endpoints)))
		}
		*n++
	}
	return change
}

// BenchmarkDueDeliveries asks for 100 of 10,000 that wait.
func BenchmarkDueDeliveries(b *testing.B) {
	for _, endpoints := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			db := openBench(b)
			s := subscribe(b, db, endpoints)
			n := 0
			if err := db.Record(b.Context(), manyEvents(&n, 3334, s)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				due, err := db.DueDeliveries(b.Context(), benchTime(), 10, 100)
				if err != nil || len(due) < 10 {
					b.Fatalf("%d due, error %v", len(due), err)
				}
			}
		})
	}
}

// BenchmarkHostByKey is what each submission of an agent costs.
func BenchmarkHostByKey(b *testing.B) {
	db := openBench(b)
	key := func(n int) (k barograph.KeyHash) {
		k[0], k[1], k[2] = 1, byte(n), byte(n>>8)
		return k
	}
	for n := range 1000 {
		h := barograph.Host{ID: benchID[barograph.HostID]("hst", n), Name: fmt.Sprint(n)}
		if err := db.CreateHost(b.Context(), h, key(n)); err != nil {
			b.Fatal(err)
		}
	}
	for n := 0; b.Loop(); n++ {
		if _, err := db.HostByKey(b.Context(), key(n%1000)); err != nil {
			b.Fatal(err)
		}
	}
}
