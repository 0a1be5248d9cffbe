package faults_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// TestFlakyReceivers has events sent to five receivers of which each fails 45 of
// 100 tries in one way or another, and to a healthy one beside them. All events
// must arrive at all of them.
//
// It is the built server with its real limits: a try that hangs is ended after
// ten seconds. Two settings differ from the default, so that the test ends in
// minutes: the waits between tries, which add up to a day otherwise, and how
// many tries to one endpoint may hang side by side.
func TestFlakyReceivers(t *testing.T) {
	t.Parallel()
	const flaky = 5
	events := quick(60, 10_000)
	installed := install(t)
	installed.Config = calm + `
log: {level: warn}
api: {requests_per_second: 1e6, burst: 1000000}
delivery:
  allow_http: true
  allow_networks: [127.0.0.0/8]
  concurrency: 3000
  per_endpoint: 500
  retry_schedule: [` + waits(50) + `]
`
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receivers := []*receiver{newReceiver(t, kindly)}
	for range flaky {
		receivers = append(receivers, newReceiver(t, quick(hangFirst(events/10), flaky45)))
	}
	const writer = "flaky"
	id := subscribe(t, &process.Server, "flaky", writer, receivers...)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	began := time.Now()
	newAlarms(fleet, &process.Server, writer).raise(t, events)

	awaitNone(t, "deliveries missing", func() int {
		missing := 0
		for _, r := range receivers {
			missing += events - r.counts().taken
		}
		return missing
	})
	took := time.Since(began)
	record := ofWriter(recorded(t, &process.Server), writer)
	if len(record) != events {
		t.Errorf("%d events are on record, want %d", len(record), events)
	}
	tries, twice := 0, 0
	for _, r := range receivers {
		c := r.counts()
		tries += c.tries
		twice += c.twice
		r.check(t, record)
	}
	compareDeliveries(t, &process.Server, id, record, len(receivers))
	figures.row(t, true, fmt.Sprintf("%d events to %d receivers that fail 45 %% of tries, and a healthy one", events, flaky),
		fmt.Sprintf("all delivered, %d tries, %d taken twice, each with its one ID, in %s", tries, twice, took.Round(time.Second)), "all delivered, 0 lost")
	perEvent := float64(receivers[0].counts().tries) / float64(events)
	figures.row(t, perEvent <= 1.05, "deliveries an event to the healthy one", fmt.Sprintf("%.3f", perEvent), "≤ 1.05")
	checkLog(t, process.Log())
	process.Kill() // so that the receivers need not wait for it
}

// flaky45 fails 45 of 100 tries, whichever they are.
func flaky45(int) behaviour {
	switch dice := rand.Float64(); {
	case dice < .30:
		return refuse
	case dice < .40:
		return hang
	case dice < .45:
		return reset
	}
	return accept
}

// hangFirst is flaky45 with all that hangs at the beginning, so that it hangs
// together and the test is over sooner.
func hangFirst(n int) func(int) behaviour {
	var tries atomic.Int64
	return func(try int) behaviour {
		if tries.Add(1) <= int64(n) {
			return hang
		}
		for {
			if b := flaky45(try); b != hang {
				return b
			}
		}
	}
}

// waits returns a schedule of that many short waits.
func waits(n int) string {
	text := "1s"
	for range n - 1 {
		text += quick(", 1s", ", 2s")
	}
	return text
}
