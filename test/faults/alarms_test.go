package faults_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
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
	harness.Eventually(t, 10*time.Second, func() string {
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

// compareEvents waits until every recorded event arrived at the subscriber,
// and reports those that arrived twice. Each breach has one event of each type.
func compareEvents(t *testing.T, srv *harness.Server, receiver *harness.Receiver) {
	t.Helper()
	recorded := map[barograph.EventID]barograph.Event{}
	type fact struct {
		kind   barograph.EventType
		breach barograph.BreachID
	}
	facts := map[fact]barograph.EventID{}
	for _, e := range all[barograph.Event](t, srv, "/api/v1/events", nil) {
		recorded[e.ID] = e
		if e.Data.Breach == nil {
			continue
		}
		f := fact{e.Type, e.Data.Breach.ID}
		if other, twice := facts[f]; twice {
			t.Errorf("events %s and %s both say %s of breach %s", e.ID, other, f.kind, f.breach)
		}
		facts[f] = e.ID
	}
	harness.Eventually(t, quick(30*time.Second, 2*time.Minute), func() string {
		arrived := map[barograph.EventID]bool{}
		for _, r := range receiver.Events() {
			arrived[r.Event.ID] = true
		}
		missing := 0
		for id := range recorded {
			if !arrived[id] {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Sprintf("%d of %d events have not arrived", missing, len(recorded))
		}
		return ""
	})
	deliveries := receiver.Events()
	distinct := map[barograph.EventID]bool{}
	for _, r := range deliveries {
		distinct[r.Event.ID] = true
		if _, known := recorded[r.Event.ID]; !known {
			t.Errorf("event %s %s was sent but is not on record", r.Event.ID, r.Event.Type)
		}
		if r.ID != string(r.Event.ID) {
			t.Errorf("event %s came with webhook-id %s", r.Event.ID, r.ID)
		}
	}
	t.Logf("%d events recorded, %d lost; %d deliveries, %d of them repeated", len(recorded), 0, len(deliveries), len(deliveries)-len(distinct))
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
