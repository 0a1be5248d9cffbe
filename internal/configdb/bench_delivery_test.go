package configdb_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/enginetest"
)

// benchSubscription makes a subscription with endpoints of the kind.
func benchSubscription(b *testing.B, db *configdb.DB, kind barograph.EndpointKind, endpoints int) barograph.Subscription {
	b.Helper()
	s := barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true, Storm: barograph.DefaultStorm()}
	for k := range endpoints {
		s.Endpoints = append(s.Endpoints, barograph.Endpoint{ID: benchID[barograph.EndpointID]("ept", k), Kind: kind})
	}
	if err := db.CreateSubscription(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	return s
}

// fillDeliveries records events with a delivery each to the k-th endpoint.
func fillDeliveries(b *testing.B, db *configdb.DB, s barograph.Subscription, k, from, count int, edit func(n int, d *barograph.Delivery)) {
	b.Helper()
	const atOnce = 5000
	for begin := from; begin < from+count; begin += atOnce {
		var change barograph.Change
		for n := begin; n < min(begin+atOnce, from+count); n++ {
			e := benchEvent(n)
			d := benchDelivery(n, e, s, k)
			edit(n, &d)
			change.Events, change.Deliveries = append(change.Events, e), append(change.Deliveries, d)
		}
		if err := db.Record(b.Context(), change); err != nil {
			b.Fatal(err)
		}
	}
}

