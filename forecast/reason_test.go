package forecast_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// TestReasonCountsOnlyWhatIsKnown: on a clean ramp every window that was long
// enough reached the limit; those that the history ends before are no misses.
func TestReasonCountsOnlyWhatIsKnown(t *testing.T) {
	t.Parallel()
	q := forecast.Question{
		Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour,
		Limit: 380, Operator: barograph.AtLeast, Horizon: 100,
	}
	for i := range 300 {
		q.Values = append(q.Values, float64(i))
	}
	q.Now = q.Start.Add(299 * time.Hour)
	answer := forecast.NewEngine().Answer(q)
	m := regexp.MustCompile(`in (\d+) of the (\d+) `).FindStringSubmatch(answer.Reason)
	if answer.Probability < .9 || m == nil || m[1] != m[2] {
		t.Errorf("probability %v, reason %q, want all windows to have reached the limit", answer.Probability, answer.Reason)
	}
}

// TestReasonsHaveTheUnitOfTheMetric: no bare ratio stands beside percentages.
func TestReasonsHaveTheUnitOfTheMetric(t *testing.T) {
	t.Parallel()
	bare := regexp.MustCompile(`(^|[ (])0?\.\d+( [^%]|[;,)]|$)`)
	for name, value := range map[string]func(i int) float64{
		"rising":  func(i int) float64 { return .5 + .001*float64(i) },
		"falling": func(i int) float64 { return .8 - .001*float64(i) },
		"flat":    func(int) float64 { return .4198 },
		"resting": func(i int) float64 { return .4198 + .00001*float64(i%2) },
		"crossed": func(int) float64 { return .95 },
	} {
		q := forecast.Question{
			Metric: "disk_used_ratio", Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour,
			Limit: .9, Operator: barograph.Above, Horizon: 100,
		}
		for i := range 300 {
			q.Values = append(q.Values, value(i))
		}
		if a := forecast.NewEngine().Answer(q); bare.MatchString(a.Reason) || !regexp.MustCompile(`\d %`).MatchString(a.Reason) {
			t.Errorf("%s: %s: %s", name, a.State, a.Reason)
		}
	}
}
