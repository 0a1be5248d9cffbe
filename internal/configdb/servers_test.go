package configdb_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// TestTwoServers has two servers on one database claim side by side: each
// delivery is claimed by one of them.
func TestTwoServers(t *testing.T) {
	const many = 300
	dir := t.TempDir()
	servers := []*configdb.DB{openIn(t, dir), openIn(t, dir)}
	s := barograph.Subscription{ID: "sub_1", Name: "all", Enabled: true, Endpoints: []barograph.Endpoint{
		{ID: "ept_1", Kind: barograph.EndpointWebhook},
	}}
	if err := servers[0].CreateSubscription(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	var change barograph.Change
	for n := range many {
		e := benchEvent(n)
		change.Events = append(change.Events, e)
		change.Deliveries = append(change.Deliveries, benchDelivery(n, e, s, 0))
	}
	if err := servers[1].Record(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	by := map[barograph.DeliveryID]int{}
	var crowd sync.WaitGroup
	for i, db := range servers {
		crowd.Go(func() {
			c := barograph.Claim{By: fmt.Sprint(i), Now: benchTime(), Until: benchTime().Add(time.Minute), MostGrouped: 500}
			for !t.Failed() {
				due, err := db.DueDeliveries(t.Context(), c.Now, 20, 20)
				if err != nil || len(due) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				var ids []barograph.DeliveryID
				for _, d := range due {
					ids = append(ids, d.Delivery.ID)
				}
				claimed, err := db.ClaimDeliveries(t.Context(), ids, c)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, d := range claimed {
					if by[d.Delivery.ID]++; by[d.Delivery.ID] > 1 {
						t.Errorf("%s was claimed twice", d.Delivery.ID)
					}
				}
				mu.Unlock()
			}
		})
	}
	crowd.Wait()
	if len(by) != many {
		t.Errorf("%d of %d were claimed", len(by), many)
	}
}

// TestChangesOfOthers: a server tells its listeners of what another one changed,
// when it gives its next sign of life.
func TestChangesOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := openIn(t, dir), openIn(t, dir)
	attend := func() {
		t.Helper()
		_, err := two.Attend(t.Context(), barograph.Server{ID: "srv_2", Run: "run"}, func(barograph.Roll) barograph.Moves { return barograph.Moves{} })
		if err != nil {
			t.Fatal(err)
		}
	}
	attend()
	changed, stop := two.Changes()
	defer stop()
	attend()
	if len(changed) > 0 {
		t.Error("told of a change though there was none")
	}
	if err := one.CreateCheck(t.Context(), sampleCheck()); err != nil {
		t.Fatal(err)
	}
	attend()
	if len(changed) == 0 {
		t.Error("not told of the other's change")
	}
}

// TestAttendWithoutReaders: a sign of life waits for nobody who reads.
func TestAttendWithoutReaders(t *testing.T) {
	t.Parallel()
	db := openIn(t, t.TempDir())
	readers := configdb.Reader(db)
	for range readers.Stats().MaxOpenConnections {
		conn, err := readers.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := db.Attend(ctx, barograph.Server{ID: "srv_1", Run: "run"}, func(barograph.Roll) barograph.Moves { return barograph.Moves{} }); err != nil {
		t.Error(err)
	}
}

// TestOwnChanges: listeners are told once of what their own server changed.
func TestOwnChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := openIn(t, dir), openIn(t, dir)
	attend := func() {
		t.Helper()
		_, err := one.Attend(t.Context(), barograph.Server{ID: "srv_1", Run: "run"}, func(barograph.Roll) barograph.Moves { return barograph.Moves{} })
		if err != nil {
			t.Fatal(err)
		}
	}
	attend()
	changed, stop := one.Changes()
	defer stop()
	check := sampleCheck()
	if err := one.CreateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	<-changed
	attend()
	if len(changed) > 0 {
		t.Error("told twice")
	}
	check.Name = "another"
	if err := one.UpdateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	<-changed
	if err := two.DeleteCheck(t.Context(), check.ID); err != nil {
		t.Fatal(err)
	}
	attend()
	if len(changed) == 0 {
		t.Error("not told of the other's change beside its own")
	}
}
