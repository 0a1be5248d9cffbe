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