// crowdedDatabase returns a database with 100,000 deliveries pending at one endpoint, and
// 1,000 at another one.
func crowdedDatabase(b *testing.B, kind barograph.EndpointKind) *configdb.DB {
	b.Helper()
	db := openBench(b)
	s := benchSubscription(b, db, kind, 2)
	for k, count := range []int{100_000, 1000} {
		fillDeliveries(b, db, s, k, k*100_000, count, func(_ int, d *barograph.Delivery) {
			if s.Endpoints[k].Groups() {
				d.Group = "rule=a"
			}
		})
	}
	if enginetest.Env("BAROGRAPH_BENCH_POSTGRES") != "" { // as it does by itself within a minute
		if _, err := configdb.Writer(db).ExecContext(b.Context(), "ANALYZE"); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

// BenchmarkDueCrowded asks what is due at a dead endpoint and a healthy one.
func BenchmarkDueCrowded(b *testing.B) {
	for _, kind := range []barograph.EndpointKind{barograph.EndpointWebhook, barograph.EndpointEmail} {
		b.Run(string(kind), func(b *testing.B) {
			db := crowdedDatabase(b, kind)
			for b.Loop() {
				if due, err := db.DueDeliveries(b.Context(), benchTime().Add(time.Hour), 16, 1024); err != nil || len(due) != 32 {
					b.Fatalf("%d due, error %v", len(due), err)
				}
			}
		})
	}
}

// BenchmarkClaimCrowded claims one delivery, with what goes out with it, and
// releases it.
func BenchmarkClaimCrowded(b *testing.B) {
	for kind, want := range map[barograph.EndpointKind]int{barograph.EndpointWebhook: 1, barograph.EndpointEmail: 500} {
		b.Run(fmt.Sprint(kind, "/message=", want), func(b *testing.B) {
			db := crowdedDatabase(b, kind)
			now := benchTime().Add(time.Hour)
			c := barograph.Claim{By: "one", Now: now, Until: now.Add(time.Minute), MostGrouped: 500}
			for n := 1; b.Loop(); n++ {
				claimed, err := db.ClaimDeliveries(b.Context(), []barograph.DeliveryID{benchID[barograph.DeliveryID]("dlv", 1)}, c)
				if err != nil || len(claimed) != want {
					b.Fatalf("%d claimed, error %v; want %d", len(claimed), err, want)
				}
				b.StopTimer()
				if err := db.ReleaseClaims(b.Context(), "one"); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkDueClaimedAhead asks what is due behind 8 claimed messages of 500.
func BenchmarkDueClaimedAhead(b *testing.B) {
	db := crowdedDatabase(b, barograph.EndpointEmail)
	now := benchTime().Add(time.Hour)
	c := barograph.Claim{By: "one", Now: now, Until: now.Add(time.Minute), MostGrouped: 500}
	for range 8 {
		due, err := db.DueDeliveries(b.Context(), now, 1, 1)
		if err != nil || len(due) != 1 {
			b.Fatalf("%d due, error %v", len(due), err)
		}
		if _, err := db.ClaimDeliveries(b.Context(), []barograph.DeliveryID{due[0].Delivery.ID}, c); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if due, err := db.DueDeliveries(b.Context(), now, 16, 1024); err != nil || len(due) != 32 {
			b.Fatalf("%d due, error %v", len(due), err)
		}
	}
}

// BenchmarkSaveDeliveryResults saves the results of batches, failed and delivered.
func BenchmarkSaveDeliveryResults(b *testing.B) {
	db := crowdedDatabase(b, barograph.EndpointWebhook)
	s := barograph.Subscription{ID: "sub_1", Endpoints: []barograph.Endpoint{{ID: benchID[barograph.EndpointID]("ept", 0)}}}
	next := 0
	for _, size := range []int{1, 100, 500} {
		for _, state := range []barograph.DeliveryState{barograph.DeliveryPending, barograph.DeliveryDelivered} {
			b.Run(fmt.Sprintf("%s/batch=%d", state, size), func(b *testing.B) {
				results := make([]barograph.DeliveryResult, size)
				saved := 0
				for b.Loop() {
					for i := range results {
						next = (next + 1) % 100_000
						d := benchDelivery(next, benchEvent(next), s, 0)
						d.State, d.Attempts, d.NextTry = state, 1, benchTime().Add(time.Duration(next)*time.Second)
						if state == barograph.DeliveryDelivered {
							d.NextTry, d.DoneAt = time.Time{}, benchTime()
						}
						results[i] = barograph.DeliveryResult{Delivery: d, Attempt: barograph.Attempt{At: benchTime(), StatusCode: 503}}
					}
					if err := db.SaveDeliveryResults(b.Context(), results); err != nil {
						b.Fatal(err)
					}
					saved += size
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(saved), "µs/result")
			})
		}
	}
}

// BenchmarkRemind looks at 10,000 open breaches that 5 endpoints were told of.
func BenchmarkRemind(b *testing.B) {
	db := openBench(b)
	s := benchSubscription(b, db, barograph.EndpointEmail, 5)
	const many = 10_000
	for begin := 0; begin < many; begin += 1000 {
		var change barograph.Change
		for n := begin; n < begin+1000; n++ {
			e := benchEvent(n)
			e.Type, e.Data.Prediction = barograph.EventBreachStarted, nil
			id := benchID[barograph.BreachID]("brc", n)
			change.Breaches = append(change.Breaches, barograph.Breach{ID: id, RuleID: "rul_1", StartedAt: benchTime()})
			change.Events = append(change.Events, e)
			for k := range s.Endpoints {
				d := benchDelivery(5*n+k, e, s, k)
				d.Topic, d.State, d.DoneAt = string(id), barograph.DeliveryDelivered, benchTime()
				change.Deliveries = append(change.Deliveries, d)
			}
		}
		if err := db.Record(b.Context(), change); err != nil {
			b.Fatal(err)
		}
	}
	remind := func(b *testing.B, at time.Time, want int) {
		b.Helper()
		if n, err := db.Remind(b.Context(), at); err != nil || n != want {
			b.Fatalf("%d reminders, error %v; want %d", n, err, want)
		}
	}
	soon, due := benchTime().Add(time.Hour), benchTime().Add(2*barograph.Day)
	b.Run("none due", func(b *testing.B) {
		for b.Loop() {
			remind(b, soon, 0)
		}
	})
	start := time.Now()
	remind(b, due, 5*many)
	b.Logf("all due: %s for %d reminders", time.Since(start), 5*many)
	b.Run("all pending", func(b *testing.B) {
		for b.Loop() {
			remind(b, due.Add(2*barograph.Day), 0)
		}
	})
}

// BenchmarkReleaseHeld looks at 10,000 held deliveries, and lets go of them.
func BenchmarkReleaseHeld(b *testing.B) {
	const many = 10_000
	fill := func(b *testing.B) *configdb.DB {
		b.Helper()
		db := openBench(b)
		s := benchSubscription(b, db, barograph.EndpointEmail, 1)
		fillDeliveries(b, db, s, 0, 0, many, func(n int, d *barograph.Delivery) {
			d.State, d.HeldBy, d.Group = barograph.DeliveryHeld, barograph.Hold(fmt.Sprint("sil_", n%10)), "rule=a"
		})
		return db
	}
	var all []barograph.Hold
	for n := range 10 {
		all = append(all, barograph.Hold(fmt.Sprint("sil_", n)))
	}
	b.Run("none", func(b *testing.B) {
		db := fill(b)
		for b.Loop() {
			if n, err := db.ReleaseHeld(b.Context(), all, benchTime()); err != nil || n != 0 {
				b.Fatalf("%d released, error %v; want none", n, err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		db := fill(b)
		start := time.Now()
		if n, err := db.ReleaseHeld(b.Context(), nil, benchTime()); err != nil || n != many {
			b.Fatalf("%d released, error %v; want %d", n, err, many)
		}
		b.Logf("%s for %d", time.Since(start), many)
	})
}

// BenchmarkEndpointQueues counts 101,000 deliveries.
func BenchmarkEndpointQueues(b *testing.B) {
	db := crowdedDatabase(b, barograph.EndpointWebhook)
	for b.Loop() {
		if queues, err := db.EndpointQueues(b.Context()); err != nil || len(queues) != 2 || queues[0].Pending != 100_000 {
			b.Fatalf("queues %+v, error %v", queues, err)
		}
	}
}
