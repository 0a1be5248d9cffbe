package telemetry

import (
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

// MetricsHandler serves the set and the numbers of the process in the text
// format of Prometheus.
func MetricsHandler(set *metrics.Set) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		set.WritePrometheus(w)
		metrics.WriteProcessMetrics(w)
	})
}
