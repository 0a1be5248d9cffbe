package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// How much a copy reads at once, and writes at once.
const (
	copyPoints  = 1_000_000
	copyBatch   = 20_000
	shortWindow = time.Minute
	longWindow  = 30 * barograph.Day
)

// seriesSource is what can be copied from.
type seriesSource interface {
	barograph.SampleReader
	barograph.SeriesLister
}

// windows cuts a time into pieces that hold about copyPoints points each: memory
// does not grow with the history.
type windows struct {
	source seriesSource
	end    time.Time
	width  time.Duration
	// density is about how many points a series has in a second, at most.
	density float64
}

func newWindows(source seriesSource, end time.Time) *windows {
	return &windows{source: source, end: end, width: time.Hour, density: 1}
}

// next returns the piece that begins at from, and what is in it.
func (w *windows) next(ctx context.Context, from time.Time) (to time.Time, found []barograph.SeriesPoints, err error) {
	width := min(w.width, w.end.Sub(from))
	series, err := patiently(ctx, func() ([]barograph.Series, error) {
		found, _, err := w.source.Series(ctx, barograph.SeriesQuery{From: from, To: from.Add(width)})
		return found, err
	})
	if err != nil {
		return to, nil, fmt.Errorf("list series from %s: %w", from.Format(time.RFC3339), err)
	}
	if len(series) > 0 {
		affordable := time.Duration(copyPoints / (float64(len(series)) * w.density) * float64(time.Second))
		width = min(width, max(affordable.Truncate(time.Millisecond), shortWindow))
	}
	to = from.Add(width)
	if len(series) == 0 {
		w.width = min(2*width, longWindow)
		return to, nil, nil
	}
	found, err = patiently(ctx, func() ([]barograph.SeriesPoints, error) {
		return w.source.Select(ctx, barograph.Query{From: from, To: to})
	})
	if err != nil {
		return to, nil, fmt.Errorf("read series from %s: %w", from.Format(time.RFC3339), err)
	}
	points := 0
	for _, s := range found {
		points += len(s.Points)
	}
	measured := float64(points) / (float64(len(series)) * width.Seconds())
	w.density = max(measured, w.density/2, 1/barograph.Day.Seconds())
	w.width = min(2*width, longWindow)
	return to, slices.DeleteFunc(found, isAhead), nil
}

// isAhead reports whether the series are forecasts, which are made anew.
func isAhead(s barograph.SeriesPoints) bool { return s.Series.Metric == forecast.AheadMetric }

// patiently calls read again for a while as long as the store is away.
func patiently[T any](ctx context.Context, read func() (T, error)) (T, error) {
	const tries = 8
	for try := 1; ; try++ {
		v, err := read()
		if err == nil || try == tries || barograph.KindOf(err) != barograph.KindUnavailable {
			return v, err
		}
		if err := pause(ctx, time.Duration(try)*time.Second); err != nil {
			return v, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// samplesOf returns all points as samples, oldest first: so a store that expects
// them as they happen takes them.
func samplesOf(found []barograph.SeriesPoints) []barograph.Sample {
	n := 0
	for _, s := range found {
		n += len(s.Points)
	}
	samples := make([]barograph.Sample, 0, n)
	for _, s := range found {
		for _, p := range s.Points {
			samples = append(samples, barograph.Sample{Series: s.Series, UnixMilli: p.UnixMilli, Value: p.Value})
		}
	}
	slices.SortStableFunc(samples, func(a, b barograph.Sample) int { return cmp.Compare(a.UnixMilli, b.UnixMilli) })
	return samples
}

// refusals are samples that a store does not take.
type refusals struct {
	Count int    `json:"count"`
	First string `json:"first"` // why
}

// writeAll writes the samples batch by batch.
func writeAll(ctx context.Context, to barograph.SampleWriter, samples []barograph.Sample, refused *refusals) error {
	for batch := range slices.Chunk(samples, copyBatch) {
		_, err := patiently(ctx, func() (struct{}, error) { return struct{}{}, to.Write(ctx, batch) })
		if partial, ok := errors.AsType[*barograph.PartialError](err); ok {
			refused.Count += len(partial.Rejected)
			if refused.First == "" {
				refused.First = partial.Error()
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("write series: %w", err)
		}
	}
	return nil
}

// Compared is what reading both stores again showed of one metric.
type Compared struct {
	Points  int // of the source
	Missing int // that the destination does not have
	Altered int // that have another value there
	// Rounded have another value by less than 1e-12 of the largest of their series:
	// some stores keep that many digits.
	Rounded int
}

// comparison is what was found so far, series by series: what rounding is depends
// on the largest value of the whole series.
type comparison map[string]*comparedSeries

type comparedSeries struct {
	metric           string
	points           int
	missing, altered int
	largest, worst   float64 // value, and difference
}

// add compares a piece of both. A store that writes behind lacks points for a
// moment: unless it is the last look, that is reported and nothing is added.
func (c comparison) add(source, destination []barograph.SeriesPoints, last bool) (complete bool) {
	there := make(map[string][]barograph.Point, len(destination))
	for _, s := range destination {
		there[s.Series.String()] = s.Points
	}
	found := make([]comparedSeries, len(source))
	for i, s := range source {
		found[i] = comparePoints(s.Points, there[s.Series.String()])
		if found[i].missing > 0 && !last {
			return false
		}
	}
	for i, s := range source {
		name := s.Series.String()
		if c[name] == nil {
			c[name] = &comparedSeries{metric: s.Series.Metric}
		}
		c[name].add(found[i])
	}
	return true
}

func (s *comparedSeries) add(other comparedSeries) {
	s.points += other.points
	s.missing += other.missing
	s.altered += other.altered
	s.largest, s.worst = max(s.largest, other.largest), max(s.worst, other.worst)
}

func comparePoints(want, got []barograph.Point) comparedSeries {
	c, i := comparedSeries{points: len(want)}, 0
	for _, p := range want {
		c.largest = max(c.largest, math.Abs(p.Value))
		for i < len(got) && got[i].UnixMilli < p.UnixMilli {
			i++
		}
		switch {
		case i == len(got) || got[i].UnixMilli != p.UnixMilli:
			c.missing++
		case got[i].Value != p.Value:
			c.altered++
			c.worst = max(c.worst, math.Abs(got[i].Value-p.Value))
		}
	}
	return c
}

// byMetric sums up.
func (c comparison) byMetric() map[string]Compared {
	const digits = 1e-12
	all := map[string]Compared{}
	for _, s := range c {
		sum := all[s.metric]
		sum.Points += s.points
		sum.Missing += s.missing
		if s.worst <= digits*s.largest {
			sum.Rounded += s.altered
		} else {
			sum.Altered += s.altered
		}
		all[s.metric] = sum
	}
	return all
}
