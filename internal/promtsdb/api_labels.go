package promtsdb

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

func (a *api) labelNames(r *http.Request) (any, annotations.Annotations, error) {
	sel, err := a.selection(r)
	if err != nil {
		return nil, nil, err
	}
	return a.words(sel, func(q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) (
		[]string, annotations.Annotations, error,
	) {
		return q.LabelNames(r.Context(), hints, ms...)
	})
}

func (a *api) labelValues(r *http.Request) (any, annotations.Annotations, error) {
	name := r.PathValue("name")
	if name == "" || !utf8.ValidString(name) {
		return nil, nil, badData("invalid label name: %q", name)
	}
	sel, err := a.selection(r)
	if err != nil {
		return nil, nil, err
	}
	return a.words(sel, func(q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) (
		[]string, annotations.Annotations, error,
	) {
		return q.LabelValues(r.Context(), name, hints, ms...)
	})
}

// words gathers what ask returns for each set of matchers, sorted, each once.
func (a *api) words(sel selection,
	ask func(storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, annotations.Annotations, error),
) (any, annotations.Annotations, error) {
	q, err := a.querier(sel)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = q.Close() }() // only read from

	hints := &storage.LabelHints{Limit: sel.limit + 1} // to know whether there are more
	sets := sel.sets
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	all := []string{} // not null in JSON
	var notes annotations.Annotations
	for _, ms := range sets {
		words, more, err := ask(q, hints, ms)
		if err != nil {
			return nil, nil, storageError(err)
		}
		notes.Merge(more)
		for _, w := range words {
			all = append(all, strings.Clone(w)) // of a block's file, which may be unmapped after Close
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > sel.limit {
		all = all[:sel.limit]
		notes = notes.Add(errTruncated)
	}
	return all, notes, nil
}

func (a *api) series(r *http.Request) (any, annotations.Annotations, error) {
	if len(r.Form["match[]"]) == 0 {
		return nil, nil, badData("no match[] parameter provided")
	}
	if _, err := a.matchers(r); err != nil {
		return nil, nil, badParam("match[]", err)
	}
	sel, err := a.selection(r)
	if err != nil {
		return nil, nil, err
	}
	q, err := a.querier(sel)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = q.Close() }() // only read from
	hints := &storage.SelectHints{Start: sel.from.UnixMilli(), End: sel.to.UnixMilli(), Func: "series"}
	sets := make([]storage.SeriesSet, len(sel.sets))
	for i, ms := range sel.sets {
		sets[i] = q.Select(r.Context(), len(sel.sets) > 1, hints, ms...)
	}
	set := sets[0]
	if len(sets) > 1 {
		set = storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	}
	all := []labels.Labels{} // not null in JSON
	for set.Next() {
		if err := r.Context().Err(); err != nil {
			return nil, nil, err
		}
		if len(all) == sel.limit {
			notes := set.Warnings()
			return all, notes.Add(errTruncated), nil
		}
		all = append(all, set.At().Labels())
	}
	if err := set.Err(); err != nil {
		return nil, nil, storageError(err)
	}
	return all, set.Warnings(), nil
}

func (a *api) querier(sel selection) (storage.Querier, error) {
	q, err := a.queryable(0).Querier(sel.from.UnixMilli(), sel.to.UnixMilli())
	if err != nil {
		return nil, storageError(err)
	}
	return q, nil
}

// storageError marks what went wrong below PromQL, as the engine does, unless
// the client or the time limit ended it.
func storageError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return promql.ErrStorage{Err: err}
}
