package promtsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/barograph/barograph"
)

// Ahead has series that are not stored and reach beyond now.
//
// Select returns lines: points between which a series is straight. An error tells
// what is missing; what there is comes with it. Series lists without drawing.
type Ahead interface {
	barograph.SampleReader
	barograph.SeriesLister
}

const (
	aheadListed = 10_000 // series ahead that one question lists at most
	// A line has a point wherever it is looked at: so many in the time that a
	// point counts for.
	aheadDensity = 4
)

// withAhead is the TSDB and what is ahead, as one query sees them.
type withAhead struct {
	storage.Queryable

	deps     HandlerDeps
	log      *slog.Logger
	lookback time.Duration
}

// queryable returns what a query reads from, in which a sample counts for as
// long as lookback.
func (a *api) queryable(lookback time.Duration) storage.Queryable {
	if a.deps.Ahead == nil {
		return a.db
	}
	if lookback <= 0 {
		lookback = a.cfg.Query.Lookback.Std()
	}
	return withAhead{a.db, a.deps, a.log, lookback}
}

// Querier returns a querier of both.
func (w withAhead) Querier(from, to int64) (storage.Querier, error) {
	stored, err := w.Queryable.Querier(from, to)
	if err != nil {
		return nil, err
	}
	return &aheadQuerier{stored, w, from, to}, nil
}

type aheadQuerier struct {
	storage.Querier // of what is stored

	of       withAhead
	from, to int64
}

// Select returns the stored series, and those ahead if the matchers name them.
func (q *aheadQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if !names(matchers, q.of.deps.AheadMetric) {
		return q.Querier.Select(ctx, sorted, hints, matchers...)
	}
	var lines []storage.Series
	var err error
	if hints != nil && hints.Func == "series" {
		lines, err = q.listed(ctx, matchers)
	} else {
		lines, err = q.drawn(ctx, hints, matchers)
	}
	stored := q.Querier.Select(ctx, true, hints, matchers...)
	ahead := &seriesList{series: lines, next: -1}
	if err != nil {
		ahead.notes = ahead.notes.Add(notShown(ctx, q.of.deps.AheadMetric, err))
	}
	return storage.NewMergeSeriesSet([]storage.SeriesSet{stored, ahead}, 0, storage.ChainedSeriesMerge)
}

// notShown says that something is missing. What went wrong within the server is
// not for the client.
func notShown(ctx context.Context, metric string, err error) error {
	said, ok := errors.AsType[*barograph.Error](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: the time for the query ended before all was drawn", metric)
	case ok && said.Kind != barograph.KindInternal:
		return fmt.Errorf("%s: %s", metric, said.Message)
	}
	return fmt.Errorf("%s could not be shown in full; the server's log says why", metric)
}

// drawn returns the lines that have points in the time that is asked about.
func (q *aheadQuerier) drawn(ctx context.Context, hints *storage.SelectHints, matchers []*labels.Matcher) ([]storage.Series, error) {
	selector, err := toSelector(q.of.deps.AheadMetric, matchers)
	if err != nil {
		return nil, err
	}
	from, to, counts := q.from, q.to, q.of.lookback.Milliseconds()
	if hints != nil {
		from, to = hints.Start, hints.End
		if hints.Range > 0 {
			counts = hints.Range
		}
	}
	// The whole lines: the last point before the time is needed too.
	found, err := q.of.deps.Ahead.Select(ctx, barograph.Query{Selector: selector, From: time.UnixMilli(math.MinInt64 / 2), To: time.UnixMilli(math.MaxInt64 / 2)})
	if err != nil {
		q.of.log.WarnContext(ctx, "not all series ahead were shown", "selector", selector.String(), "error", err)
	}
	var builder labels.ScratchBuilder
	lines := make([]storage.Series, 0, len(found))
	for _, sp := range found {
		if n := len(sp.Points); n > 0 && sp.Points[0].UnixMilli <= to && sp.Points[n-1].UnixMilli >= from {
			lines = append(lines, &line{toLabels(&builder, &sp.Series), sp.Points, max(1, counts/aheadDensity)})
		}
	}
	sortSeries(lines)
	return lines, err
}

// listed returns the series without points.
func (q *aheadQuerier) listed(ctx context.Context, matchers []*labels.Matcher) ([]storage.Series, error) {
	found, err := q.list(ctx, matchers, aheadListed)
	var builder labels.ScratchBuilder
	lines := make([]storage.Series, len(found))
	for i := range found {
		lines[i] = &line{lset: toLabels(&builder, &found[i])}
	}
	sortSeries(lines)
	return lines, err
}

