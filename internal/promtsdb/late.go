package promtsdb

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// lateSamples are the samples of one series that are not newer than all it has,
// or of which that is not known.
type lateSamples struct {
	entry    *entry
	indices  []int             // in the order of the batch
	from, to int64             // the times to look at
	wanted   map[int64]bool    // the samples' times
	stored   map[int64]float64 // what is stored at them
}

// appendLate commits late samples. The TSDB takes another value for a time that
// it has a sample of already, and then returns either: so the store looks first.
func (b *batch) appendLate(ctx context.Context) error {
	if len(b.late) == 0 {
		return nil
	}
	all := b.groupLate()
	if err := b.loadStored(ctx, all); err != nil {
		return err
	}
	failedBefore, err := b.wblFailures()
	if err != nil {
		return err
	}
	b.app = b.db.AppenderV2(ctx)
	for _, l := range all {
		if err := b.putLate(l); err != nil {
			return err
		}
	}
	if err := b.commit(); err != nil {
		return err
	}
	failed, err := b.wblFailures()
	if err == nil && failed > failedBefore {
		err = b.fail(&failure{err: errors.New("the TSDB could not log late samples")})
	}
	return err
}

func (b *batch) wblFailures() (float64, error) {
	if b.cfg.OutOfOrderWindow == 0 {
		return 0, nil
	}
	return b.wbl.failed()
}

func (b *batch) putLate(l *lateSamples) error {
	for _, i := range l.indices {
		sample := &b.samples[i]
		if value, ok := l.stored[sample.UnixMilli]; ok {
			b.compare(i, value)
			continue
		}
		ok, err := b.put(i, l.entry)
		if err != nil {
			return err
		}
		if ok {
			l.stored[sample.UnixMilli] = sample.Value
		}
	}
	return nil
}

// groupLate returns the late samples by series.
func (b *batch) groupLate() []*lateSamples {
	var all []*lateSamples
	of := map[*entry]*lateSamples{}
	for _, i := range b.late {
		e, t := b.entries[i], b.samples[i].UnixMilli
		l := of[e]
		if l == nil {
			l = &lateSamples{entry: e, from: t, to: t, wanted: map[int64]bool{}, stored: map[int64]float64{}}
			of[e] = l
			all = append(all, l)
		}
		l.indices = append(l.indices, i)
		l.from, l.to = min(l.from, t), max(l.to, t)
		l.wanted[t] = true
	}
	for _, l := range all {
		if !l.entry.known {
			l.to = math.MaxInt64 // to find the newest, too
		}
	}
	return all
}

// loadStored reads what is stored at the late samples' times.
func (b *batch) loadStored(ctx context.Context, all []*lateSamples) error {
	from, to := all[0].from, all[0].to
	for _, l := range all[1:] {
		from, to = min(from, l.from), max(to, l.to)
	}
	q, err := b.db.Querier(from, to)
	if err != nil {
		return fmt.Errorf("read stored samples: %w", err)
	}
	defer func() { _ = q.Close() }() // only read from
	var it chunkenc.Iterator
	for _, l := range all {
		if it, err = l.load(ctx, q, it); err != nil {
			return fmt.Errorf("read stored samples: %w", err)
		}
	}
	return nil
}

func (l *lateSamples) load(ctx context.Context, q storage.Querier, it chunkenc.Iterator) (chunkenc.Iterator, error) {
	hints := &storage.SelectHints{Start: l.from, End: l.to}
	set := q.Select(ctx, false, hints, exactly(l.entry.lset)...)
	last, value := l.entry.last, l.entry.value
	for set.Next() {
		series := set.At()
		if !labels.Equal(series.Labels(), l.entry.lset) {
			continue
		}
		it = series.Iterator(it)
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			if t >= last {
				last, value = t, v
			}
			if l.wanted[t] {
				l.stored[t] = v
			}
		}
		if err := it.Err(); err != nil {
			return it, err
		}
	}
	if err := set.Err(); err != nil {
		return it, err
	}
	l.entry.known, l.entry.last, l.entry.value = true, last, value
	return it, nil
}
