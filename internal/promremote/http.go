package promremote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// mostRetryAfter is the longest wait that a server may ask for.
const mostRetryAfter = time.Hour

// request is one request to the server.
type request struct {
	to     string
	header http.Header
	body   io.Reader
	read   func(io.Reader) error // takes the answer
	what   surface
}

// surface is a part of the server, which has address and faults of its own.
type surface struct {
	name, wayOut string
	statuses     []int // of answers that are a yes; nil: all successes
}

func writing() surface {
	// Prometheus and VictoriaMetrics say 204, Mimir and Thanos 200.
	return surface{statuses: []int{http.StatusOK, http.StatusNoContent}, name: "remote write", wayOut: "set store.prometheus.write_url (Mimir: …/api/v1/push, Thanos: …/api/v1/receive); " +
		"Prometheus needs --web.enable-remote-write-receiver"}
}

func querying() surface {
	return surface{name: "the query API", wayOut: "set store.prometheus.query_url to what comes before /api/v1/query"}
}

// post sends a request and has its answer read, all within the timeout.
func (s *Store) post(ctx context.Context, r request) error {
	timeout := barograph.Errorf(barograph.KindUnavailable, "the series store at %s gave no answer within %s", r.to, s.cfg.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout.Std(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.to, r.body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header = r.header
	s.authorize(req)
	answer, err := s.http.Do(req)
	if err != nil {
		return noAnswer(ctx, r.to, err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end or of no more use
	if err := r.refused(answer); err != nil {
		return err
	}
	if err := r.read(answer.Body); err != nil {
		return brokenAnswer(ctx, r, err)
	}
	return nil
}

func (s *Store) authorize(req *http.Request) {
	if s.cfg.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", s.cfg.Tenant)
	}
	switch {
	case s.cfg.Token != "":
		req.Header.Set("Authorization", "Bearer "+s.cfg.Token.Reveal())
	case s.cfg.Username != "":
		req.SetBasicAuth(s.cfg.Username, s.cfg.Password.Reveal())
	}
}

func noAnswer(ctx context.Context, to string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // which lacks the address, given already
	}
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: "the series store at " + to + " can't be reached", Err: err}
}

// brokenAnswer is for answers that began well.
func brokenAnswer(ctx context.Context, r request, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		return e
	}
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: r.to + " gives no answer of " + r.what.name + ": " + r.what.wayOut, Err: err}
}

// refused returns what an answer that isn't a success means, as an *Error whose
// message tells the operator what to do.
func (r request) refused(answer *http.Response) error {
	status := answer.StatusCode
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	isPage := kind == "text/html"
	if r.what.saysYes(status) && !isPage {
		return nil
	}
	said := sayings(answer)
	e := &barograph.Error{
		Kind: kindOf(status), Message: r.to + " answers: " + said, RetryAfter: retryAfter(answer.Header),
		Err: &statusError{status},
	}
	switch {
	case status < http.StatusBadRequest: // a page for people, or a gateway's yes
		e.Message = fmt.Sprintf("%s is not the address of %s (status %d): %s", r.to, r.what.name, status, r.what.wayOut)
	case status == http.StatusUnauthorized:
		e.Message = r.to + " does not accept the credentials (" + said + "): set token, or username and password, of store.prometheus"
	case status == http.StatusForbidden:
		e.Message = r.to + " does not allow this (" + said + "): the credentials of store.prometheus must be allowed to write and query"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		e.Message = r.to + " is not the address of " + r.what.name + " (" + said + "): " + r.what.wayOut
	case isPage && status < http.StatusInternalServerError: // a balancer's, which knows nothing of samples
		e.Kind = barograph.KindUnavailable
		e.Message = r.to + " answers with a page for people (" + said + "): " + r.what.wayOut
	case isTooOld(said):
		e.Kind = barograph.KindInvalid
	case isFull(said):
		e.Kind = barograph.KindUnavailable
		e.Message = r.to + " takes no samples because its disk is full (" + said + "): give it room"
	}
	return e
}

// saysYes reports whether an answer of the status is a yes.
func (s surface) saysYes(status int) bool {
	if s.statuses == nil {
		return status/100 == 2
	}
	return slices.Contains(s.statuses, status)
}

// isTooOld reports whether Prometheus refuses a sample for its age, which it
// does with status 500 where it takes samples out of order.
func isTooOld(said string) bool { return strings.Contains(said, "too old sample") }

// isFull reports whether VictoriaMetrics says that its disk is full; Mimir and
// Thanos then answer 5xx without telling why.
func isFull(said string) bool {
	return strings.Contains(said, "read-only mode") || strings.Contains(said, "minFreeDiskSpaceBytes")
}

// sayings returns the text of an answer, for people.
func sayings(answer *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // what came is better than nothing
	var said struct {
		Error string `json:"error"`
	}
	text := string(body)
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		text = said.Error
	}
	if text = strings.TrimSpace(text); text == "" {
		text = answer.Status
	}
	return clip(text)
}

// kindOf maps what these servers answer.
func kindOf(status int) barograph.Kind {
	switch status {
	case http.StatusUnauthorized:
		return barograph.KindUnauthorized
	case http.StatusForbidden:
		return barograph.KindForbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return barograph.KindNotFound
	case http.StatusRequestEntityTooLarge:
		return barograph.KindTooLarge
	case http.StatusConflict:
		return barograph.KindConflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return barograph.KindInvalid
	}
	return barograph.KindUnavailable
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, mostRetryAfter)
}

// serverFault turns a fault that the sender of samples can't help, such as our
// token being wrong, into KindUnavailable: they keep the samples and try again.
func serverFault(err error) error {
	switch barograph.KindOf(err) {
	case barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound:
		return &barograph.Error{Kind: barograph.KindUnavailable, Message: "the series store is not available", Err: err}
	case barograph.KindInternal, barograph.KindInvalid, barograph.KindConflict, barograph.KindTooLarge,
		barograph.KindRateLimited, barograph.KindUnavailable:
	}
	return err
}

// statusError keeps the status for the log.
type statusError struct{ status int }

func (e *statusError) Error() string { return "status " + strconv.Itoa(e.status) }

// clip shortens what a server said.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// nothing wants an answer without a word: who has something to say to samples is
// a gateway, or another server.
func nothing(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err == nil && len(text) > 0 {
		err = fmt.Errorf("the answer to samples is %q, and should be empty", clip(string(text)))
	}
	return err
}
