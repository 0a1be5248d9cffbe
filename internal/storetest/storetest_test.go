package storetest_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/storetest"
)

// memory is the plainest store that keeps the contract, so that the suite is
// tested without a backend.
type memory struct {
	mu     sync.Mutex
	series map[string]barograph.Series
	points map[string]map[int64]float64
}

func (m *memory) Write(ctx context.Context, samples []barograph.Sample) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var partial barograph.PartialError
	for i, s := range samples {
		if time.Since(s.Time()) >= 30*barograph.Day {
			partial.Rejected = append(partial.Rejected, barograph.Rejection{
				Index: i, Err: barograph.Errorf(barograph.KindInvalid, "sample of %s is too old", s.Time()),
			})
			continue
		}
		name := s.Series.String()
		if m.points[name] == nil {
			m.points[name] = map[int64]float64{}
			m.series[name] = s.Series
		}
		m.points[name][s.UnixMilli] = s.Value
	}
	if len(partial.Rejected) > 0 {
		return &partial
	}
	return nil
}

func (m *memory) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []barograph.SeriesPoints
	for name, points := range m.points {
		if !q.Selector.Matches(m.series[name]) {
			continue
		}
		sp := barograph.SeriesPoints{Series: m.series[name]}
		for at, v := range points {
			if at >= q.From.UnixMilli() && at < q.To.UnixMilli() {
				sp.Points = append(sp.Points, barograph.Point{UnixMilli: at, Value: v})
			}
		}
		slices.SortFunc(sp.Points, func(a, b barograph.Point) int { return cmp.Compare(a.UnixMilli, b.UnixMilli) })
		if q.Step > 0 {
			sp.Points = Roll(sp.Points, q.Step.Milliseconds(), q.Rollup)
		}
		if len(sp.Points) > 0 {
			out = append(out, sp)
		}
	}
	slices.SortFunc(out, func(a, b barograph.SeriesPoints) int {
		return strings.Compare(a.Series.String(), b.Series.String())
	})
	return out, nil
}

func (m *memory) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	points, err := m.Select(ctx, barograph.Query{Selector: q.Selector, From: q.From, To: q.To})
	for _, sp := range points {
		found = append(found, sp.Series)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		return found[:q.Limit], true, err
	}
	return found, false, err
}

func Roll(points []barograph.Point, step int64, r barograph.Rollup) []barograph.Point {
	var out []barograph.Point
	for len(points) > 0 {
		start := points[0].UnixMilli / step * step
		var values []float64
		for len(points) > 0 && points[0].UnixMilli < start+step {
			values = append(values, points[0].Value)
			points = points[1:]
		}
		out = append(out, barograph.Point{UnixMilli: start, Value: apply(r, values)})
	}
	return out
}

func apply(r barograph.Rollup, values []float64) float64 {
	switch r {
	case barograph.RollupLast:
		return values[len(values)-1]
	case barograph.RollupMax:
		return slices.Max(values)
	case barograph.RollupMin:
		return slices.Min(values)
	case barograph.RollupMean:
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		return sum / float64(len(values))
	}
	panic(r)
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store {
		return &memory{series: map[string]barograph.Series{}, points: map[string]map[int64]float64{}}
	}, storetest.RefusesOlderThan(60*barograph.Day))
}
