package forecast

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
)

// aheadCurves is how many curves are drawn for one question at most.
const aheadCurves = 100

// Ahead shows the curves as series, as AheadSamples has them, that reach beyond
// now. Nothing is stored: a curve is drawn when it is asked for, and kept by Curves.
// It is safe for concurrent use.
type Ahead struct {
	curves *Curves
	rules  Rules
	series barograph.SeriesLister
}

var (
	_ barograph.SampleReader = (*Ahead)(nil)
	_ barograph.SeriesLister = (*Ahead)(nil)
)

// NewAhead returns a reader of the curves of series that are listed by series.
func NewAhead(curves *Curves, rules Rules, series barograph.SeriesLister) *Ahead {
	return &Ahead{curves, rules, series}
}

// Select returns the chosen lines of at most 100 curves: first those of open
// predictions, soonest first; then, if the selector names a rule, host or
// another label of the series, those of all others that it chooses.
//
// A line has a point in the middle of each step, and one where it begins and
// ends; between two points it is straight. They can't be rolled up: the step has
// to be 0. What could not be drawn is said by the error, with which the lines
// come that could: a KindConflict if there were more than 100.
func (a *Ahead) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if q.Step != 0 {
		return nil, barograph.Errorf(barograph.KindInvalid, "curves are not rolled up, as with a step of %s: ask with a step of 0s", barograph.Duration(q.Step))
	}
	search := newAheadSearch(a, q.Selector)
	err := search.open(ctx, aheadCurves)
	if err == nil && search.named {
		err = search.others(ctx, aheadCurves)
	}
	lines, drawErr := search.draw(ctx, q.From, q.To)
	switch {
	case err != nil:
		return lines, err
	case search.more:
		return lines, barograph.Errorf(barograph.KindConflict,
			"more than %d curves are chosen by %s, and not all shown: name the rule, the host or other labels", aheadCurves, q.Selector)
	}
	return lines, drawErr
}

// Series lists all lines that may be asked for, without drawing one.
func (a *Ahead) Series(ctx context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	search := newAheadSearch(a, q.Selector)
	search.from, search.to = q.From, q.To
	most := 0
	if q.Limit > 0 {
		most = q.Limit + 1 // each has a line at least, unless the quantile is chosen
	}
	if err = search.open(ctx, most); err == nil {
		err = search.others(ctx, most)
	}
	for _, s := range search.found {
		for _, line := range aheadSeries(s.rule, s.series, nightLevel) {
			if q.Selector.Matches(line) {
				found = append(found, line)
			}
		}
	}
	slices.SortFunc(found, compareSeries)
	if q.Limit > 0 && len(found) > q.Limit {
		return found[:q.Limit], true, err
	}
	return found, search.more, err
}

// draw returns the chosen lines of what was found, as far as they have points
// from one time up to another. Curves that there can't be any more are left out.
func (s *aheadSearch) draw(ctx context.Context, from, to time.Time) ([]barograph.SeriesPoints, error) {
	var (
		mu     sync.Mutex
		lines  []barograph.SeriesPoints
		first  error
		failed int
		g      errgroup.Group
	)
	g.SetLimit(2 * cap(s.curves.making)) // while one reads, another draws
	for _, one := range s.found {
		g.Go(func() error {
			drawn, err := s.line(ctx, one, from, to)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				if first == nil {
					first = err
				}
			}
			lines = append(lines, drawn...)
			return nil
		})
	}
	_ = g.Wait() // errors are counted
	slices.SortFunc(lines, func(a, b barograph.SeriesPoints) int { return compareSeries(a.Series, b.Series) })
	if failed > 0 {
		return lines, fmt.Errorf("%d of %d curves could not be drawn: %w", failed, len(s.found), first)
	}
	return lines, nil
}

func (s *aheadSearch) line(ctx context.Context, one subject, from, to time.Time) ([]barograph.SeriesPoints, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	curve, err := s.curves.Curve(ctx, one.rule.ID, one.series, nightLevel)
	if kind := barograph.KindOf(err); kind == barograph.KindNotFound || kind == barograph.KindInvalid {
		return nil, nil // the series is gone, or the rule has become another meanwhile
	}
	if err != nil {
		return nil, err
	}
	var out []barograph.SeriesPoints
	named := aheadSeries(one.rule, one.series, curve.Level)
	for i, values := range [...][]float64{curve.Lower, curve.Mean, curve.Upper} {
		if !s.selector.Matches(named[i]) {
			continue
		}
		if points := within(aheadLine(curve, values), from, to); len(points) > 0 {
			out = append(out, barograph.SeriesPoints{Series: named[i], Points: points})
		}
	}
	return out, nil
}

// aheadLine returns the points of a line of the curve. It begins half-way
// between the last value of the past and the first of the future, and ends flat.
func aheadLine(curve barograph.Curve, values []float64) []barograph.Point {
	if len(values) == 0 {
		return nil
	}
	first, last := values[0], values[len(values)-1]
	if n := len(curve.History); n > 0 && curve.History[n-1] != nil {
		first = (*curve.History[n-1] + first) / 2
	}
	points := make([]barograph.Point, 0, len(values)+2)
	points = append(points, barograph.Point{UnixMilli: curve.Start.UnixMilli(), Value: first})
	for i, v := range values {
		points = append(points, barograph.Point{UnixMilli: middle(curve, i).UnixMilli(), Value: v})
	}
	end := curve.Start.Add(time.Duration(float64(len(values)) * curve.StepSeconds * float64(time.Second)))
	return append(points, barograph.Point{UnixMilli: end.UnixMilli(), Value: last})
}

// within returns the points from one time up to another.
func within(points []barograph.Point, from, to time.Time) []barograph.Point {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(points, t, func(p barograph.Point, t time.Time) int { return time.UnixMilli(p.UnixMilli).Compare(t) })
		return i
	}
	first, end := at(from), at(to)
	if first >= end {
		return nil
	}
	return points[first:end]
}
