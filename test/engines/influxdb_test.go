// Package engines_test tests the whole server on the engines that are not embedded.
package engines_test

import (
	"fmt"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

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
	queue := startQueue(t, cfg)
	queue.foreseen(t)
	influxShowsTheFuture(t, cfg.Store.InfluxDB)
	queue.crossed(t)
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
	expectSeries(t, store, "memory_used_ratio", "probe_rtt_seconds", "barograph_breach_probability")
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
		// What is being written is seen in parts.
		if len(low) != len(middle) || len(high) != len(middle) {
			return fmt.Sprintf("quantiles of %d, %d and %d points", len(low), len(middle), len(high))
		}
		last := len(middle) - 1
		if !(low[last] <= middle[last] && middle[last] <= high[last] && middle[last] > 1000) {
			return fmt.Sprintf("in the end %g, %g, %g, want a band around what crosses 1000", low[last], middle[last], high[last])
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
