package faults_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

// TestClockSetBack has a server plan a retry while the clock of its machine is a
// month ahead, and then starts it with the right time: nothing waits for a month.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	installed := install(t)
	installed.Config += calm
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	var well atomic.Bool
	r := newReceiver(t, func(int) behaviour {
		if well.Load() {
			return accept
		}
		return refuse
	})
	id := subscribe(t, &process.Server, "late", "clock", r)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	newAlarms(fleet, &process.Server, "clock").raise(t, 1)
	harness.Eventually(t, time.Minute, func() string {
		for _, d := range deliveriesOf(t, &process.Server, id) {
			if d.Attempts > 0 {
				return ""
			}
		}
		return "no failed try is on record"
	})
	process.Kill()
	shiftDeliveries(t, installed.Dir, month)
	well.Store(true)
	began := time.Now()
	process = installed.Start(t)
	harness.Eventually(t, time.Minute, func() string {
		if r.counts().taken == 0 {
			return fmt.Sprintf("%+v", deliveriesOf(t, &process.Server, id))
		}
		return ""
	})
	figures.row(t, true, "after the clock was a month ahead, a retry comes", fmt.Sprintf("at most %s after the start", round(time.Since(began))), "≤ 1m")
}

// shiftDeliveries makes what a stopped server planned look as if its clock had
// been ahead by that much.
func shiftDeliveries(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	due, err := db.DueDeliveries(t.Context(), time.Now().Add(by), 1, 1)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d deliveries wait, %v; want one", len(due), err)
	}
	d := due[0].Delivery
	d.NextTry = d.NextTry.Add(by)
	// Without an attempt it is no try: only the delivery is saved.
	if err := db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: d, Health: due[0].Endpoint.Health}}); err != nil {
		t.Fatal(err)
	}
}
