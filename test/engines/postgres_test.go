package engines_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb/pgtest"
	"github.com/barograph/barograph/test/harness"
)

// TestPostgres runs the whole server on PostgreSQL, which is stopped and started
// again under it: what was recorded is delivered, and nothing is lost.
func TestPostgres(t *testing.T) {
	t.Parallel()
	database := pgtest.StartOwn(t)
	cfg := harness.Config()
	cfg.Database = database.Config(t)
	cfg.Database.BusyTimeout = barograph.Duration(5 * time.Second)
	s := harness.Start(t, app.Options{Config: cfg})
	key := s.AddHost(t, "db")
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
		"name": "queue", "series": "queue_length", "operator": ">", "limit": 1000, "horizon": "6h",
	}, nil)
	receiver := s.Subscribe(t)
	submit := func(value float64) {
		t.Helper()
		s.Call(t, http.MethodPost, "/api/submit", key, map[string]any{"field": "queue_length", "value": value}, nil)
	}
	receives := func(what barograph.EventType, times int) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			n := 0
			for _, r := range receiver.Events() {
				if r.Event.Type == what && r.Event.Data.Rule.Name == "queue" {
					n++
				}
			}
			if n < times {
				return fmt.Sprintf("%d of %d events %s came", n, times, what)
			}
			return ""
		})
	}
	submit(1200)
	receives(barograph.EventBreachStarted, 1)
	ready(t, s, http.StatusOK, "")

	database.Crash(t)
	ready(t, s, http.StatusServiceUnavailable, "config_database")
	status, text, err := s.Do(t.Context(), http.MethodGet, "/readyz", "", nil)
	if err != nil || !strings.Contains(string(text), "can't be reached") {
		t.Errorf("/readyz says %d %s, error %v; want the reason", status, text, err)
	}
	status, text, err = s.Do(t.Context(), http.MethodPost, "/api/v1/hosts", s.Token, map[string]any{"name": "web"})
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("without a database: status %d, error %v: %s; want 503", status, err, text)
	}

	database.Restart(t)
	ready(t, s, http.StatusOK, "")
	submit(10)
	receives(barograph.EventBreachEnded, 1)
	s.AddHost(t, "web")

	var events struct {
		Items []barograph.Event `json:"items"`
	}
	s.Call(t, http.MethodGet, "/api/v1/events", s.Token, nil, &events)
	ended := 0
	for _, e := range events.Items {
		if e.Type == barograph.EventBreachEnded && e.Data.Rule.Name == "queue" {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d breaches ended on record of %d events, want 1", ended, len(events.Items))
	}
}

// ready waits until /readyz answers with the status and names the word.
func ready(t *testing.T, s *harness.Server, want int, word string) {
	t.Helper()
	harness.Eventually(t, 60*time.Second, func() string {
		status, text, err := s.Do(t.Context(), http.MethodGet, "/readyz", "", nil)
		if err != nil || status != want || !strings.Contains(string(text), word) {
			return fmt.Sprintf("/readyz answers %d %s, error %v; want %d", status, text, err, want)
		}
		return ""
	})
}
