package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

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

// observer counts, times and logs requests, and turns panics into problems.
type observer struct {
	set      *metrics.Set
	logger   *slog.Logger
	failures failures
}

func (o observer) observe(route string, next http.Handler) http.Handler {
	duration := o.set.GetOrCreateHistogram(fmt.Sprintf("barograph_http_request_duration_seconds{route=%q}", route))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		o.serve(rec, r, next)
		took := time.Since(start)
		duration.Update(took.Seconds())
		o.set.GetOrCreateCounter(fmt.Sprintf("barograph_http_requests_total{route=%q,code=%q}", route, strconv.Itoa(rec.status))).Inc()
		o.logger.DebugContext(r.Context(), "request answered", "method", r.Method, "path", r.URL.Path,
			"status", rec.status, "duration", took, "remote", r.RemoteAddr, "identity", rec.who)
		if rec.torn {
			panic(http.ErrAbortHandler)
		}
	})
}

func (o observer) serve(rec *recorder, r *http.Request, next http.Handler) {
	defer o.recover(rec, r)
	secure(rec.Header())
	next.ServeHTTP(rec, r)
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

// recover answers a panic with a problem, or marks the answer as torn if it has
// begun: its connection is cut, so that nobody takes half of it for all.
func (o observer) recover(rec *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		rec.torn = true
		return
	}
	o.logger.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if rec.status != 0 {
		rec.torn = true
		return
	}
	o.failures.write(rec, r, fmt.Errorf("panic: %v", v))
}

// secure sets headers for the case that a browser shows an answer.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// access says who may use a route.
type access uint8

const (
	nobody   access = iota // what an entry without an access gets
	open                   // anybody
	local                  // anybody on this machine, and viewers
	viewer                 // may read
	querier                // a program that reads series; as viewer
	operator               // may change things
	admin                  // may manage tokens
	agent                  // a host's agent, or an operator in its place
)

// role returns the least role that has this access; false if none has.
func (a access) role() (barograph.Role, bool) {
	switch a {
	case open, local, viewer, querier:
		return barograph.RoleViewer, true
	case operator:
		return barograph.RoleOperator, true
	case admin:
		return barograph.RoleAdmin, true
	case agent:
		return barograph.RoleAgent, true
	case nobody:
	}
	return "", false
}

// guard lets in who has the access.
func guard(a access, ring *keyring, failures failures, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a == agent || a == querier {
			passwordAsKey(r)
		}
		id, err := ring.identify(r)
		if a == open || a == local && keyOf(r) == "" && isLocal(r) {
			if err == nil {
				r = r.WithContext(barograph.WithIdentity(r.Context(), id))
			}
			next.ServeHTTP(w, r)
			return
		}
		if err != nil {
			failures.write(w, r, err)
			return
		}
		need, ok := a.role()
		if !ok || !id.Role.Allows(need) {
			failures.write(w, r, barograph.Errorf(barograph.KindForbidden,
				"a key of role %s does not allow this; it needs the role %s", id.Role, need))
			return
		}
		if rec, ok := w.(*recorder); ok {
			rec.who = id.Name
		}
		next.ServeHTTP(w, r.WithContext(barograph.WithIdentity(r.Context(), id)))
	})
}

// patient gives the handler longer than other requests to answer.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A writer without deadlines, as in a test, needs no extension.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(queryTimeout))
		next.ServeHTTP(w, r)
	})
}
