package promtsdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/barograph/barograph"
)

// Select returns samples or roll-ups, computed while the chunks are decoded.
func (s *Store) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	matchers, err := toMatchers(q.Selector)
	if err != nil {
		return nil, err
	}
	r, err := newReader(q)
	if err != nil {
		return nil, err
	}
	done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	if r.from > r.to {
		return nil, nil
	}
	querier, err := s.db.Querier(r.from, r.to)
	if err != nil {
		return nil, fmt.Errorf("select %s: %w", q.Selector, err)
	}
	defer func() { _ = querier.Close() }() // only read from
	set := querier.Select(ctx, false, &storage.SelectHints{Start: r.from, End: r.to}, matchers...)
	out, err := r.readAll(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("select %s: %w", q.Selector, err)
	}
	return out, nil
}

// reader turns chunks into points.
type reader struct {
	from, to int64 // the first and the last millisecond asked for
	step     int64 // 0 for the samples themselves
	rollup   barograph.Rollup
	it       chunkenc.Iterator
	capacity int // points of the series before: the next has about as many
}

func newReader(q barograph.Query) (*reader, error) {
	if q.Step < 0 || q.Step%time.Millisecond != 0 {
		return nil, barograph.Errorf(barograph.KindInvalid, "step %s is not a whole number of milliseconds", q.Step)
	}
	if q.Rollup > barograph.RollupMean {
		return nil, barograph.Errorf(barograph.KindInvalid, "roll-up %d is not one of last, max, min, mean", q.Rollup)
	}
	return &reader{
		from: ceilMilli(q.From), to: ceilMilli(q.To) - 1,
		step: q.Step.Milliseconds(), rollup: q.Rollup,
	}, nil
}

// ceilMilli returns the first whole millisecond that is not before t.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

func (r *reader) readAll(ctx context.Context, set storage.SeriesSet) ([]barograph.SeriesPoints, error) {
	type named struct {
		barograph.SeriesPoints

		name string
	}
	var all []named
	for set.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		points, err := r.read(set.At())
		if err != nil {
			return nil, err
		}
		if len(points) == 0 {
			continue
		}
		series := toSeries(set.At().Labels())
		all = append(all, named{barograph.SeriesPoints{Series: series, Points: points}, series.String()})
	}
	if err := set.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	out := make([]barograph.SeriesPoints, len(all))
	for i, n := range all {
		out[i] = n.SeriesPoints
	}
	return out, nil
}

func (r *reader) read(series storage.Series) ([]barograph.Point, error) {
	r.it = series.Iterator(r.it)
	points := make([]barograph.Point, 0, r.capacity)
	if r.step == 0 {
		points = r.samples(points)
	} else {
		points = r.rollups(points)
	}
	r.capacity = len(points)
	return points, r.it.Err()
}

func (r *reader) samples(points []barograph.Point) []barograph.Point {
	for r.it.Next() == chunkenc.ValFloat {
		t, v := r.it.At()
		if t >= r.from && t <= r.to {
			points = append(points, barograph.Point{UnixMilli: t, Value: v})
		}
	}
	return points
}

func (r *reader) rollups(points []barograph.Point) []barograph.Point {
	var in bucket
	end := int64(noSample) // of the bucket's step
	for r.it.Next() == chunkenc.ValFloat {
		t, v := r.it.At()
		if t < r.from || t > r.to {
			continue
		}
		if t < end {
			in.add(v)
			continue
		}
		if in.count > 0 {
			points = append(points, barograph.Point{UnixMilli: end - r.step, Value: in.result(r.rollup)})
		}
		end = stepStart(t, r.step) + r.step
		in = newBucket(v)
	}
	if in.count > 0 {
		points = append(points, barograph.Point{UnixMilli: end - r.step, Value: in.result(r.rollup)})
	}
	return points
}

// stepStart returns the start of the step that t is in, also before 1970.
func stepStart(t, step int64) int64 {
	start := t - t%step
	if start > t {
		start -= step
	}
	return start
}

// bucket gathers the samples of one step.
type bucket struct {
	last, highest, lowest, sum float64
	count                      int
}

func newBucket(v float64) bucket { return bucket{last: v, highest: v, lowest: v, sum: v, count: 1} }

func (b *bucket) add(v float64) {
	b.last = v
	b.highest, b.lowest = max(b.highest, v), min(b.lowest, v)
	b.sum += v
	b.count++
}

func (b *bucket) result(r barograph.Rollup) float64 {
	switch r {
	case barograph.RollupLast:
		return b.last
	case barograph.RollupMax:
		return b.highest
	case barograph.RollupMin:
		return b.lowest
	case barograph.RollupMean:
		return b.sum / float64(b.count)
	}
	return b.last
}
