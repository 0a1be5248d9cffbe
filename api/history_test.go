package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// happen records that a warning was given and that the breach came.
func (s *server) happen() (barograph.Prediction, barograph.Breach) {
	s.t.Helper()
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "web-1"})}
	said := barograph.Announcement{
		At: epoch, Value: 0.8, Probability: 0.82, Reason: "it rises",
		ETA: barograph.ETA{Early: epoch.Add(time.Hour), Median: epoch.Add(2 * time.Hour), Late: epoch.Add(3 * time.Hour)},
	}
	b := barograph.Breach{
		ID: id[barograph.BreachID]("brc", 0), RuleID: "rul_1", RuleName: "disk", Series: series, Severity: barograph.SeverityCritical,
		StartedAt: epoch.Add(2 * time.Hour), Value: 0.91, Lead: barograph.Duration(2 * time.Hour),
	}
	p := barograph.Prediction{
		ID: id[barograph.PredictionID]("prd", 0), RuleID: "rul_1", RuleName: "disk", Series: series, Severity: barograph.SeverityCritical,
		State: barograph.PredictionConfirmed, OpenedAt: epoch, ClosedAt: b.StartedAt, First: said, Latest: said,
		BreachID: b.ID, Lead: b.Lead, CloseReason: "the limit was crossed",
	}
	b.PredictionID = p.ID
	err := s.db.Record(s.t.Context(), barograph.Change{
		Predictions: []barograph.Prediction{p}, Breaches: []barograph.Breach{b},
		Events: []barograph.Event{event(0, barograph.EventPredictionConfirmed), event(1, barograph.EventBreachStarted)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return p, b
}

func id[T ~string](prefix string, second int) T {
	return T(barograph.NewID(prefix, epoch.Add(time.Duration(second)*time.Second)))
}

func event(second int, kind barograph.EventType) barograph.Event {
	return barograph.Event{
		ID: id[barograph.EventID]("evt", second), Type: kind, Time: epoch.Add(time.Duration(second) * time.Second),
		Subject: "disk_used_ratio", Severity: barograph.SeverityWarning,
		Labels: barograph.NewLabels(map[string]string{"host": "web-1"}),
		Data:   barograph.EventData{Summary: "something happened"},
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p, b := s.happen()
	get := func(path string) answer {
		return s.call(barograph.RoleViewer, "GET", "/api/v1/"+path, nil).want(t, 200)
	}
	get("predictions").golden(t, "predictions")
	get("predictions/"+string(p.ID)).golden(t, "prediction")
	get("breaches").golden(t, "breaches")
	get("breaches/"+string(b.ID)).golden(t, "breach")
	get("events").golden(t, "events")
	get("scorecard?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").golden(t, "scorecard")
	var events api.EventList
	get("events?type=breach.*").into(t, &events)
	if len(events.Items) != 1 || events.Items[0].Type != barograph.EventBreachStarted {
		t.Errorf("filtered events: %+v", events.Items)
	}
	get("events/"+string(events.Items[0].ID)).golden(t, "event")
	for path, want := range map[string]int{
		"events?host=web-1&min_severity=warning&from=2026-01-02T03:04:05Z": 2,
		"events?host=web-2":                         0,
		"events?min_severity=critical":              0,
		"predictions?state=confirmed&rule_id=rul_1": 1,
		"predictions?state=open":                    0,
		"breaches?state=open&host=web-1":            1,
		"breaches?state=ended":                      0,
	} {
		var list struct{ Items []any }
		get(path).into(t, &list)
		if len(list.Items) != want {
			t.Errorf("%s: %d items, want %d", path, len(list.Items), want)
		}
	}
	for _, path := range []string{"events/evt_x", "predictions/prd_x", "breaches/brc_x", "subscriptions/sub_x/deliveries"} {
		s.call(barograph.RoleViewer, "GET", "/api/v1/"+path, nil).want(t, 404)
	}
}

func TestForecasts(t *testing.T) {
	t.Parallel()
	var all forecasts
	for i, probability := range []float64{0.2, 0.9, 0, 0.5} {
		f := barograph.Forecast{
			RuleID: "rul_1", Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": fmt.Sprint("h", i)})},
			State: barograph.StateForecast, MadeAt: epoch, Horizon: barograph.Duration(time.Hour), Probability: probability,
		}
		if probability == 0 {
			f.State, f.Reason = barograph.StateFlat, "it does not move"
		}
		all = append(all, f)
	}
	s := newServer(t, func(o *options) { o.Forecasts = all })
	hosts := func(query string) string {
		var list api.ForecastList
		s.call(barograph.RoleViewer, "GET", "/api/v1/forecasts?"+query, nil).want(t, 200).into(t, &list)
		var names []string
		for _, f := range list.Items {
			names = append(names, f.Series.Labels.Get("host"))
		}
		return strings.Join(names, " ")
	}
	for query, want := range map[string]string{
		"": "h1 h3 h0 h2", "limit=2": "h1 h3", "state=flat": "h2", "host=h0": "h0", "rule_id=rul_2": "",
	} {
		if got := hosts(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestCurve(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ask := func(query string) answer {
		return s.call(barograph.RoleViewer, "GET", "/api/v1/rules/rul_1/curves?"+query, nil)
	}
	ask("series="+url.QueryEscape(`m{host="h1"}`)).want(t, 200).golden(t, "curve")
	var curve barograph.Curve
	ask("level=0.5&series=m").want(t, 200).into(t, &curve)
	if curve.Level != 0.5 || curve.Series.String() != "m" {
		t.Errorf("curve %+v", curve)
	}
	for query, want := range map[string]int{
		"": 400, "series=": 400, "series=" + url.QueryEscape(`{host="h1"}`): 400, "series=" + url.QueryEscape(`m{host=~"h.*"}`): 400,
		"series=" + url.QueryEscape(`m{host="a",host="b"}`): 400, "series=m&level=1": 400, "series=m&level=0.2": 400,
		"series=" + url.QueryEscape(`m{host="gone"}`): 404,
	} {
		ask(query).want(t, want)
	}
}
