package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Sources are the servers that rules may have asked for their series.
type Sources interface {
	// Statuses returns how each source does. What should be known but could not be
	// had is told in words.
	Statuses(ctx context.Context) (all []barograph.SourceStatus, missing []string, err error)
}

type seriesHandlers struct {
	lister  barograph.SeriesLister
	sources Sources
	clock   barograph.Clock
}

const (
	seriesLimit = 1000
	seriesSpan  = time.Hour
)

func (a seriesHandlers) ListSeries(ctx context.Context, r ListSeriesRequestObject) (ListSeriesResponseObject, error) {
	from, to := r.Params.From, r.Params.To
	if to.IsZero() {
		to = a.clock.Now()
	}
	if from.IsZero() {
		from = to.Add(-seriesSpan)
	}
	if !from.Before(to) {
		return nil, refusal("from", from.UTC().Format(time.RFC3339)+" is not before to, which is "+to.UTC().Format(time.RFC3339))
	}
	limit := cmp.Or(r.Params.Limit, seriesLimit)
	items, more := []barograph.Series{}, false
	for _, text := range r.Params.Match {
		selector, err := barograph.ParseSelector(text) // it was read before: the document's format says so
		if err != nil {
			return nil, err
		}
		found, others, err := a.lister.Series(ctx, barograph.SeriesQuery{Selector: selector, From: from, To: to, Limit: limit})
		if err != nil {
			return nil, err
		}
		items, more = append(items, found...), more || others
	}
	items = distinct(items)
	more = more || len(items) > limit
	return ListSeries200JSONResponse{Items: items[:min(limit, len(items))], More: more}, nil
}

// distinct returns the series in the order of their text, each once.
func distinct(series []barograph.Series) []barograph.Series {
	texts := make(map[string]barograph.Series, len(series))
	for _, s := range series {
		texts[s.String()] = s
	}
	out := make([]barograph.Series, 0, len(texts))
	for _, s := range texts {
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y barograph.Series) int { return strings.Compare(x.String(), y.String()) })
	return out
}

func (a seriesHandlers) ListSources(ctx context.Context, _ ListSourcesRequestObject) (ListSourcesResponseObject, error) {
	items, missing, err := a.sources.Statuses(ctx)
	return ListSources200JSONResponse{Items: items, Incomplete: missing}, err
}
