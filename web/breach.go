package web

import (
	"context"
	"net/http"

	"github.com/barograph/barograph"
)

// breachData is what the page of a breach shows.
type breachData struct {
	breachRow
	warningData

	Open     bool
	Foresaw  predictionRow // the prediction that foresaw it; zero: none did, or it is gone
	Kept     string
	Expected etaWords
}

func (s *Site) breach(w http.ResponseWriter, r *http.Request) error {
	return s.showBreach(w, r, http.StatusOK, newForm(nil))
}

func (s *Site) showBreach(w http.ResponseWriter, r *http.Request, status int, ack form) error {
	ctx, who := r.Context(), visitorOf(r)
	b, err := s.Predictions.Breach(ctx, idOf[barograph.BreachID](r))
	if err != nil {
		return err
	}
	t := story{Series: b.Series, Breach: &b}
	if b.PredictionID != "" {
		p, err := s.Predictions.Prediction(ctx, b.PredictionID)
		switch {
		case err == nil:
			t.Prediction = &p
		case barograph.KindOf(err) != barograph.KindNotFound:
			return err
		}
	}
	shared, err := s.tell(ctx, who, &t, telling{
		topic: string(b.ID), path: breachPath(b.ID), types: "breach.*", rule: b.RuleID, began: b.StartedAt,
		acknowledged: b.Acknowledged, open: b.EndedAt.IsZero(),
	}, ack)
	if err != nil {
		return err
	}
	d := breachData{breachRow: who.breachRow(b, t.Rule), warningData: shared, Open: b.EndedAt.IsZero()}
	d.Limit = t.limitWords()
	if t.Prediction != nil {
		d.Foresaw, d.Kept, d.Expected = who.predictionRow(*t.Prediction, t.Rule), keptWord(*t.Prediction), who.ETA(&t.Prediction.First.ETA)
	}
	return s.show(w, r, status, page{Title: clip(60, d.Place).Begin + ": " + clip(60, b.RuleName).Begin, Section: "/predictions", Template: "breach", Data: d})
}

// breachOrNone returns the breach, nil if it is gone.
func (s *Site) breachOrNone(ctx context.Context, id barograph.BreachID) (*barograph.Breach, error) {
	b, err := s.Predictions.Breach(ctx, id)
	if barograph.KindOf(err) == barograph.KindNotFound {
		return nil, nil //nolint:nilnil // none is no error here
	}
	return &b, err
}

// acknowledgeBreach takes a breach on.
func (s *Site) acknowledgeBreach(w http.ResponseWriter, r *http.Request) error {
	id := idOf[barograph.BreachID](r)
	f, err := readForm(r)
	if err != nil {
		return err
	}
	_, err = s.Manage.Acknowledgements.Breach(r.Context(), id, f.Value("comment"))
	if err == nil {
		return redirect(w, r, breachPath(id), "breach-acknowledged")
	}
	kind := barograph.KindOf(err)
	if err := f.take(err, fields("comment")); err != nil {
		return err
	}
	return s.showBreach(w, r, statusOf(kind), f)
}
