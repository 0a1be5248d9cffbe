// Package engines_test tests the whole server on the engines that are not embedded.
package engines_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/test/harness"
)

// TestInfluxDB runs the whole server on a real influxd.
func TestInfluxDB(t *testing.T) {
	t.Parallel()
	cfg := harness.Config()
	cfg.Store.Engine, cfg.Store.InfluxDB = app.EngineInfluxDB, influxtest.Start(t).Config(t, 0)
	cfg.Forecast.Interval = barograph.Duration(time.Second)
	s := harness.Start(t, app.Options{Config: cfg})
	key := s.AddHost(t, "db")
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
		"name": "queue", "series": "queue_length", "operator": ">", "limit": 1000, "horizon": "6h",
	}, nil)
	receiver := s.Subscribe(t)

	// A straight ramp of a day that crosses the limit in about three hours.
	var lines strings.Builder
	now := time.Now().Truncate(time.Minute)
	for at := now.Add(-24 * time.Hour); !at.After(now); at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "queue_length value=%g %d\n", 1000+5*(at.Sub(now).Minutes()-180)/10, at.UnixMilli())
	}
	s.Call(t, http.MethodPost, "/api/v2/write?precision=ms", key, lines.String(), nil)
	wait := func(what barograph.EventType) {
		t.Helper()
		harness.Eventually(t, 30*time.Second, func() string {
			if !slices.ContainsFunc(receiver.Events(), func(r harness.Received) bool { return r.Event.Type == what && r.Event.Data.Rule.Name == "queue" }) {
				return fmt.Sprintf("no %s among %d events", what, len(receiver.Events()))
			}
			return ""
		})
	}
	// Two forecasts must agree, and each needs something new.
	value := 911.0
	harness.Eventually(t, 30*time.Second, func() string {
		value += 0.01
		s.Call(t, http.MethodPost, "/api/submit", key, map[string]any{"field": "queue_length", "value": value}, nil)
		for _, r := range receiver.Events() {
			if r.Event.Type == barograph.EventPredictionOpened {
				return ""
			}
		}
		return "no prediction"
	})
	wait(barograph.EventPredictionOpened)
	influxShowsTheFuture(t, cfg.Store.InfluxDB)
	s.Call(t, http.MethodPost, "/api/submit", key, map[string]any{"field": "queue_length", "value": 1200}, nil)
	wait(barograph.EventPredictionConfirmed)
	harness.Eventually(t, 2*time.Minute, func() string {
		if points := fluxPoints(t, cfg.Store.InfluxDB); len(points) > 0 {
			return fmt.Sprintf("the prediction has ended, and of its curve there still is %v ahead of now", points)
		}
		return ""
	})
	store, err := influx.New(cfg.Store.InfluxDB, influx.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, measurement := range []string{"memory_used_ratio", "probe_rtt_seconds", "barograph_breach_probability"} {
		harness.Eventually(t, 75*time.Second, func() string {
			found, err := store.Select(t.Context(), barograph.Query{
				Selector: barograph.Selector{Metric: measurement}, From: now.Add(-time.Hour), To: now.Add(time.Hour),
			})
			if err != nil || len(found) == 0 {
				return fmt.Sprintf("InfluxDB has no %s: %v", measurement, err)
			}
			return ""
		})
	}
}

// influxShowsTheFuture waits for the curve of the prediction ahead of now, as
// Grafana asks for it.
func influxShowsTheFuture(t *testing.T, cfg influx.Config) {
	t.Helper()
	harness.Eventually(t, 2*time.Minute, func() string {
		points := fluxPoints(t, cfg)
		low, middle, high := points["0.025"], points["0.5"], points["0.975"]
		if len(middle) == 0 {
			return fmt.Sprintf("InfluxDB has no curve ahead of now: %v", points)
		}
		if len(low) != len(middle) || len(high) != len(middle) {
			t.Errorf("quantiles of %d, %d and %d points", len(low), len(middle), len(high))
		}
		last := len(middle) - 1
		if !(low[last] <= middle[last] && middle[last] <= high[last] && middle[last] > 1000) {
			t.Errorf("in the end %g, %g, %g, want a band around what crosses 1000", low[last], middle[last], high[last])
		}
		return ""
	})
}

// fluxPoints returns the values ahead of now, by quantile, as a Flux query gives
// them to anybody.
func fluxPoints(t *testing.T, cfg influx.Config) map[string][]float64 {
	t.Helper()
	client := influxdb2.NewClient(cfg.URL, cfg.Token.Reveal())
	defer client.Close()
	found, err := client.QueryAPI(cfg.Org).Query(t.Context(), fmt.Sprintf(`from(bucket: %q)
		|> range(start: 1m, stop: 12h)
		|> filter(fn: (r) => r._measurement == "barograph_forecast" and r._field == "value" and r.rule == "queue" and r.host == "db" and r.metric == "queue_length")`, cfg.Bucket))
	if err != nil {
		t.Fatal(err)
	}
	points := map[string][]float64{}
	for found.Next() {
		quantile, _ := found.Record().ValueByKey("quantile").(string)
		value, _ := found.Record().Value().(float64)
		points[quantile] = append(points[quantile], value)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return points
}
