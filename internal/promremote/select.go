package promremote

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Select runs the query on the server, in as many requests as its limits take. A
// read of more points than Config.MaxPoints is refused as KindTooLarge.
func (s *Store) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	start := time.Now()
	defer func() { s.metrics.readSeconds.UpdateDuration(start) }()
	found, err := s.selectAll(ctx, q)
	if err != nil {
		s.metrics.readErrors.Inc()
		return nil, fmt.Errorf("select %s from the series store: %w", q.Selector, serverFault(err))
	}
	return found, nil
}

func (s *Store) selectAll(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	whole := spanOf(q.From, q.To)
	if whole.empty() {
		return nil, nil
	}
	closed, err := s.closedRanges(ctx)
	if err != nil {
		return nil, err
	}
	// A roll-up drops the metric's name, so that each has to be read by itself.
	metrics := []string{q.Selector.Metric}
	if q.Selector.Metric == "" {
		if metrics, err = s.metricNames(ctx, q.Selector, whole); err != nil {
			return nil, err
		}
	}
	var found []barograph.SeriesPoints
	left := s.cfg.MaxPoints
	for _, metric := range metrics {
		r := reader{store: s, query: q, closed: closed, places: map[string]int{}, left: left}
		r.query.Selector.Metric = metric
		r.text = selectorText(r.query.Selector)
		if err := r.read(ctx, whole); err != nil {
			return nil, err
		}
		left = r.left
		found = append(found, r.result()...)
	}
	return sortSeries(found), nil
}

