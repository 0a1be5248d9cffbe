package faults_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// addAlarmRule has the server open a breach for every alarm at once.
func addAlarmRule(t *testing.T, srv *harness.Server) {
	t.Helper()
	srv.Call(t, http.MethodPost, "/api/v1/rules", srv.Token, map[string]any{
		"name": "fault alarm", "series": alarmMetric, "operator": ">", "limit": 0, "for": "0s", "horizon": "0s", "severity": "critical",
	}, nil)
}

// compareBreaches waits until the server has exactly one lasting breach for each
// series whose last acknowledged sample crosses the limit, and none for others.
func (b *book) compareBreaches(t *testing.T, srv *harness.Server) {
	t.Helper()
	want := b.last(alarmMetric)
	harness.Eventually(t, time.Minute, func() string {
		open := map[series]int{}
		for _, breach := range all[barograph.Breach](t, srv, "/api/v1/breaches", url.Values{"state": {"open"}}) {
			ls := breach.Series.Labels
			open[series{breach.Series.Metric, ls.Get("host"), ls.Get("writer"), ls.Get("n")}]++
		}
		missing, twice, wrong := 0, 0, 0
		for s, value := range want {
			switch n := open[s]; {
			case value > 0 && n == 0:
				missing++
			case value > 0 && n > 1:
				twice++
			case value <= 0 && n > 0:
				wrong++
			}
		}
		if missing+twice+wrong > 0 {
			return fmt.Sprintf("of %d alarms %d have no breach, %d more than one, %d ended but not their breach", len(want), missing, twice, wrong)
		}
		return ""
	})
}

// recorded returns the events on record, and reports when two of them say the
// same of one breach. The server's own heartbeat is left out.
func recorded(t *testing.T, srv *harness.Server) map[barograph.EventID]barograph.Event {
	t.Helper()
	events := map[barograph.EventID]barograph.Event{}
	type fact struct {
		kind   barograph.EventType
		breach barograph.BreachID
	}
	facts := map[fact]barograph.EventID{}
	for _, e := range all[barograph.Event](t, srv, "/api/v1/events", nil) {
		if e.Type == barograph.EventWatchdog {
			continue
		}
		events[e.ID] = e
		if e.Data.Breach == nil {
			continue
		}
		f := fact{e.Type, e.Data.Breach.ID}
		if other, twice := facts[f]; twice {
			t.Errorf("events %s and %s both say %s of breach %s", e.ID, other, f.kind, f.breach)
		}
		facts[f] = e.ID
	}
	return events
}

// compareEvents waits until every recorded event arrived at the subscriber,
// and reports those that arrived twice. Each breach has one event of each type.
func compareEvents(t *testing.T, srv *harness.Server, receiver *harness.Receiver) {
	t.Helper()
	events := settled(t, srv)
	harness.Eventually(t, quick(time.Minute, 2*time.Minute), func() string {
		arrived := map[barograph.EventID]bool{}
		for _, r := range receiver.Events() {
			arrived[r.Event.ID] = true
		}
		missing := 0
		for id := range events {
			if !arrived[id] {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d events have not arrived", missing, len(events))
		}
		return ""
	})
	// What arrived is looked at first: the server may record, and send, more at any time.
	deliveries := receiver.Events()
	record := recorded(t, srv)
	distinct := map[barograph.EventID]bool{}
	for _, r := range deliveries {
		distinct[r.Event.ID] = true
		if _, known := record[r.Event.ID]; !known {
			t.Errorf("event %s %s was sent but is not on record", r.Event.ID, r.Event.Type)
		}
		if r.ID != string(r.Event.ID) {
			t.Errorf("event %s came with webhook-id %s", r.Event.ID, r.ID)
		}
	}
	compareDeliveries(t, srv, receiver.Subscription, events, 1)
	t.Logf("%d events recorded, %d lost; %d deliveries, %d of them repeated", len(events), 0, len(deliveries), len(deliveries)-len(distinct))
}

// settled returns what is on record once that grows no more: what was written
// last may still be judged.
func settled(t *testing.T, srv *harness.Server) map[barograph.EventID]barograph.Event {
	t.Helper()
	for events := recorded(t, srv); ; {
		time.Sleep(500 * time.Millisecond)
		later := recorded(t, srv)
		if len(later) == len(events) {
			return later
		}
		events = later
	}
}

// all returns the items of all pages.
func all[T any](t *testing.T, srv *harness.Server, path string, query url.Values) []T {
	t.Helper()
	q := url.Values{"limit": {"1000"}}
	maps.Copy(q, query)
	var items []T
	for {
		var page struct {
			Items []T
			Next  string
		}
		srv.Call(t, http.MethodGet, path+"?"+q.Encode(), srv.Token, nil, &page)
		items = append(items, page.Items...)
		if page.Next == "" {
			return items
		}
		q.Set("after", page.Next)
	}
}

// alarms makes events: each alarm is a series of its own that goes over the
// limit for good, which is one event.
type alarms struct {
	fleet  *fleet
	key    barograph.Secret
	writer string
	raised int
}

func newAlarms(f *fleet, srv *harness.Server, writer string) *alarms {
	return &alarms{fleet: f, key: srv.Token, writer: writer}
}

// raise raises alarms that are acknowledged when it returns.
func (a *alarms) raise(t *testing.T, n int) {
	t.Helper()
	const mostAtOnce = 500
	for end := a.raised + n; a.raised < end; {
		var batch []sample
		now := time.Now().UnixMilli()
		for range min(mostAtOnce, end-a.raised) {
			batch = append(batch, sample{series{alarmMetric, "", a.writer, strconv.Itoa(a.raised)}, now, 1})
			a.raised++
		}
		path, body := encodeLines(batch)
		if err := a.fleet.send(t.Context(), a.key, path, body); err != nil {
			t.Fatal(err)
		}
		a.fleet.book.note(batch)
	}
}

// ofWriter returns the events of one writer's alarms.
func ofWriter(events map[barograph.EventID]barograph.Event, writer string) map[barograph.EventID]barograph.Event {
	out := map[barograph.EventID]barograph.Event{}
	for id, e := range events {
		if e.Labels.Get("writer") == writer {
			out[id] = e
		}
	}
	return out
}

// compareDeliveries waits until the subscription has one delivery of each event
// to each endpoint, and every one says that it was delivered.
func compareDeliveries(t *testing.T, srv *harness.Server, id barograph.SubscriptionID, events map[barograph.EventID]barograph.Event, endpoints int) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		type leg struct {
			event    barograph.EventID
			endpoint barograph.EndpointID
		}
		legs := map[leg]int{}
		states := map[barograph.DeliveryState]int{}
		for _, d := range deliveriesOf(t, srv, id) {
			if _, asked := events[d.EventID]; asked {
				legs[leg{d.EventID, d.EndpointID}]++
				states[d.State]++
			}
		}
		if want := len(events) * endpoints; len(legs) != want || states[barograph.DeliveryDelivered] != want || len(states) != 1 {
			return fmt.Sprintf("%d deliveries are on record, by state %v; want %d, all delivered", len(legs), states, want)
		}
		return ""
	})
}

func deliveriesOf(t *testing.T, srv *harness.Server, id barograph.SubscriptionID) []barograph.Delivery {
	t.Helper()
	return all[barograph.Delivery](t, srv, "/api/v1/subscriptions/"+string(id)+"/deliveries", nil)
}
