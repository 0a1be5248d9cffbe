package promremote

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// mostExact is the longest range whose series are found by their samples.
const mostExact = barograph.Day

// Series lists the series. For ranges of more than a day the server's index
// answers, which doesn't know the time of each sample: series whose samples lie
// just beside the range may be among them, as far as VictoriaMetrics' whole
// days and Prometheus' blocks go.
func (s *Store) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	found, err = s.listSeries(ctx, q)
	if err != nil {
		s.metrics.readErrors.Inc()
		return nil, false, fmt.Errorf("list series %s of the series store: %w", q.Selector, serverFault(err))
	}
	if q.Limit > 0 && len(found) > q.Limit {
		return found[:q.Limit], true, nil
	}
	return found, false, nil
}

func (s *Store) listSeries(ctx context.Context, q barograph.SeriesQuery) ([]barograph.Series, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	whole := spanOf(q.From, q.To)
	if whole.empty() {
		return nil, nil
	}
	list := s.indexed
	if whole.length() <= mostExact.Milliseconds() {
		list = s.sampled
	}
	answer, err := list(ctx, q.Selector, whole)
	if err != nil {
		return nil, err
	}
	type named struct {
		name   string
		series barograph.Series
	}
	all := make([]named, 0, len(answer))
	for _, l := range answer {
		if series, ok := l.series(q.Selector); ok {
			all = append(all, named{series.String(), series})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	found := make([]barograph.Series, 0, len(all))
	for i, n := range all {
		if i == 0 || n.name != all[i-1].name {
			found = append(found, n.series)
		}
	}
	return found, nil
}

// sampled returns the series that have samples in the range.
func (s *Store) sampled(ctx context.Context, selector barograph.Selector, in span) ([]labelled, error) {
	closed, err := s.closedRanges(ctx)
	if err != nil {
		return nil, err
	}
	length := in.length()
	if closed && length > 1 {
		length--
	}
	answer, err := s.query(ctx, "query", url.Values{
		"query": {"last_over_time(" + selectorText(selector) + "[" + duration(length) + "])"}, "time": {timestamp(in.to - 1)},
	})
	return answer, err
}

// indexed returns the series that the server's index has for the range.
func (s *Store) indexed(ctx context.Context, selector barograph.Selector, in span) ([]labelled, error) {
	var found []labelled
	err := s.ask(ctx, "series", url.Values{
		"match[]": {selectorText(selector)}, "start": {timestamp(in.from)}, "end": {timestamp(in.to - 1)},
	}, func(r io.Reader) (err error) {
		found, err = decodeLabels(r)
		return err
	})
	return found, err
}

// metricNames returns which metrics have chosen series.
func (s *Store) metricNames(ctx context.Context, selector barograph.Selector, in span) ([]string, error) {
	answer, err := s.indexed(ctx, selector, in)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, l := range answer {
		if name := l.labels[metricLabel]; barograph.ValidName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