// sortSeries sorts by name, which it makes once for each.
func sortSeries(found []barograph.SeriesPoints) []barograph.SeriesPoints {
	type named struct {
		name string
		sp   barograph.SeriesPoints
	}
	all := make([]named, len(found))
	for i, sp := range found {
		all[i] = named{sp.Series.String(), sp}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	for i, n := range all {
		found[i] = n.sp
	}
	return found
}

// reader reads the series of one metric, piece by piece.
type reader struct {
	store  *Store
	query  barograph.Query
	closed bool   // as Store.closedRanges has it
	text   string // the selector

	found  []barograph.SeriesPoints
	places map[string]int // in found, by the series' name
	left   int            // points that may still come
}

const (
	// finestStep is the shortest step that the server rolls up. Below it
	// VictoriaMetrics puts older points in the place of those that are younger
	// than its -search.latencyOffset.
	finestStep = time.Minute
	// mostSteps is the most points of one series in a range query: Prometheus
	// allows 11,000.
	mostSteps = 10_000
	// mostSamples is about how many samples one answer may have.
	mostSamples = 2_000_000
	// uncounted is the longest range that is read without a look at how many
	// samples it has.
	uncounted = barograph.Day
)

func (r *reader) read(ctx context.Context, whole span) error {
	if step := r.query.Step; step >= finestStep {
		return r.readSteps(ctx, whole, step.Milliseconds())
	}
	return r.readSamples(ctx, whole)
}

// readSamples reads the samples themselves.
func (r *reader) readSamples(ctx context.Context, s span) error {
	if s.empty() {
		return nil
	}
	if s.length() > uncounted.Milliseconds() {
		n, err := r.count(ctx, s)
		if n == 0 || err != nil {
			return err
		}
		if n > float64(r.left) {
			return r.store.cfg.tooMuch()
		}
		if n > mostSamples {
			middle := s.from + s.length()/2
			if err := r.readSamples(ctx, span{s.from, middle}); err != nil {
				return err
			}
			return r.readSamples(ctx, span{middle, s.to})
		}
	}
	answer, err := r.ask(ctx, "query", url.Values{
		"query": {r.text + "[" + duration(s.length()) + "]"}, "time": {timestamp(s.to - 1)},
	})
	for _, l := range answer {
		l.points = slices.DeleteFunc(l.points, func(p barograph.Point) bool { return !s.contains(p.UnixMilli) })
		r.add(l)
	}
	return err
}

// readSteps reads roll-ups: whole steps by a range query, and what of a step
// is left at both ends by itself.
func (r *reader) readSteps(ctx context.Context, s span, step int64) error {
	first, last := (s.from+step-1)/step*step, s.to/step*step
	if first > last { // within one step
		return r.readPart(ctx, s, step)
	}
	if err := r.readPart(ctx, span{s.from, first}, step); err != nil {
		return err
	}
	if err := r.readWhole(ctx, span{first, last}, step); err != nil {
		return err
	}
	return r.readPart(ctx, span{last, s.to}, step)
}

// readPart rolls up the samples of a part of a step.
func (r *reader) readPart(ctx context.Context, s span, step int64) error {
	if s.empty() {
		return nil
	}
	if r.window(s.length()) == 0 { // which is no range
		return r.readSamples(ctx, s)
	}
	answer, err := r.ask(ctx, "query", url.Values{
		"query": {r.rolledUp(s.length())}, "time": {timestamp(s.to - 1)},
	})
	for _, l := range answer {
		for i := range l.points {
			l.points[i].UnixMilli = s.from / step * step
		}
		r.add(l)
	}
	return err
}

// readWhole rolls up whole steps. Each is evaluated at its last millisecond.
func (r *reader) readWhole(ctx context.Context, s span, step int64) error {
	if s.empty() {
		return nil
	}
	if steps := s.length() / step; steps > mostSteps {
		n, err := r.count(ctx, s)
		if n == 0 || err != nil {
			return err
		}
		middle := s.from + steps/2*step
		if err := r.readWhole(ctx, span{s.from, middle}, step); err != nil {
			return err
		}
		return r.readWhole(ctx, span{middle, s.to}, step)
	}
	answer, err := r.ask(ctx, "query_range", url.Values{
		"query": {r.rolledUp(step)}, "step": {duration(step)},
		"start": {timestamp(s.from + step - 1)}, "end": {timestamp(s.to - 1)},
	})
	for _, l := range answer {
		for i := range l.points {
			l.points[i].UnixMilli -= step - 1
		}
		r.add(l)
	}
	return err
}

// rolledUp returns the roll-up of so many milliseconds.
func (r *reader) rolledUp(length int64) string {
	return overTime(r.query.Rollup) + "(" + r.text + "[" + duration(r.window(length)) + "])"
}

// window returns the length of a range that covers so many milliseconds.
func (r *reader) window(length int64) int64 {
	if r.closed {
		return length - 1
	}
	return length
}

// ask reads what may still come.
func (r *reader) ask(ctx context.Context, part string, form url.Values) ([]labelled, error) {
	answer, err := r.store.queryAtMost(ctx, r.left, part, form)
	for _, l := range answer {
		r.left -= len(l.points)
	}
	return answer, err
}

// count returns about how many samples there are.
func (r *reader) count(ctx context.Context, s span) (float64, error) {
	answer, err := r.store.query(ctx, "query", url.Values{
		"query": {"sum(count_over_time(" + r.text + "[" + duration(s.length()) + "]))"}, "time": {timestamp(s.to - 1)},
	})
	if err != nil || len(answer) != 1 {
		return 0, err
	}
	return answer[0].points[0].Value, nil
}

// add takes over what came of one series, later than all that it has.
func (r *reader) add(l labelled) {
	series, ok := l.series(r.query.Selector)
	if !ok || len(l.points) == 0 {
		return
	}
	name := series.String()
	place, known := r.places[name]
	if !known {
		r.places[name] = len(r.found)
		r.found = append(r.found, barograph.SeriesPoints{Series: series, Points: l.points})
		return
	}
	r.found[place].Points = append(r.found[place].Points, l.points...)
}

// series returns whose points these are; ok is false if it isn't chosen, or if
// Barograph has no such names.
func (l labelled) series(selector barograph.Selector) (series barograph.Series, ok bool) {
	series.Metric = cmp.Or(l.labels[metricLabel], selector.Metric)
	delete(l.labels, metricLabel)
	series.Labels = barograph.NewLabels(l.labels)
	return series, selector.Matches(series) && series.Validate() == nil
}

// result returns what was read, each time once.
func (r *reader) result() []barograph.SeriesPoints {
	for i, sp := range r.found {
		sp.Points = inOrder(sp.Points)
		if step := r.query.Step.Milliseconds(); step > 0 && r.query.Step < finestStep {
			sp.Points = rollUp(sp.Points, step, r.query.Rollup)
		}
		r.found[i] = sp
	}
	return r.found
}

func inOrder(points []barograph.Point) []barograph.Point {
	byTime := func(a, b barograph.Point) int { return cmp.Compare(a.UnixMilli, b.UnixMilli) }
	if !slices.IsSortedFunc(points, byTime) {
		slices.SortStableFunc(points, byTime)
	}
	return slices.CompactFunc(points, func(a, b barograph.Point) bool { return a.UnixMilli == b.UnixMilli })
}

// rollUp makes one point of each step, in place.
func rollUp(points []barograph.Point, step int64, how barograph.Rollup) []barograph.Point {
	out := points[:0]
	for n := 0; n < len(points); {
		start := points[n].UnixMilli / step * step
		value, count := points[n].Value, 1.0
		for n++; n < len(points) && points[n].UnixMilli < start+step; n++ {
			count++
			value = join(how, value, points[n].Value, count)
		}
		out = append(out, barograph.Point{UnixMilli: start, Value: value})
	}
	return out
}

// join adds a value to what those before it, count with it, gave.
func join(how barograph.Rollup, so, value, count float64) float64 {
	switch how {
	case barograph.RollupLast:
	case barograph.RollupMax:
		return max(so, value)
	case barograph.RollupMin:
		return min(so, value)
	case barograph.RollupMean:
		if next := so + (value-so)/count; !math.IsInf(next, 0) {
			return next
		}
		return so*((count-1)/count) + value/count // a difference overflows where the mean does not
	}
	return value
}
