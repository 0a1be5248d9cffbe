// Package observe watches HTTP requests: it counts, times and logs them, and
// answers for handlers that panic. The API and the pages are served behind it.
//
//	watch := observe.Observer{Set: set, Logger: log, Failed: problem}
//	router.Handle("/hosts", watch.Observe("GET /hosts", handler))
//
// It guarantees that a panic ends its own request only: nobody takes half of an
// answer for all of it, and what the panic said is told to the log alone.
package observe

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Observer watches requests. All of its fields are needed.
type Observer struct {
	Set    *metrics.Set
	Logger *slog.Logger
	// Failed answers a request whose handler panicked before it answered anything.
	Failed func(w http.ResponseWriter, r *http.Request, err error)
}

// Observe watches what next does with the requests of a route, which is told
// apart in the metrics by that name.
func (o Observer) Observe(route string, next http.Handler) http.Handler {
	duration := o.Set.GetOrCreateHistogram(fmt.Sprintf("barograph_http_request_duration_seconds{route=%q}", route))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		o.serve(rec, r, next)
		took := time.Since(start)
		duration.Update(took.Seconds())
		o.Set.GetOrCreateCounter(fmt.Sprintf("barograph_http_requests_total{route=%q,code=%q}", route, strconv.Itoa(rec.status))).Inc()
		o.Logger.DebugContext(r.Context(), "request answered", "method", r.Method, "path", r.URL.Path,
			"status", rec.status, "duration", took, "remote", r.RemoteAddr, "identity", rec.who)
		if rec.torn {
			panic(http.ErrAbortHandler)
		}
	})
}

func (o Observer) serve(rec *recorder, r *http.Request, next http.Handler) {
	defer o.recover(rec, r)
	next.ServeHTTP(rec, r)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

// recover has a panic answered, or marks the answer as torn if it has begun: its
// connection is cut, so that nobody takes half of it for all.
func (o Observer) recover(rec *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		rec.torn = true
		return
	}
	o.Logger.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if rec.status != 0 {
		rec.torn = true
		return
	}
	o.Failed(rec, r, fmt.Errorf("panic: %v", v))
}

// Identify notes for the log who made the request that w answers.
func Identify(w http.ResponseWriter, name string) {
	for {
		switch v := w.(type) {
		case *recorder:
			v.who = name
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return
		}
	}
}

// recorder remembers what was answered, and to whom.
type recorder struct {
	http.ResponseWriter

	status int
	who    string
	torn   bool // the connection must be cut
}

// WriteHeader remembers the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write remembers that the status was 200 if none was given.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
