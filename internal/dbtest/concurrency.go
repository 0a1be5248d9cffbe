package dbtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

const (
	writers = 50
	readers = 100
	during  = 2 * time.Second
)

// testConcurrency lets many write and read at once. Nobody may see an error,
// and all that was written must be there.
func (x suite) testConcurrency(t *testing.T) {
	db := x.open(t)
	s := hook(t, 1, 3)
	noError(t, db.CreateSubscription(t.Context(), s))
	deadline := time.Now().Add(during)
	var written, read atomic.Int64
	var crowd sync.WaitGroup
	for w := range writers {
		crowd.Go(func() {
			for n := w; time.Now().Before(deadline) && !t.Failed(); n += writers {
				if err := writeSome(t.Context(), db, s, n); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
				written.Add(1)
			}
		})
	}
	for r := range readers {
		crowd.Go(func() {
			for time.Now().Before(deadline) && !t.Failed() {
				if err := readSome(t.Context(), db, s); err != nil {
					t.Errorf("reader %d: %v", r, err)
				}
				read.Add(1)
			}
		})
	}
	crowd.Wait()
	events := must(db.Events(t.Context(), barograph.EventFilter{}, barograph.Page{}))(t)
	if len(events) != int(written.Load()) || len(events) < writers {
		t.Errorf("%d events, %d were written by %d writers", len(events), written.Load(), writers)
	}
	t.Logf("%d writes and %d reads", written.Load(), read.Load())
}

func writeSome(ctx context.Context, db Database, s barograph.Subscription, n int) error {
	e := event(n, barograph.EventBreachStarted)
	change := barograph.Change{Breaches: []barograph.Breach{breach(n, "rul_a", "a")}, Events: []barograph.Event{e}}
	for k := range s.Endpoints {
		d := delivery(3*n+k, e, s, k)
		d.Topic = string(e.ID)
		change.Deliveries = append(change.Deliveries, d)
	}
	if err := db.Record(ctx, change); err != nil {
		return err
	}
	// This one reads before it writes, which is where a careless database gives up.
	d := change.Deliveries[0]
	d.State, d.Attempts = barograph.DeliveryDelivered, 1
	return db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{Delivery: d, Attempt: failure(day(1))}})
}

func readSome(ctx context.Context, db Database, s barograph.Subscription) error {
	if _, err := db.DueDeliveries(ctx, day(1), 4, 10); err != nil {
		return err
	}
	if _, err := db.Events(ctx, barograph.EventFilter{Host: "a"}, barograph.Page{Limit: 5}); err != nil {
		return err
	}
	_, err := db.Subscription(ctx, s.ID)
	return err
}
