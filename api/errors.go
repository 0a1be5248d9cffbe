package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

const (
	problemType     = "application/problem+json"
	problemBaseURI  = "urn:barograph:problem:"
	requestBaseURI  = "urn:barograph:request:"
	challengeHeader = "WWW-Authenticate"
)

// statusOf is the one table from the kind of an error to the HTTP status and
// the title of its problem.
func statusOf(kind barograph.Kind) (status int, title string) {
	switch kind {
	case barograph.KindInvalid:
		return http.StatusBadRequest, "The input is wrong"
	case barograph.KindUnauthorized:
		return http.StatusUnauthorized, "No valid key was shown"
	case barograph.KindForbidden:
		return http.StatusForbidden, "The key does not allow this"
	case barograph.KindNotFound:
		return http.StatusNotFound, "There is no such thing"
	case barograph.KindConflict:
		return http.StatusConflict, "It conflicts with what is there"
	case barograph.KindTooLarge:
		return http.StatusRequestEntityTooLarge, "The input is too large"
	case barograph.KindRateLimited:
		return http.StatusTooManyRequests, "Too many requests"
	case barograph.KindUnavailable:
		return http.StatusServiceUnavailable, "The service can't do this now"
	case barograph.KindInternal:
	}
	return http.StatusInternalServerError, "Something went wrong here"
}

// failures answers requests with problems, and logs what users must not see.
type failures struct {
	clock  barograph.Clock
	logger *slog.Logger
}

// NewProblemWriter returns what answers requests with the problem that an error
// is, for handlers that are mounted in the API and should refuse as it does.
func NewProblemWriter(clock barograph.Clock, logger *slog.Logger) func(http.ResponseWriter, *http.Request, error) {
	return failures{clock, logger}.write
}

// write answers with the problem that err is.
func (f failures) write(w http.ResponseWriter, r *http.Request, err error) {
	status, title := statusOf(public(err).Kind)
	f.answer(w, r, err, status, title)
}

// reject answers as write does, but a document that could be read, and holds
// what is wrong, with 422.
func (f failures) reject(w http.ResponseWriter, r *http.Request, err error) {
	e := public(err)
	status, title := statusOf(e.Kind)
	if e.Kind == barograph.KindInvalid && len(e.Fields) > 0 && r.Method != http.MethodGet {
		status = http.StatusUnprocessableEntity
	}
	f.answer(w, r, err, status, title)
}

func (f failures) answer(w http.ResponseWriter, r *http.Request, err error, status int, title string) {
	e := public(err)
	p := Problem{
		Type: problemBaseURI + e.Kind.String(), Title: title, Status: status,
		Detail: e.Message, Errors: onePerField(e.Fields),
	}
	switch {
	case r.Context().Err() != nil: // nobody is left to read it
	case e.Kind == barograph.KindInternal:
		id := barograph.NewID("req", f.clock.Now())
		p.Instance = requestBaseURI + id
		f.logger.ErrorContext(r.Context(), "request failed", "request_id", id, "method", r.Method, "path", r.URL.Path, "error", err)
	case e.Kind == barograph.KindUnavailable:
		// Whatever is down says so itself, once; this would repeat it for each request.
		f.logger.DebugContext(r.Context(), "request refused", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.Kind == barograph.KindUnauthorized {
		w.Header().Set(challengeHeader, `Bearer realm="barograph"`)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	writeProblem(w, p)
}

// onePerField leaves the first problem of each field: what else is wrong with it
// shows when that is mended.
func onePerField(fields []barograph.FieldError) []barograph.FieldError {
	told := map[string]bool{}
	var first []barograph.FieldError
	for _, f := range fields {
		if !told[f.Field] {
			told[f.Field] = true
			first = append(first, f)
		}
	}
	return first
}

// public returns the error that a user may see.
func public(err error) *barograph.Error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return barograph.Errorf(barograph.KindTooLarge, "the body has more than %d bytes", tooLarge.Limit)
	}
	if e, ok := errors.AsType[*barograph.Error](err); ok && e.Kind != barograph.KindInternal {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &barograph.Error{
			Kind: barograph.KindUnavailable, Message: "it took too long; try again later", RetryAfter: 10 * time.Second,
		}
	}
	return barograph.Errorf(barograph.KindInternal, "the server's log tells more")
}

func writeProblem(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // it is read by people, and never as HTML
	if err := enc.Encode(p); err != nil {
		return // the client is gone
	}
}
