package faults_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// TestKillUnderEvents kills the server again and again while it makes 500 events
// a second. What was recorded must arrive, and what arrived must be on record.
func TestKillUnderEvents(t *testing.T) {
	t.Parallel()
	kills := quick(4, 200)
	installed := install(t)
	installed.Config = swingConfig
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	witness := newReceiver(t, kindly)
	id := subscribe(t, &process.Server, "witness", swingWriter, witness)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	began := time.Now()
	fleet.writers.Go(func() { fleet.swing(t, process.Token) })

	var restarts []time.Duration
	for range kills {
		time.Sleep(200*time.Millisecond + rand.N(800*time.Millisecond))
		process.Kill()
		checkLog(t, process.Log())
		process = installed.Start(t)
		fleet.use(&process.Server)
		restarts = append(restarts, process.Took)
	}
	fleet.finish()
	took := time.Since(began)
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)

	record := ofWriter(recorded(t, &process.Server), swingWriter)
	awaitArrival(t, witness, record)
	witness.check(t, record)
	compareDeliveries(t, &process.Server, id, record, 1)
	c := witness.counts()
	slices.Sort(restarts)
	figures.row(t, len(record) > 0, fmt.Sprintf("%d kills -9 under %.0f events/s", kills, float64(len(record))/took.Seconds()),
		fmt.Sprintf("%d events on record, 0 lost, %d sent again (%.2f %%), each with its one ID; %d crossings acknowledged; restarts took up to %s",
			len(record), c.twice, 100*float64(c.twice)/float64(len(record)), fleet.book.len(), round(restarts[len(restarts)-1])), "0 lost")
	checkLog(t, process.Log())
}

// missing counts the events that were not taken.
func (r *receiver) missing(events map[barograph.EventID]barograph.Event) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for id := range events {
		if r.taken[string(id)] == 0 {
			n++
		}
	}
	return n
}

// awaitArrival waits until all events have arrived.
func awaitArrival(t *testing.T, witness *receiver, events map[barograph.EventID]barograph.Event) {
	t.Helper()
	awaitNone(t, "events on record that have not arrived", func() int { return witness.missing(events) })
}

// awaitNone waits until nothing is missing any more. However slow the machine is,
// it is patient as long as what is missing gets less.
func awaitNone(t *testing.T, what string, count func() int) {
	t.Helper()
	const stillness, most = time.Minute, 20 * time.Minute
	began := time.Now()
	last, least := began, math.MaxInt
	for ; ; time.Sleep(50 * time.Millisecond) {
		missing := count()
		switch now := time.Now(); {
		case missing == 0:
			return
		case missing < least:
			last, least = now, missing
		case now.Sub(last) > stillness || now.Sub(began) > most:
			t.Fatalf("after %s there are still %d %s, the last change was %s ago", round(now.Sub(began)), missing, what, round(now.Sub(last)))
		}
	}
}

// swingConfig lets more than a few tries to one endpoint run side by side, so
// that it keeps up with hundreds of events a second.
const swingConfig = calm + `
log: {level: warn}
api: {requests_per_second: 1e6, burst: 1000000}
delivery:
  allow_http: true
  allow_networks: [127.0.0.0/8]
  per_endpoint: 32
`

const swingWriter = "swing"

// swing has 500 series cross the limit once a second each, up and down in turn,
// which is an event each time. While the server is away it waits; then it makes
// up for that.
func (f *fleet) swing(t *testing.T, key barograph.Secret) {
	t.Helper()
	const (
		swinging = 500
		batch    = 50
		every    = 100 * time.Millisecond
	)
	next, clock := time.Now(), int64(0)
	for n := 0; ; n += batch {
		select {
		case <-f.stop:
			return
		case <-time.After(time.Until(next)):
		}
		next = next.Add(every)
		clock = max(clock+1, time.Now().UnixMilli())
		var samples []sample
		for i := n; i < n+batch; i++ {
			up := float64(1 - (i/swinging)%2)
			samples = append(samples, sample{series{alarmMetric, "", swingWriter, strconv.Itoa(i % swinging)}, clock, up})
		}
		path, body := encodeLines(samples)
		if err := f.send(t.Context(), key, path, body); err != nil {
			t.Errorf("writer %s: %v", swingWriter, err)
			return
		}
		f.book.note(samples)
	}
}
