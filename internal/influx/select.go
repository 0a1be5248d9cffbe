package influx

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Select reads the samples of a metric. InfluxDB 2 rolls them up itself; those
// of 1.8 are rolled up here, which is faster.
//
// A read of more points than Config.MaxPoints is refused as KindTooLarge.
func (s *Store) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	start := time.Now()
	defer func() { s.metrics.readSeconds.UpdateDuration(start) }()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.From, q.To = wholeMilli(q.From), wholeMilli(q.To)
	if !q.From.Before(q.To) {
		return nil, nil
	}
	read := s.selectFlux
	if s.cfg.isV1() && q.Selector.Metric != "" {
		read = s.selectPaged
	}
	found, err := read(ctx, q)
	if err != nil {
		s.metrics.readErrors.Inc()
		return nil, fmt.Errorf("select %s from InfluxDB: %w", q.Selector, serverFault(err))
	}
	return merge(found), nil
}

func (s *Store) selectFlux(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	// InfluxDB 1.8 includes the end of a range, 2 does not.
	q.To = q.To.Add(-time.Nanosecond)
	found, err := s.query(ctx, fluxQuery(s.cfg.Bucket, q))
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(sp barograph.SeriesPoints) bool { return !q.Selector.Matches(sp.Series) })
	if q.Step > 0 {
		for _, sp := range found {
			alignTo(q.Step.Milliseconds(), sp.Points)
		}
	}
	return found, nil
}

// checkPoints refuses an answer that has become too long.
func (c Config) checkPoints(points int) error {
	if points > c.MaxPoints {
		return tooMuch("has more than %d points (store.influxdb.max_points)", c.MaxPoints)
	}
	return nil
}

func tooMuch(format string, args ...any) error {
	return barograph.Errorf(barograph.KindTooLarge, "the answer "+format+": ask for fewer series, a shorter time or longer steps", args...)
}

// wholeMilli rounds up, which chooses the same samples.
func wholeMilli(t time.Time) time.Time {
	down := t.Truncate(time.Millisecond)
	if down.Equal(t) {
		return t
	}
	return down.Add(time.Millisecond)
}

// alignTo moves points to the start of their step: the server stamps the first
// step with the start of the range when that cuts it.
func alignTo(step int64, points []barograph.Point) {
	for i, p := range points {
		points[i].UnixMilli = stepStart(step, p.UnixMilli)
	}
}

// merge sorts by series and time, and joins the parts of a series that came
// as two tables, which happens where somebody else wrote whole numbers.
func merge(found []barograph.SeriesPoints) []barograph.SeriesPoints {
	type named struct {
		name string
		sp   barograph.SeriesPoints
	}
	all := make([]named, len(found))
	for i, sp := range found {
		all[i] = named{sp.Series.String(), sp}
	}
	slices.SortStableFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	out := found[:0]
	for i, n := range all {
		if i > 0 && n.name == all[i-1].name {
			last := &out[len(out)-1]
			last.Points = append(last.Points, n.sp.Points...)
			continue
		}
		out = append(out, n.sp)
	}
	for i := range out {
		out[i].Points = sorted(out[i].Points)
	}
	return out
}

func sorted(points []barograph.Point) []barograph.Point {
	byTime := func(a, b barograph.Point) int { return cmp.Compare(a.UnixMilli, b.UnixMilli) }
	if !slices.IsSortedFunc(points, byTime) {
		slices.SortStableFunc(points, byTime)
	}
	return slices.CompactFunc(points, func(a, b barograph.Point) bool { return a.UnixMilli == b.UnixMilli })
}

// queryRequest is the body of /api/v2/query.
type queryRequest struct {
	Query   string       `json:"query"`
	Type    string       `json:"type"`
	Dialect queryDialect `json:"dialect"`
}

type queryDialect struct {
	Header      bool     `json:"header"`
	Delimiter   string   `json:"delimiter"`
	Annotations []string `json:"annotations"`
}

// query runs a Flux program.
func (s *Store) query(ctx context.Context, flux string) ([]barograph.SeriesPoints, error) {
	body, err := json.Marshal(queryRequest{
		Query: flux, Type: "flux",
		Dialect: queryDialect{Header: true, Delimiter: ",", Annotations: []string{"datatype", "group", "default"}},
	})
	if err != nil {
		return nil, err
	}
	var found []barograph.SeriesPoints
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/csv"}}
	err = s.post(ctx, s.queryURL(), header, bytes.NewReader(body), func(r io.Reader) error {
		var err error
		found, err = decode(r, s.cfg.checkPoints)
		return err
	})
	return found, err
}
