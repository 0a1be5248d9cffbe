package influx

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Series lists series. The server answers with the first sample of each.
func (s *Store) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	start := time.Now()
	defer func() { s.metrics.listSeconds.UpdateDuration(start) }()
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	q.From, q.To = wholeMilli(q.From), wholeMilli(q.To)
	if !q.From.Before(q.To) {
		return nil, false, nil
	}
	// InfluxDB 1.8 includes the end of a range, 2 does not.
	q.To = q.To.Add(-time.Nanosecond)
	first, err := s.query(ctx, fluxSeries(s.cfg.Bucket, q))
	if err != nil {
		s.metrics.listErrors.Inc()
		return nil, false, fmt.Errorf("list series %s of InfluxDB: %w", q.Selector, serverFault(err))
	}
	first = slices.DeleteFunc(first, func(sp barograph.SeriesPoints) bool { return !q.Selector.Matches(sp.Series) })
	first = merge(first)
	if q.Limit > 0 && len(first) > q.Limit {
		first, more = first[:q.Limit], true
	}
	found = make([]barograph.Series, len(first))
	for i, sp := range first {
		found[i] = sp.Series
	}
	return found, more, nil
}
