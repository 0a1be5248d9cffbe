package influx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/klauspost/compress/snappy"

	"github.com/barograph/barograph"
)

// Pages of a read, in time. The server holds a page in memory, and so do we.
const (
	firstPage   = time.Hour // how much time is asked for before it is known how dense it is
	longestPage = 31 * barograph.Day
	pageGrowth  = 8         // at most, from one page to the next
	pageSamples = 500_000   // that a page is to have
	mostPage    = 512 << 20 // bytes; a page of more is refused
)

// paged reads the raw samples of one metric, page by page, and rolls them up
// here: InfluxDB 1.8 hands out samples many times faster than it rolls them up.
// It goes back in time, so that the first pages tell how dense the later are.
type paged struct {
	store  *Store
	q      barograph.Query
	series map[string]*pagedSeries // by their labels
	points int
	body   bytes.Buffer
	plain  []byte
}

type pagedSeries struct {
	series  barograph.Series
	dropped bool                // the selector does not choose it
	pages   [][]barograph.Point // the last comes first
}

func (s *Store) selectPaged(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	p := paged{store: s, q: q, series: map[string]*pagedSeries{}}
	first, end := max(q.From.UnixMilli(), earliest()), min(q.To.UnixMilli(), latest())
	length := firstPage.Milliseconds()
	for first < end {
		start := max(first, p.pageStart(end, length))
		samples, err := p.read(ctx, start, end)
		if err != nil {
			return nil, err
		}
		end = start
		growth := min(pageGrowth, float64(pageSamples)/float64(max(1, samples)))
		length = min(longestPage.Milliseconds(), max(1, int64(float64(length)*growth)))
	}
	return p.found(), nil
}

// pageStart returns where a page begins that ends there: with a step, so that no
// step is cut in two.
func (p *paged) pageStart(end, length int64) int64 {
	start := end - length
	if start < beforeBarograph() {
		return math.MinInt64 // there can't be much
	}
	if step := p.q.Step.Milliseconds(); step > 0 {
		start = stepStart(step, start)
	}
	return start
}

// beforeBarograph is when nobody wrote samples yet.
func beforeBarograph() int64 { return time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }

func (p *paged) found() []barograph.SeriesPoints {
	var found []barograph.SeriesPoints
	for _, ps := range p.series {
		if len(ps.pages) > 0 {
			slices.Reverse(ps.pages)
			found = append(found, barograph.SeriesPoints{Series: ps.series, Points: slices.Concat(ps.pages...)})
			ps.pages = nil
		}
	}
	return found
}

// read reads one page, from first up to end.
func (p *paged) read(ctx context.Context, first, end int64) (samples int, err error) {
	request := snappy.Encode(nil, readRequest(p.q.Selector, first, end-1))
	header := http.Header{"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"}}
	err = p.store.post(ctx, p.store.remoteReadURL(), header, bytes.NewReader(request), func(r io.Reader) error {
		p.body.Reset()
		if _, err := p.body.ReadFrom(io.LimitReader(r, mostPage+1)); err != nil {
			return err
		}
		size, err := snappy.DecodedLen(p.body.Bytes())
		if err != nil {
			return fmt.Errorf("read the answer of InfluxDB: %w", err)
		}
		if size > mostPage {
			return tooMuch("answers with more than %d MB at once", mostPage>>20)
		}
		p.plain, err = snappy.Decode(p.plain[:cap(p.plain)], p.body.Bytes())
		if err != nil {
			return fmt.Errorf("read the answer of InfluxDB: %w", err)
		}
		return readResponse(p.plain, func(rs *remoteSeries) error {
			samples += len(rs.samples)
			return p.take(rs, first, end)
		})
	})
	return samples, err
}

// take adds the samples of a series.
func (p *paged) take(rs *remoteSeries, first, end int64) error {
	ps := p.seriesOf(rs)
	if ps.dropped || len(rs.samples) == 0 {
		return nil
	}
	r := roller{step: p.q.Step.Milliseconds(), rollup: p.q.Rollup, points: make([]barograph.Point, 0, p.room(rs, first, end))}
	for _, message := range rs.samples {
		at, err := point(message)
		if err != nil {
			return err
		}
		if at.UnixMilli >= first && at.UnixMilli < end {
			r.add(at)
		}
	}
	if len(r.points) == 0 {
		return nil
	}
	ps.pages = append(ps.pages, r.points)
	p.points += len(r.points)
	return p.store.cfg.checkPoints(p.points)
}

// room returns how many points the samples can become at most.
func (p *paged) room(rs *remoteSeries, first, end int64) int {
	if step := p.q.Step.Milliseconds(); step > 0 {
		return int(min(int64(len(rs.samples)), (end-first)/step+2))
	}
	return len(rs.samples)
}

func (p *paged) seriesOf(rs *remoteSeries) *pagedSeries {
	labels := barograph.NewLabels(rs.labels)
	key := labels.String()
	ps := p.series[key]
	if ps == nil {
		ps = &pagedSeries{series: barograph.Series{Metric: p.q.Selector.Metric, Labels: labels}}
		ps.dropped = !p.q.Selector.Matches(ps.series)
		p.series[key] = ps
	}
	return ps
}