func (q *aheadQuerier) list(ctx context.Context, matchers []*labels.Matcher, limit int) ([]barograph.Series, error) {
	selector, err := toSelector(q.of.deps.AheadMetric, matchers)
	if err != nil {
		return nil, err
	}
	found, more, err := q.of.deps.Ahead.Series(ctx, barograph.SeriesQuery{
		Selector: selector, From: time.UnixMilli(q.from), To: time.UnixMilli(q.to), Limit: limit,
	})
	if err != nil {
		q.of.log.WarnContext(ctx, "not all series ahead were listed", "selector", selector.String(), "error", err)
	}
	if err == nil && more && limit > 1 {
		err = barograph.Errorf(barograph.KindConflict, "there are more than %d series, and not all listed: name more labels", limit)
	}
	return found, err
}

func sortSeries(all []storage.Series) {
	slices.SortFunc(all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
}

// LabelValues returns the values among the stored series, and those ahead if the
// matchers name them.
func (q *aheadQuerier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) (
	[]string, annotations.Annotations, error,
) {
	words, notes, err := q.Querier.LabelValues(ctx, name, hints, matchers...)
	if err != nil {
		return nil, notes, err
	}
	switch metric := q.of.deps.AheadMetric; {
	case names(matchers, metric):
		more, err := q.list(ctx, matchers, aheadListed)
		if err != nil {
			notes = notes.Add(notShown(ctx, metric, err))
		}
		for _, s := range more {
			if value := s.Labels.Get(name); value != "" {
				words = append(words, value)
			}
		}
		if name == model.MetricNameLabel && len(more) > 0 {
			words = append(words, metric)
		}
	case name == model.MetricNameLabel && len(matchers) == 0:
		if more, _ := q.list(ctx, nil, 1); len(more) > 0 { // the list of metrics is good for all else
			words = append(words, metric)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), notes, nil
}

// LabelNames returns the names among the stored series, and those ahead if the
// matchers name them.
func (q *aheadQuerier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) (
	[]string, annotations.Annotations, error,
) {
	words, notes, err := q.Querier.LabelNames(ctx, hints, matchers...)
	if err != nil || !names(matchers, q.of.deps.AheadMetric) {
		return words, notes, err
	}
	more, err := q.list(ctx, matchers, aheadListed)
	if err != nil {
		notes = notes.Add(notShown(ctx, q.of.deps.AheadMetric, err))
	}
	for _, s := range more {
		words = append(words, model.MetricNameLabel)
		for _, l := range s.Labels {
			words = append(words, l.Name)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), notes, nil
}

// names reports whether the matchers ask for the metric: they let it pass, and
// not just any. What asks for all that there is, as {host="a"}, gets what is stored.
func names(matchers []*labels.Matcher, metric string) bool {
	const unlikely = "-"
	named := false
	for _, m := range matchers {
		if m.Name != model.MetricNameLabel {
			continue
		}
		if !m.Matches(metric) {
			return false
		}
		named = named || !m.Matches(unlikely) && (m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp)
	}
	return named
}

// toSelector returns our form of the matchers, for one metric.
func toSelector(metric string, matchers []*labels.Matcher) (barograph.Selector, error) {
	s := barograph.Selector{Metric: metric}
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		matcher, err := barograph.NewMatcher(m.Name, barograph.MatchType(m.Type.String()), m.Value)
		if err != nil {
			return s, err
		}
		s.Matchers = append(s.Matchers, matcher)
	}
	return s, nil
}

// seriesList gives series one after the other.
type seriesList struct {
	series []storage.Series
	next   int
	notes  annotations.Annotations
}

var _ storage.SeriesSet = (*seriesList)(nil)

// Next goes to the next series and reports whether there is one.
func (l *seriesList) Next() bool {
	l.next++
	return l.next < len(l.series)
}

// At returns the present series.
func (l *seriesList) At() storage.Series { return l.series[l.next] }

// Err returns nil.
func (*seriesList) Err() error { return nil }

// Warnings says what is missing.
func (l *seriesList) Warnings() annotations.Annotations { return l.notes }

// line is a series that is straight between its points.
type line struct {
	lset   labels.Labels
	points []barograph.Point
	dense  int64 // milliseconds that two samples are apart at most
}

// Labels returns what the line is called.
func (l *line) Labels() labels.Labels { return l.lset }

// Iterator walks along the line.
func (l *line) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(newLineSamples(l))
}
