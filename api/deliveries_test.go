package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

// deliver records an event and a delivery of it for each endpoint of the
// subscription.
func (s *server) deliver(second int, sub barograph.Subscription) []barograph.Delivery {
	s.t.Helper()
	e := event(second, barograph.EventBreachStarted)
	c := barograph.Change{Events: []barograph.Event{e}}
	for i, ep := range sub.Endpoints {
		c.Deliveries = append(c.Deliveries, barograph.Delivery{
			ID: id[barograph.DeliveryID]("dlv", second*10+i), EventID: e.ID, SubscriptionID: sub.ID, EndpointID: ep.ID,
			Topic: string(e.ID), State: barograph.DeliveryPending, CreatedAt: epoch, NextTry: epoch,
		})
	}
	if err := s.db.Record(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
	return c.Deliveries
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, with := s.subscribe(hook + `,{"kind":"webhook","url":"https://example.com/b"}`)
	first, second := s.deliver(1, with.Subscription), s.deliver(2, with.Subscription)
	d := first[0]
	d.State, d.Attempts, d.DoneAt = barograph.DeliveryDelivered, 1, epoch.Add(time.Second)
	try := barograph.Attempt{At: epoch.Add(time.Second), StatusCode: 204, Latency: barograph.Duration(12 * time.Millisecond), Response: "ok"}
	d.LastTry = &try
	if err := s.db.SaveDeliveryResults(t.Context(), []barograph.DeliveryResult{{Delivery: d, Attempt: try}}); err != nil {
		t.Fatal(err)
	}
	s.call(barograph.RoleViewer, "GET", at+"/deliveries", nil).want(t, 200).golden(t, "deliveries")
	s.call(barograph.RoleViewer, "GET", "/api/v1/deliveries/"+string(d.ID), nil).want(t, 200).golden(t, "delivery")
	s.call(barograph.RoleViewer, "GET", "/api/v1/deliveries/"+string(second[0].ID), nil).want(t, 200).golden(t, "delivery_waiting")
	s.call(barograph.RoleViewer, "GET", "/api/v1/deliveries/dlv_other", nil).want(t, 404)

	found := func(query string) (ids []barograph.DeliveryID) {
		var list struct {
			Items []barograph.Delivery
			Next  string
		}
		s.call(barograph.RoleViewer, "GET", at+"/deliveries?"+query, nil).want(t, 200).into(t, &list)
		for _, d := range list.Items {
			ids = append(ids, d.ID)
		}
		return ids
	}
	for query, want := range map[string][]barograph.DeliveryID{
		"":                                      {second[1].ID, second[0].ID, first[1].ID, first[0].ID},
		"state=delivered":                       {first[0].ID},
		"state=pending":                         {second[1].ID, second[0].ID, first[1].ID},
		"state=held":                            nil,
		"endpoint_id=" + string(d.EndpointID):   {second[0].ID, first[0].ID},
		"event_id=" + string(second[0].EventID): {second[1].ID, second[0].ID},
		"state=pending&endpoint_id=" + string(d.EndpointID) + "&event_id=" + string(d.EventID): nil,
		"limit=1&after=" + string(second[1].ID):                                                {second[0].ID},
		"endpoint_id=ept_other":                                                                nil,
		"event_id=" + url.QueryEscape("' OR 1=1"):                                              nil,
	} {
		if diff := cmp.Diff(want, found(query)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	s.call(barograph.RoleViewer, "GET", at+"/deliveries?state=lost", nil).want(t, 400)
	s.call(barograph.RoleViewer, "GET", "/api/v1/subscriptions/sub_other/deliveries", nil).want(t, 404)
}

func TestReplaying(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, with := s.subscribe(hook+`,{"kind":"webhook","url":"https://example.com/b"}`, `"event_types":["breach.*"]`)
	var events []barograph.Event
	for i := range 3 {
		events = append(events, event(i, barograph.EventBreachStarted))
	}
	if err := s.db.Record(t.Context(), barograph.Change{Events: append(events, event(3, barograph.EventPredictionOpened))}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Hour)
	endpoint := string(with.Subscription.Endpoints[1].ID)
	for body, want := range map[string]int{
		`{"from":"2026-01-02T03:04:05Z"}`:                                           6,
		`{"from":"2026-01-02T03:04:06Z"}`:                                           4,
		`{"from":"2026-01-02T03:04:05Z","to":"2026-01-02T03:04:06Z"}`:               2,
		`{"after":"` + string(events[0].ID) + `"}`:                                  4,
		`{"after":"` + string(events[1].ID) + `","endpoint_id":"` + endpoint + `"}`: 1,
		`{"from":"2026-01-02T03:30:00Z"}`:                                           0,
	} {
		var got struct{ Deliveries int }
		s.call(barograph.RoleOperator, "POST", at+"/replay", body).want(t, 200).into(t, &got)
		if got.Deliveries != want {
			t.Errorf("%s: %d deliveries, want %d", body, got.Deliveries, want)
		}
	}
}

func TestReplayRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at, _, _ := s.subscribe(hook)
	old := event(0, barograph.EventBreachStarted)
	if err := s.db.Record(t.Context(), barograph.Change{Events: []barograph.Event{old}}); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(barograph.MaxReplay + time.Minute)
	now := s.clock.Now()
	when := func(d time.Duration) string { return `"` + now.Add(d).Format(time.RFC3339) + `"` }
	for body, fields := range map[string][]string{
		`{}`: {"from"},
		`{"from":` + when(-barograph.MaxReplay-time.Minute) + `}`:            {"from"},
		`{"from":` + when(time.Minute) + `}`:                                 {"from"},
		`{"from":"yesterday"}`:                                               {"from"},
		`{"from":` + when(-time.Hour) + `,"after":"` + string(old.ID) + `"}`: {"after"},
		`{"after":"` + string(old.ID) + `"}`:                                 {"after"},
		`{"after":"evt_other"}`:                                              {"after"},
		`{"from":` + when(-time.Hour) + `,"to":` + when(-2*time.Hour) + `}`:  {"to"},
		`{"from":` + when(-time.Hour) + `,"endpoint_id":"ept_other"}`:        {"endpoint_id"},
		`{"from":` + when(-time.Hour) + `,"endpoint":"ept_other"}`:           {"endpoint"},
		`{"from":` + when(-15*barograph.Day) + `,"endpoint_id":"ept_other"}`: {"endpoint_id"},
		`{"from":null}`: {"from"},
		`[]`:            {"body"},
	} {
		a := s.call(barograph.RoleOperator, "POST", at+"/replay", body).want(t, 422)
		if diff := cmp.Diff(fields, a.fields(t)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s\n%s", body, diff, a.body)
		}
	}
	ok := `{"from":` + when(-time.Hour) + `}`
	s.call(barograph.RoleOperator, "POST", at+"/replay", nil).want(t, 400)
	s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions/sub_other/replay", ok).want(t, 404)
	s.call(barograph.RoleOperator, "POST", at+"/pause", nil).want(t, 200)
	s.call(barograph.RoleOperator, "POST", at+"/replay", ok).want(t, 409)
	s.call(barograph.RoleOperator, "POST", at+"/resume", nil).want(t, 200)
	s.call(barograph.RoleOperator, "POST", at+"/replay", ok).want(t, 200)
}
