package promtsdb

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/stats"
)

// maxPoints of one series in a range query: 60 s for a week, 1 h for a year.
const maxPoints = 11_000

func (a *api) query(r *http.Request) (any, annotations.Annotations, error) {
	at, err := timeParam(r, "time", a.clock.Now())
	if err != nil {
		return nil, nil, err
	}
	return a.run(r, func(ctx context.Context, opts promql.QueryOpts) (promql.Query, error) {
		return a.engine.NewInstantQuery(ctx, a.queryable(opts.LookbackDelta()), opts, r.FormValue("query"), at)
	})
}

func (a *api) queryRange(r *http.Request) (any, annotations.Annotations, error) {
	start, err := parseTime(r.FormValue("start"))
	if err != nil {
		return nil, nil, badParam("start", err)
	}
	end, err := parseTime(r.FormValue("end"))
	if err != nil {
		return nil, nil, badParam("end", err)
	}
	if end.Before(start) {
		return nil, nil, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(r.FormValue("step"))
	if err != nil {
		return nil, nil, badParam("step", err)
	}
	if step < time.Millisecond {
		return nil, nil, badParam("step",
			errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if end.Sub(start)/step > maxPoints {
		return nil, nil, badData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	return a.run(r, func(ctx context.Context, opts promql.QueryOpts) (promql.Query, error) {
		return a.engine.NewRangeQuery(ctx, a.queryable(opts.LookbackDelta()), opts, r.FormValue("query"), start, end, step)
	})
}

// run evaluates a query and encodes its result.
func (a *api) run(r *http.Request, prepare func(context.Context, promql.QueryOpts) (promql.Query, error)) (
	any, annotations.Annotations, error,
) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel, err := withTimeout(r)
	if err != nil {
		return nil, nil, err
	}
	defer cancel()
	lookback, err := lookbackParam(r)
	if err != nil {
		return nil, nil, err
	}
	withStats := r.FormValue("stats")
	query, err := prepare(ctx, promql.NewPrometheusQueryOpts(withStats == "all", lookback))
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		return nil, nil, promql.ErrQueryTimeout("query queue")
	case errors.Is(err, context.Canceled):
		return nil, nil, promql.ErrQueryCanceled("query queue")
	default:
		return nil, nil, badParam("query", err)
	}
	defer query.Close() // takes back the result's memory: encode before
	began := time.Now()
	result := query.Exec(ctx)
	a.meters.queries.UpdateDuration(began)
	if result.Err != nil {
		return nil, result.Warnings, result.Err
	}
	notes := result.Warnings
	if truncate(result, limit) {
		notes = notes.Add(errTruncated)
	}
	body, err := encodeResult(result.Value)
	if err != nil {
		return nil, nil, err
	}
	if withStats != "" {
		raw, err := json.Marshal(stats.NewQueryStats(query.Stats()))
		if err != nil {
			return nil, nil, err
		}
		body = append(append(body, `,"stats":`...), raw...)
	}
	return encoded(append(body, '}')), notes, nil
}

// withTimeout ends the query early if the client asks for it.
func withTimeout(r *http.Request) (context.Context, context.CancelFunc, error) {
	if r.FormValue("timeout") == "" {
		return r.Context(), func() {}, nil
	}
	timeout, err := durationParam(r, "timeout")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	return ctx, cancel, nil
}

var errTruncated = errors.New("results truncated due to limit")

// truncate keeps the first series and reports whether there were more. A limit
// of 0 keeps all.
func truncate(result *promql.Result, limit int) bool {
	if limit == 0 {
		return false
	}
	switch v := result.Value.(type) {
	case promql.Matrix:
		if len(v) > limit {
			result.Value = v[:limit]
			return true
		}
	case promql.Vector:
		if len(v) > limit {
			result.Value = v[:limit]
			return true
		}
	}
	return false
}

// formatQuery returns the query as it is written best.
func (a *api) formatQuery(r *http.Request) (any, annotations.Annotations, error) {
	expr, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return nil, nil, badParam("query", err)
	}
	return expr.Pretty(0), nil, nil
}

// exemplars finds none: samples come without.
func (a *api) exemplars(r *http.Request) (any, annotations.Annotations, error) {
	start, err := timeParam(r, "start", time.Unix(-maxSeconds, 0))
	if err != nil {
		return nil, nil, err
	}
	end, err := timeParam(r, "end", time.Unix(maxSeconds, 0))
	if err != nil {
		return nil, nil, err
	}
	if end.Before(start) {
		return nil, nil, badData("end timestamp must not be before start timestamp")
	}
	if _, err := a.parser.ParseExpr(r.FormValue("query")); err != nil {
		return nil, nil, badData("%s", err)
	}
	return []struct{}{}, nil, nil
}
