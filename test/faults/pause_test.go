//go:build unix

package faults_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// TestPause stops the server for a while in the middle of its work, as a machine
// does that is suspended or moved. It goes on as if nothing had been.
func TestPause(t *testing.T) {
	t.Parallel()
	pause := quick(3*time.Second, 30*time.Second)
	installed := install(t)
	installed.Config = swingConfig
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	witness := newReceiver(t, kindly)
	id := subscribe(t, &process.Server, "witness", swingWriter, witness)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	fleet.writers.Go(func() { fleet.swing(t, process.Token) })

	pauses := quick(1, 3)
	for range pauses {
		before := witness.counts().taken
		harness.Eventually(t, time.Minute, func() string {
			if witness.counts().taken < before+100 {
				return "no events arrive"
			}
			return ""
		})
		process.Suspend(t)
		time.Sleep(pause)
		process.Resume(t)
	}
	after := witness.counts().taken
	harness.Eventually(t, time.Minute, func() string {
		if witness.counts().taken < after+100 {
			return "no events arrive after the pause"
		}
		return ""
	})
	fleet.finish()
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
	record := ofWriter(recorded(t, &process.Server), swingWriter)
	awaitNone(t, "deliveries pending", func() int {
		return len(all[barograph.Delivery](t, &process.Server, "/api/v1/subscriptions/"+string(id)+"/deliveries", url.Values{"state": {"pending"}}))
	})
	overtaken := checkOvertaken(t, deliveriesOf(t, &process.Server, id), record)
	if missing := witness.missing(record); missing > overtaken {
		t.Errorf("%d of %d events on record have not arrived, only %d were overtaken", missing, len(record), overtaken)
	}
	witness.check(t, record)
	c := witness.counts()
	figures.row(t, len(record) == fleet.book.len(), fmt.Sprintf("%d pauses of %s under 500 events/s", pauses, pause),
		fmt.Sprintf("%d crossings acknowledged, %d events on record, 0 lost, %d overtaken, %d sent again, each with its one ID", fleet.book.len(), len(record), overtaken, c.twice), "an event for each crossing, 0 lost")
	checkLog(t, process.Log())
}

// checkOvertaken checks that each event has one delivery, which is delivered,
// or superseded by a later one of the same breach that is: tries that were in
// flight when the server was stopped fail when it goes on. It returns how many
// were superseded.
func checkOvertaken(t *testing.T, deliveries []barograph.Delivery, events map[barograph.EventID]barograph.Event) (superseded int) {
	t.Helper()
	told := map[string]barograph.EventID{} // the last that was delivered of a topic
	states := map[barograph.DeliveryState]int{}
	for _, d := range deliveries {
		states[d.State]++
		if d.State == barograph.DeliveryDelivered {
			told[d.Topic] = max(told[d.Topic], d.EventID)
		}
	}
	for _, d := range deliveries {
		if d.State == barograph.DeliverySuperseded && told[d.Topic] < d.EventID {
			t.Errorf("event %s is superseded, but nothing later of %s is delivered", d.EventID, d.Topic)
		}
	}
	superseded = states[barograph.DeliverySuperseded]
	if want := len(events); len(deliveries) != want || states[barograph.DeliveryDelivered]+superseded != want {
		t.Errorf("%d deliveries, by state %v; want %d, all delivered or superseded", len(deliveries), states, want)
	}
	return superseded
}
