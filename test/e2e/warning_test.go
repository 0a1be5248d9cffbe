package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// TestPredictionAppears watches two pages, neither of which is loaded again: on the
// first a prediction appears, on its own it is seen to come true.
func TestPredictionAppears(t *testing.T) {
	const limit, step = 100, 10 * time.Minute
	w := theWorld(t)
	level := func(at time.Time, value float64) string {
		return fmt.Sprintf("tank_level,host=tank-1 value=%g %d\n", value, at.UnixMilli())
	}
	send := func(lines string) {
		w.Call(t, http.MethodPost, "/api/v2/write?precision=ms", w.Token, lines, nil)
	}
	var rule barograph.Rule
	w.Call(t, http.MethodPost, "/api/v1/rules", w.Token, map[string]any{
		"name": "Tank overflows", "series": "tank_level", "operator": ">", "limit": limit, "horizon": "1d", "severity": "critical",
	}, &rule)
	defer func() { w.Call(t, http.MethodDelete, "/api/v1/rules/"+string(rule.ID), w.Token, nil, nil) }()

	v := visit(t, as(viewer))
	v.Open("/")
	v.NotSee("tank-1")
	var history strings.Builder
	now, value := w.clock.Now().Truncate(step), limit-5.
	for at := now.Add(-4 * barograph.Day); !at.After(now); at = at.Add(step) {
		history.WriteString(level(at, value-now.Sub(at).Hours()*.6))
	}
	send(history.String())
	rest := w.Hasten(t)
	v.until(func() error {
		for at := now.Add(step); !at.After(w.clock.Now()); at = at.Add(step) {
			now, value = at, min(value+.1, limit-1)
			send(level(at, value))
		}
		if text := v.Text(); !strings.Contains(text, "tank-1") {
			return fmt.Errorf("the first page says: %s", text)
		}
		return nil
	})
	rest()
	v.Within("Predicted").See("tank-1", "Tank overflows", "critical")

	v.Open(first("predictions", "state=open&rule_id="+string(rule.ID), "")(t, w))
	v.See("Told, and now", "open")
	send(level(w.clock.Now(), limit+2))
	v.See("What came of it", "prediction confirmed", "as predicted", "now 102")
	v.Accessible()
}
