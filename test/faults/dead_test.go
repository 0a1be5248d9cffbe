package faults_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// TestDeadEndpoint queues events for an endpoint that never answers, and measures
// how long others take to a healthy one meanwhile, and before. It does not run
// beside other tests, whose work would count.
func TestDeadEndpoint(t *testing.T) {
	// So many are measured that a machine that stands still once does not count.
	queued, measured := quick(1000, 10_000), quick(200, 500)
	installed := install(t)
	installed.Config += calm + "log: {level: warn}\n"
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	dead, healthy := newReceiver(t, silently), newReceiver(t, kindly)
	toDead := subscribe(t, &process.Server, "dead", "flood", dead)
	subscribe(t, &process.Server, "healthy", "drops", healthy)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	drops, flood := newAlarms(fleet, &process.Server, "drops"), newAlarms(fleet, &process.Server, "flood")
	before := latencies(t, drops, healthy, measured)
	flood.raise(t, queued)
	harness.Eventually(t, time.Minute, func() string {
		if dead.counts().tries == 0 {
			return "the dead endpoint was not tried"
		}
		return ""
	})
	beside := latencies(t, drops, healthy, measured)

	events := recorded(t, &process.Server)
	if n := len(ofWriter(events, "flood")); n != queued {
		t.Errorf("%d events are on record for the dead endpoint, want %d", n, queued)
	}
	healthy.check(t, events)
	dead.check(t, events)
	waiting := 0
	for _, d := range deliveriesOf(t, &process.Server, toDead) {
		if d.DoneAt.IsZero() {
			waiting++
		}
	}
	if waiting != queued {
		t.Errorf("%d deliveries wait for the dead endpoint, want %d", waiting, queued)
	}
	p99 := beside[len(beside)*99/100]
	figures.row(t, p99 <= 2*time.Second, fmt.Sprintf("p99 from sample to a healthy endpoint, %d events queued for a dead one", queued),
		fmt.Sprintf("%s, median %s, worst of %d %s (with nothing queued: %s, %s, %s)", round(p99), round(beside[len(beside)/2]), len(beside), round(beside[len(beside)-1]),
			round(before[len(before)*99/100]), round(before[len(before)/2]), round(before[len(before)-1])), "≤ 2s")
	checkLog(t, process.Log())
	process.Kill() // so that the receivers need not wait for it
}

// latencies raises alarms one after the other and returns, sorted, how long each
// took from before its sample was sent until its event arrived.
func latencies(t *testing.T, a *alarms, r *receiver, n int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, 0, n)
	known := r.takenAt()
	for range n {
		sent := time.Now()
		a.raise(t, 1)
		var arrived time.Time
		for arrived.IsZero() {
			if time.Since(sent) > time.Minute {
				t.Fatal("an event to the healthy endpoint did not arrive within a minute")
			}
			time.Sleep(time.Millisecond)
			if r.counts().messages == len(known) {
				continue
			}
			for id, at := range r.takenAt() {
				if _, old := known[id]; !old {
					arrived, known[id] = at, at
				}
			}
		}
		took = append(took, arrived.Sub(sent))
	}
	slices.Sort(took)
	return took
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
