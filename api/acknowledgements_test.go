package api_test

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// warn records an open prediction and an open breach.
func (s *server) warn() (barograph.Prediction, barograph.Breach) {
	s.t.Helper()
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "web-1"})}
	said := barograph.Announcement{
		At: epoch, Value: 0.8, Probability: 0.82, Reason: "it rises",
		ETA: barograph.ETA{Early: epoch.Add(time.Hour), Median: epoch.Add(2 * time.Hour), Late: epoch.Add(3 * time.Hour)},
	}
	p := barograph.Prediction{
		ID: id[barograph.PredictionID]("prd", 7), RuleID: "rul_1", RuleName: "disk", Series: series, Severity: barograph.SeverityCritical,
		State: barograph.PredictionOpen, OpenedAt: epoch, First: said, Latest: said,
	}
	b := barograph.Breach{
		ID: id[barograph.BreachID]("brc", 7), RuleID: "rul_2", RuleName: "memory", Series: series, Severity: barograph.SeverityCritical,
		StartedAt: epoch, Value: 0.91,
	}
	if err := s.db.Record(s.t.Context(), barograph.Change{Predictions: []barograph.Prediction{p}, Breaches: []barograph.Breach{b}}); err != nil {
		s.t.Fatal(err)
	}
	return p, b
}

func TestAcknowledging(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p, b := s.warn()
	for path, comment := range map[string]string{
		"/api/v1/predictions/" + string(p.ID): "I clean it up before noon",
		"/api/v1/breaches/" + string(b.ID):    "",
	} {
		var body any
		if comment != "" {
			body = map[string]string{"comment": comment}
		}
		var told, read struct{ Acknowledged *barograph.Acknowledgement }
		s.call(barograph.RoleOperator, "POST", path+"/acknowledge", body).want(t, 200).into(t, &told)
		s.call(barograph.RoleViewer, "GET", path, nil).want(t, 200).into(t, &read)
		for _, a := range []*barograph.Acknowledgement{told.Acknowledged, read.Acknowledged} {
			if a == nil || a.By != "operator" || a.Comment != comment || !a.At.Equal(epoch) {
				t.Errorf("%s: %+v", path, a)
			}
		}
		s.call(barograph.RoleAdmin, "POST", path+"/acknowledge", body).want(t, 409)
	}
	var events struct{ Items []barograph.Event }
	s.call(barograph.RoleViewer, "GET", "/api/v1/events?type=*.acknowledged", nil).want(t, 200).into(t, &events)
	if len(events.Items) != 2 {
		t.Errorf("events: %+v", events.Items)
	}
}

func TestAcknowledgingWhatIsNotOpen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	over, _ := s.happen()
	open, breach := s.warn()
	for path, status := range map[string]int{
		"predictions/" + string(over.ID):   409,
		"predictions/prd_x":                404,
		"breaches/brc_x":                   404,
		"predictions/" + string(breach.ID): 404,
		"breaches/" + string(open.ID):      404,
	} {
		s.call(barograph.RoleOperator, "POST", "/api/v1/"+path+"/acknowledge", `{}`).want(t, status)
	}
	if b, err := s.db.Breach(t.Context(), breach.ID); err != nil || b.Acknowledged != nil {
		t.Errorf("a breach was acknowledged as a prediction: %+v %v", b.Acknowledged, err)
	}
	for _, body := range []string{`{"comment":7}`, `{"by":"root"}`, `[]`} {
		s.call(barograph.RoleOperator, "POST", "/api/v1/predictions/"+string(open.ID)+"/acknowledge", body).want(t, 422)
	}
	s.call(barograph.RoleOperator, "POST", "/api/v1/predictions/"+string(open.ID)+"/acknowledge", `{`).want(t, 400)
	s.call(barograph.RoleOperator, "POST", "/api/v1/predictions/"+string(open.ID)+"/acknowledge", ``).want(t, 200)
}
