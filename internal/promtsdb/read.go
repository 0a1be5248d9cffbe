package promtsdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/barograph/barograph"
)

// Select returns samples or roll-ups, computed while the chunks are decoded. Of
// long times it reads what whole hours come to, where that is known.
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
	out, err := s.read(ctx, r, matchers)
	if err != nil {
		return nil, fmt.Errorf("select %s: %w", q.Selector, err)
	}
	return out, nil
}

func (s *Store) read(ctx context.Context, r *reader, matchers []*labels.Matcher) ([]barograph.SeriesPoints, error) {
	if r.mayReadHours() {
		out, err := s.readHours(ctx, *r, matchers)
		if err == nil || ctx.Err() != nil {
			return out, err
		}
		// A block has just become part of another one, or a file of roll-ups is damaged.
	}
	if err := s.readSamples(ctx, r, matchers, r.from, r.to); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// readSamples has the reader take the samples of a part of its range.
func (s *Store) readSamples(ctx context.Context, r *reader, matchers []*labels.Matcher, from, to int64) error {
	querier, err := s.db.ChunkQuerier(from, to)
	if err != nil {
		return err
	}
	defer closeQuietly(querier)
	r.from, r.to = from, to // a chunk at an end is not cut to it
	hints := &storage.SelectHints{Start: from, End: to, DisableTrimming: true}
	return r.readAll(ctx, querier.Select(ctx, false, hints, matchers...))
}

// reader turns chunks into points.
type reader struct {
	from, to int64 // the first and the last millisecond to read
	step     int64 // 0 for the samples themselves
	rollup   barograph.Rollup
	chunks   chunks.Iterator
	samples  chunkenc.Iterator
	capacity int // points of the series before: the next has about as many

	found  []*gathered
	byName map[string]*gathered // nil: each series is met once
}

// gathered is what was read of a series so far.
type gathered struct {
	series barograph.Series
	name   string
	points []barograph.Point
	in     bucket // the step that goes on
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

func (r *reader) readAll(ctx context.Context, set storage.ChunkSeriesSet) error {
	for set.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.read(set.At()); err != nil {
			return err
		}
	}
	return set.Err()
}

// of returns what there is of a series.
func (r *reader) of(lset labels.Labels) *gathered {
	series := toSeries(lset)
	name := series.String()
	if g := r.byName[name]; g != nil {
		return g
	}
	g := &gathered{series: series, name: name, points: make([]barograph.Point, 0, r.capacity)}
	r.found = append(r.found, g)
	if r.byName != nil {
		r.byName[name] = g
	}
	return g
}

func (r *reader) read(series storage.ChunkSeries) error {
	g := r.of(series.Labels())
	r.chunks = series.Iterator(r.chunks)
	for r.chunks.Next() {
		r.samples = r.chunks.At().Chunk.Iterator(r.samples)
		if r.step == 0 {
			r.addSamples(g)
		} else {
			r.addSteps(g)
		}
		if err := r.samples.Err(); err != nil {
			return err
		}
	}
	r.capacity = len(g.points)
	return r.chunks.Err()
}

func (r *reader) addSamples(g *gathered) {
	for r.samples.Next() == chunkenc.ValFloat {
		t, v := r.samples.At()
		if t >= r.from && t <= r.to {
			g.points = append(g.points, barograph.Point{UnixMilli: t, Value: v})
		}
	}
}

func (r *reader) addSteps(g *gathered) {
	in := g.in
	for r.samples.Next() == chunkenc.ValFloat {
		t, v := r.samples.At()
		if t < r.from || t > r.to {
			continue
		}
		if t < in.end && in.count > 0 {
			in.add(v)
			continue
		}
		r.flush(g, in)
		in = newBucket(stepStart(t, r.step)+r.step, v)
	}
	g.in = in
}

// flush ends a step.
func (r *reader) flush(g *gathered, in bucket) {
	if in.count > 0 {
		g.points = append(g.points, barograph.Point{UnixMilli: in.end - r.step, Value: in.result(r.rollup)})
	}
}

// result returns what was read.
func (r *reader) result() []barograph.SeriesPoints {
	slices.SortFunc(r.found, func(a, b *gathered) int { return strings.Compare(a.name, b.name) })
	out := make([]barograph.SeriesPoints, 0, len(r.found))
	for _, g := range r.found {
		r.flush(g, g.in)
		if len(g.points) > 0 {
			out = append(out, barograph.SeriesPoints{Series: g.series, Points: g.points})
		}
	}
	return out
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
	end                        int64 // of the step
	last, highest, lowest, sum float64
	count                      int
}

func newBucket(end int64, v float64) bucket {
	return bucket{end: end, last: v, highest: v, lowest: v, sum: v, count: 1}
}

func (b *bucket) add(v float64) {
	b.last = v
	b.highest, b.lowest = max(b.highest, v), min(b.lowest, v)
	b.sum += v
	b.count++
}

// addAll takes a bucket that comes behind.
func (b *bucket) addAll(next bucket) {
	b.last = next.last
	b.highest, b.lowest = max(b.highest, next.highest), min(b.lowest, next.lowest)
	b.sum += next.sum
	b.count += next.count
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
