package faults_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// TestLateSample stops the server between two samples: the second was taken
// before the restart but comes after it, as from an agent's spool. It is judged
// like any other.
func TestLateSample(t *testing.T) {
	t.Parallel()
	installed := install(t)
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	taken := time.Now().Add(-time.Second)
	set := func(value float64, at time.Time) {
		process.Call(t, http.MethodPost, "/api/submit", process.Token, map[string]any{"field": alarmMetric, "value": value, "time": at}, nil)
	}
	open := func(want int) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			got := 0
			for _, b := range all[barograph.Breach](t, &process.Server, "/api/v1/breaches", url.Values{"state": {"open"}}) {
				if b.Series.Metric == alarmMetric { // the server watches the machine too
					got++
				}
			}
			if got != want {
				return fmt.Sprintf("%d breaches last, want %d", got, want)
			}
			return ""
		})
	}
	set(1, taken)
	open(1)
	process.Kill()
	process = installed.Start(t)
	open(1)
	set(0, taken.Add(time.Second/2))
	open(0)
}
