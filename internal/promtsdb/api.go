package promtsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
)

// prometheusVersion is the release whose TSDB and engine these are; clients
// read from it what they may ask for.
const prometheusVersion = "3.15.0"

// maxForm bounds the body of a query sent by POST.
const maxForm = 1 << 20

// HandlerDeps are what the API shows besides what is stored. All may be left out.
type HandlerDeps struct {
	Ahead       Ahead  // nil: nothing
	AheadMetric string // the name of its series
	Rules       Rules  // nil: there are none
	Warnings    Warnings
	Interval    time.Duration // at which rules are looked at
}

// Handler answers the Prometheus HTTP API below /api/v1/, as Grafana, promtool
// and others use it of a Prometheus: its parameters, answers, status codes and
// limits. Times default to the store's clock and ranges to the whole retention.
func (s *Store) Handler(deps HandlerDeps) http.Handler {
	a := &api{s, deps}
	mux := http.NewServeMux()
	for path, answer := range map[string]answerer{
		"query":           a.query,
		"query_range":     a.queryRange,
		"query_exemplars": a.exemplars,
		"format_query":    a.formatQuery,
		"series":          a.inTurn(a.series),
		"labels":          a.inTurn(a.labelNames),
	} {
		mux.Handle("GET /api/v1/"+path, a.handle(answer))
		mux.Handle("POST /api/v1/"+path, a.handle(answer))
	}
	for path, answer := range map[string]answerer{
		"label/{name}/values": a.inTurn(a.labelValues),
		"metadata":            a.inTurn(a.metadata),
		"rules":               a.rules,
		"alerts":              a.alerts,
		"status/buildinfo":    a.buildInfo,
	} {
		mux.Handle("GET /api/v1/"+path, a.handle(answer))
	}
	return compressed(mux)
}

// api is the store as HTTP sees it.
type api struct {
	*Store

	deps HandlerDeps
}

// answerer returns what an answer has under "data".
type answerer func(r *http.Request) (data any, notes annotations.Annotations, err error)

// encoded is data that is JSON already.
type encoded []byte

// errorType is Prometheus's word for what went wrong.
type errorType string

const (
	errorTimeout     errorType = "timeout"
	errorCanceled    errorType = "canceled"
	errorExec        errorType = "execution"
	errorBadData     errorType = "bad_data"
	errorInternal    errorType = "internal"
	errorUnavailable errorType = "unavailable"
)

// statusClientGone is nginx's code for a client that did not wait; only logs see it.
const statusClientGone = 499

func (t errorType) status() int {
	switch t {
	case errorBadData:
		return http.StatusBadRequest
	case errorExec:
		return http.StatusUnprocessableEntity
	case errorCanceled:
		return statusClientGone
	case errorTimeout, errorUnavailable:
		return http.StatusServiceUnavailable
	case errorInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// apiError is an error whose text the client gets.
type apiError struct {
	errorType errorType
	text      string
}

// Error returns the text.
func (e *apiError) Error() string { return e.text }

func badParam(name string, err error) error {
	return &apiError{errorBadData, fmt.Sprintf("invalid parameter %q: %s", name, err)}
}

func badData(format string, args ...any) error {
	return &apiError{errorBadData, fmt.Sprintf(format, args...)}
}

// handle does what all endpoints have in common.
func (a *api) handle(answer answerer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done, err := a.use()
		if err != nil {
			a.respondError(w, &apiError{errorUnavailable, err.Error()})
			return
		}
		defer done()
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			a.respondError(w, &apiError{errorBadData, "error parsing form values: " + err.Error()})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Query.Timeout.Std())
		defer cancel()
		data, notes, err := answer(r.WithContext(ctx))
		if err != nil {
			a.respondError(w, a.classify(r.Context(), err))
			return
		}
		a.respond(w, r.FormValue("query"), data, notes)
	})
}

// inTurn has what looks at all series take turns with the queries.
func (a *api) inTurn(answer answerer) answerer {
	return func(r *http.Request) (any, annotations.Annotations, error) {
		if _, err := a.turns.Insert(r.Context(), ""); err != nil {
			return nil, nil, err
		}
		defer a.turns.Delete(0)
		return answer(r)
	}
}

// classify says how an error is to be answered. What the storage says is for the log.
func (a *api) classify(ctx context.Context, err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if _, ok := errors.AsType[promql.ErrQueryCanceled](err); ok || errors.Is(err, context.Canceled) {
		return &apiError{errorCanceled, err.Error()}
	}
	if _, ok := errors.AsType[promql.ErrQueryTimeout](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return &apiError{errorTimeout, err.Error()}
	}
	if _, ok := errors.AsType[promql.ErrStorage](err); ok {
		a.log.ErrorContext(ctx, "query failed in the series store", "error", err)
		return &apiError{errorInternal, "the series store could not be read; the server's log says why"}
	}
	return &apiError{errorExec, err.Error()}
}

func (a *api) respond(w http.ResponseWriter, query string, data any, notes annotations.Annotations) {
	body := []byte(`{"status":"success","data":`)
	if raw, ok := data.(encoded); ok {
		body = append(body, raw...)
	} else {
		raw, err := json.Marshal(data)
		if err != nil {
			a.log.Error("encode answer", "error", err)
			a.respondError(w, &apiError{errorInternal, "the answer could not be encoded"})
			return
		}
		body = append(body, raw...)
	}
	const most = 10 // notes of each sort, as Prometheus
	warnings, infos := notes.AsStrings(query, most, most)
	body = appendNotes(body, "warnings", warnings)
	body = appendNotes(body, "infos", infos)
	a.send(w, http.StatusOK, append(body, '}'))
}

func appendNotes(body []byte, name string, notes []string) []byte {
	if len(notes) == 0 {
		return body
	}
	raw, err := json.Marshal(notes)
	if err != nil {
		return body // strings always encode
	}
	body = append(body, `,"`+name+`":`...)
	return append(body, raw...)
}

func (a *api) respondError(w http.ResponseWriter, e *apiError) {
	body, err := json.Marshal(struct {
		Status    string    `json:"status"`
		ErrorType errorType `json:"errorType"`
		Error     string    `json:"error"`
	}{"error", e.errorType, e.text})
	if err != nil {
		a.log.Error("encode error", "error", err)
	}
	a.send(w, e.errorType.status(), body)
}

func (a *api) send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil { //nolint:gosec // JSON, and said to be
		a.log.Debug("client did not take the answer", slog.Any("error", err))
	}
}

func (*api) buildInfo(*http.Request) (any, annotations.Annotations, error) {
	return struct {
		Version   string `json:"version"`
		Revision  string `json:"revision"`
		Branch    string `json:"branch"`
		BuildUser string `json:"buildUser"`
		BuildDate string `json:"buildDate"`
		GoVersion string `json:"goVersion"`
	}{Version: prometheusVersion, Branch: "barograph", GoVersion: runtime.Version()}, nil, nil
}
