package promtsdb

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/barograph/barograph"
)

var _ barograph.SeriesLister = (*Store)(nil)

// Series lists the series that have samples in the range. It takes its turn, and
// holds no more than the limit asks for.
func (s *Store) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	matchers, err := toMatchers(q.Selector)
	if err != nil {
		return nil, false, err
	}
	done, err := s.use()
	if err != nil {
		return nil, false, err
	}
	defer done()
	limited, cancel := context.WithTimeoutCause(ctx, s.cfg.Query.Timeout.Std(), errListTimeout)
	defer cancel()
	if _, err := s.lists.Insert(limited, ""); err != nil {
		return nil, false, s.listError(ctx, q, err)
	}
	defer s.lists.Delete(0)
	from, to := ceilMilli(q.From), ceilMilli(q.To)-1
	if from > to {
		return nil, false, nil
	}
	querier, err := s.db.Querier(from, to)
	if err != nil {
		return nil, false, s.listError(ctx, q, err)
	}
	defer func() { _ = querier.Close() }() // only read from
	set := querier.Select(limited, false, &storage.SelectHints{Start: from, End: to}, matchers...)
	found, more, err = list(limited, set, from, q.Limit)
	if err != nil {
		return nil, false, s.listError(ctx, q, err)
	}
	return found, more, nil
}

var errListTimeout = errors.New("listing series took too long")

// listError says what went wrong; of the time that ran out, how much it was.
func (s *Store) listError(ctx context.Context, q barograph.SeriesQuery, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return &barograph.Error{Kind: barograph.KindUnavailable, Err: err, Message: fmt.Sprintf(
			"listing the series of %s took longer than %s; choose fewer, or ask when less is going on", q.Selector, s.cfg.Query.Timeout)}
	}
	return fmt.Errorf("list %s: %w", q.Selector, err)
}

// list returns the first series of the set, in the order of their texts, with a
// sample at the time or later: a chunk may reach into the range that the set is
// of, and have no sample there.
func list(ctx context.Context, set storage.SeriesSet, from int64, limit int) (found []barograph.Series, more bool, err error) {
	var first firstSeries
	var it chunkenc.Iterator
	var text []byte
	for set.Next() {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		text = appendSeries(text[:0], set.At().Labels())
		if limit > 0 && len(first) > limit && string(text) >= first[0].text {
			continue // there are others before it
		}
		it = set.At().Iterator(it)
		if it.Seek(from) == chunkenc.ValNone {
			if err := it.Err(); err != nil {
				return nil, false, err
			}
			continue
		}
		heap.Push(&first, listed{toSeries(set.At().Labels()), string(text)})
		if limit > 0 && len(first) > limit+1 {
			heap.Pop(&first)
		}
	}
	if err := set.Err(); err != nil {
		return nil, false, err
	}
	slices.SortFunc(first, func(a, b listed) int { return strings.Compare(a.text, b.text) })
	if more = limit > 0 && len(first) > limit; more {
		first = first[:limit]
	}
	found = make([]barograph.Series, len(first))
	for i, one := range first {
		found[i] = one.series
	}
	return found, more, nil
}

// listed is a series with its text.
type listed struct {
	series barograph.Series
	text   string
}

// firstSeries is a heap of series, the last of them on top.
type firstSeries []listed

var _ heap.Interface = (*firstSeries)(nil)

// Len returns the number of series.
func (f *firstSeries) Len() int { return len(*f) }

// Less puts the last text first.
func (f *firstSeries) Less(i, j int) bool { return (*f)[i].text > (*f)[j].text }

// Swap swaps two series.
func (f *firstSeries) Swap(i, j int) { (*f)[i], (*f)[j] = (*f)[j], (*f)[i] }

// Push adds a series to the end.
func (f *firstSeries) Push(one any) {
	if l, ok := one.(listed); ok {
		*f = append(*f, l)
	}
}

// Pop takes the series off the end.
func (f *firstSeries) Pop() any {
	last := len(*f) - 1
	one := (*f)[last]
	(*f)[last] = listed{}
	*f = (*f)[:last]
	return one
}

// appendSeries appends the text of a series, as barograph.Series writes it.
func appendSeries(text []byte, lset labels.Labels) []byte {
	text = append(text, lset.Get(model.MetricNameLabel)...)
	mark := byte('{')
	lset.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		text = append(append(append(text, mark), l.Name...), '=')
		text = strconv.AppendQuote(text, l.Value)
		mark = ','
	})
	if mark == ',' {
		text = append(text, '}')
	}
	return text
}
