package promtsdb

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// warm fills the cache with the newest sample of each series in the head, in
// one pass: after a start all senders come at once, and looking series up one
// by one is fifty times slower.
func (s *Store) warm(ctx context.Context) error {
	head := s.db.Head()
	if head.NumSeries() == 0 || head.MinTime() > head.MaxTime() {
		return nil
	}
	q, err := s.db.ChunkQuerier(head.MinTime(), math.MaxInt64)
	if err != nil {
		return fmt.Errorf("read newest samples: %w", err)
	}
	defer func() { _ = q.Close() }() // only read from
	app := s.db.AppenderV2(ctx)
	defer func() { _ = app.Rollback() }() // nothing appended
	refs, ok := app.(storage.GetRef)
	if !ok {
		return nil
	}
	set := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, ""))
	var w warmer
	for set.Next() {
		if err := w.read(set.At()); err != nil {
			return fmt.Errorf("read newest samples: %w", err)
		}
		lset := set.At().Labels()
		ref, shared := refs.GetRef(lset, lset.Hash())
		if ref == 0 || w.last == noSample {
			continue
		}
		series := toSeries(shared)
		s.cache.put(&entry{hash: series.Hash(s.cache.seed), lset: shared, known: true, last: w.last, value: w.value}, ref)
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("read newest samples: %w", err)
	}
	return nil
}

// warmer finds the newest sample of one series after the other.
type warmer struct {
	chunks  chunks.Iterator
	samples chunkenc.Iterator
	last    int64
	value   float64
}

func (w *warmer) read(series storage.ChunkSeries) error {
	w.last = noSample
	w.chunks = series.Iterator(w.chunks)
	var newest chunkenc.Chunk
	for w.chunks.Next() {
		newest = w.chunks.At().Chunk
	}
	if err := w.chunks.Err(); err != nil || newest == nil {
		return err
	}
	w.samples = newest.Iterator(w.samples)
	for w.samples.Next() == chunkenc.ValFloat {
		w.last, w.value = w.samples.At()
	}
	return w.samples.Err()
}
