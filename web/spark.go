package web

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	sparkPoints = 120
	sparkKept   = "private, max-age=300" // a picture's address changes with what is announced
	sparkPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
	// emptySpark is shown where there is nothing to draw.
	emptySpark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 36" width="160" height="36"/>`
)

// spark sends a small picture of a prediction.
func (s *Site) spark(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), visitorOf(r)
	p, err := s.Predictions.Prediction(ctx, idOf[barograph.PredictionID](r))
	if err != nil {
		return err
	}
	t := story{Series: p.Series, Prediction: &p}
	if t.Rule, err = s.ruleOrNone(ctx, p.RuleID); err != nil {
		return err
	}
	t.judge(nil, p.OpenedAt)
	c, _ := s.draw(ctx, &t, who, sparkPoints)
	c.Title = "" // the row says what it shows
	var b bytes.Buffer
	err = c.SparkFile(&b)
	if errors.Is(err, chart.ErrEmpty) {
		b.WriteString(emptySpark)
		err = nil
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", sparkKept)
	h.Set("Content-Security-Policy", sparkPolicy)
	_, _ = w.Write(b.Bytes()) // the client may be gone
	return nil
}
