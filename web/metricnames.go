package web

import (
	"context"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	namesKept    = time.Minute      // how long the names of metrics are remembered
	namesRetry   = 10 * time.Second // how long it is not tried again if they can't be had
	namesPatient = 2 * time.Second  // how long a form waits for them
	namesSpan    = time.Hour        // names that had a value in the last
	namesSeries  = 20_000           // series that are looked at for their names
	namesOffered = 500
)

// metricNames remembers the names of the metrics there are: each form offers
// them, and listing all series takes a while.
type metricNames struct {
	mu    sync.Mutex
	names []string
	until time.Time
}

// metricNames returns the names of the metrics that have values now. They are a
// help: that they can't be had stops nobody.
func (s *Site) metricNames(ctx context.Context) []string {
	m := &s.names
	m.mu.Lock()
	defer m.mu.Unlock()
	now := s.Clock.Now() // after those who were waited for
	if now.Before(m.until) {
		return m.names
	}
	patient, cancel := context.WithTimeout(ctx, namesPatient)
	defer cancel()
	found, _, err := s.Series.Series(patient, barograph.SeriesQuery{Selector: sentToUs(), From: now.Add(-namesSpan), To: now, Limit: namesSeries})
	if err != nil {
		if ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "the names of the metrics can't be listed", "error", err)
			m.until = s.Clock.Now().Add(namesRetry)
		}
		return m.names
	}
	m.names = nil
	for _, series := range found {
		n := len(m.names)
		if n < namesOffered && (n == 0 || m.names[n-1] != series.Metric) {
			m.names = append(m.names, series.Metric)
		}
	}
	m.until = now.Add(namesKept)
	return m.names
}

// sentToUs chooses all series but those that forecasts are written to, which say
// what rule they are of.
func sentToUs() barograph.Selector {
	return barograph.Selector{Matchers: barograph.Matchers{{Name: "rule", Type: barograph.MatchEqual, Value: ""}}}
}
