package alerting_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/configdb"
)

// away is a database that can't be read for a while.
type away struct {
	*configdb.DB

	down atomic.Bool
}

func (a *away) DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error) {
	if a.down.Load() {
		return nil, errors.New("connection refused")
	}
	return a.DB.DueDeliveries(ctx, now, perEndpoint, limit)
}

func wantHealth(t *testing.T, d *alerting.Dispatcher, says string) {
	t.Helper()
	err := d.Healthy(t.Context())
	if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
		t.Errorf("healthy: %v; want %q", err, says)
	}
}

func TestDispatcherSaysThatItsDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &away{DB: database(t, subscription("sub_1", hook("ept_1", "https://a")))}
		d := dispatcher(t, db, func(context.Context, barograph.Event, barograph.Endpoint) alerting.Outcome { return refuse() })
		stop := start(t, d)
		record(t, db.DB, about("evt_1"))
		time.Sleep(time.Minute)
		wantHealth(t, d, "") // though the endpoint fails
		db.down.Store(true)
		time.Sleep(20 * time.Second)
		wantHealth(t, d, "")
		time.Sleep(20 * time.Second)
		wantHealth(t, d, "sending what is due: has failed for")
		wantHealth(t, d, "connection refused")
		db.down.Store(false)
		time.Sleep(2 * time.Second)
		wantHealth(t, d, "")
		stop()
		time.Sleep(time.Minute)
		wantHealth(t, d, "no round was completed")
	})
}

func TestDispatcherSaysThatItLacksRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := alerting.DefaultDeliveryConfig()
		cfg.Concurrency, cfg.PerEndpoint = 1, 1
		db := database(t, subscription("sub_1", hook("slow", "https://a")))
		record(t, db, about("evt_1"), about("evt_2"), about("evt_3"), about("evt_4"))
		d := dispatcherWith(t, cfg, db, func(_ context.Context, _ barograph.Event, ep barograph.Endpoint) alerting.Outcome {
			if ep.ID == "slow" {
				time.Sleep(time.Minute)
			}
			return ok()
		})
		start(t, d)
		time.Sleep(time.Second)
		if err := db.CreateSubscription(t.Context(), subscription("sub_2", hook("quick", "https://a"))); err != nil {
			t.Fatal(err)
		}
		e := about("evt_5")
		e.Labels = e.Labels.With("for", "both")
		record(t, db, e)
		time.Sleep(2 * time.Minute)
		wantHealth(t, d, "")
		time.Sleep(110 * time.Second)
		wantHealth(t, d, "raise delivery.concurrency")
		time.Sleep(5 * time.Minute)
		wantHealth(t, d, "")
	})
}
