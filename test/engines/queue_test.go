package engines_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// queue is a server whose host db has a queue that grows on a straight line:
// for a day now, and over its limit in about three hours.
type queue struct {
	*harness.Server

	key      barograph.Secret // of the host
	receiver *harness.Receiver
}

func startQueue(t *testing.T, cfg app.Config) queue {
	t.Helper()
	cfg.Forecast.Interval = barograph.Duration(time.Second)
	s := harness.Start(t, app.Options{Config: cfg})
	q := queue{Server: s, key: s.AddHost(t, "db")}
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
		"name": "queue", "series": "queue_length", "operator": ">", "limit": 1000, "horizon": "12h",
	}, nil)
	q.receiver = s.Subscribe(t)
	var lines strings.Builder
	now := time.Now().Truncate(time.Minute)
	for at := now.Add(-24 * time.Hour); !at.After(now); at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "queue_length value=%g %d\n", 1000+5*(at.Sub(now).Minutes()-180)/10, at.UnixMilli())
	}
	s.Call(t, http.MethodPost, "/api/v2/write?precision=ms", q.key, lines.String(), nil)
	return q
}

// foreseen waits for the prediction.
func (q queue) foreseen(t *testing.T) {
	t.Helper()
	value := 911.0
	harness.Eventually(t, 2*time.Minute, func() string { // VictoriaMetrics shows a new series up to ten seconds late
		value += 0.01 // two forecasts must agree, and each needs something new
		q.submit(t, value)
		return q.told(barograph.EventPredictionOpened)
	})
}

// crossed has the queue cross its limit, and waits until the prediction is confirmed.
func (q queue) crossed(t *testing.T) {
	t.Helper()
	q.submit(t, 1200)
	harness.Eventually(t, time.Minute, func() string { return q.told(barograph.EventPredictionConfirmed) })
}

func (q queue) submit(t *testing.T, value float64) {
	t.Helper()
	q.Call(t, http.MethodPost, "/api/submit", q.key, map[string]any{"field": "queue_length", "value": value}, nil)
}

// told returns "" when the receiver has heard such an event of the queue.
func (q queue) told(what barograph.EventType) string {
	events := q.receiver.Events()
	if slices.ContainsFunc(events, func(r harness.Received) bool { return r.Event.Type == what && r.Event.Data.Rule.Name == "queue" }) {
		return ""
	}
	return fmt.Sprintf("no %s among %d events", what, len(events))
}

// expectSeries waits until the store has each of the metrics around now.
func expectSeries(t *testing.T, store barograph.SampleReader, metrics ...string) {
	t.Helper()
	for _, metric := range metrics {
		harness.Eventually(t, 75*time.Second, func() string {
			if len(reading(store)(t, metric)) == 0 {
				return "the store has no " + metric
			}
			return ""
		})
	}
}
