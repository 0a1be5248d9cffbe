package influx

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/barograph/barograph"
)

// mostRetryAfter is the longest wait that a server may ask for, in seconds.
const mostRetryAfter = 3600

// explain returns what a failed request means, as an *Error whose message tells
// the operator what to do.
func (c Config) explain(ctx context.Context, failure *influxhttp.Error) error {
	if failure.StatusCode == 0 {
		return c.explainNoAnswer(ctx, failure)
	}
	said := strings.TrimSpace(failure.Message)
	if said == "" {
		said = http.StatusText(failure.StatusCode)
	}
	e := &barograph.Error{
		Kind:       kindOf(failure),
		Message:    "InfluxDB answers: " + clip(said),
		RetryAfter: time.Duration(min(failure.RetryAfter, mostRetryAfter)) * time.Second,
		Err:        &statusError{failure.StatusCode, isOwn(failure)},
	}
	switch {
	case isForeign(failure):
		e.Message = "what answers at " + c.URL + " is not InfluxDB (" + http.StatusText(failure.StatusCode) + ": " + clip(said) +
			"): look at store.influxdb.url, and at what is in between"
	case strings.Contains(said, "Flux query service disabled"):
		e.Kind = barograph.KindConflict
		e.Message = "InfluxDB 1.8 runs without Flux: set flux-enabled = true in the [http] section of its configuration"
		return e
	case strings.Contains(said, "no space left on device"):
		e.Message = "the disk of InfluxDB is full (" + clip(said) + "): make room there"
		return e
	case strings.HasPrefix(said, "retention policy not found"):
		e.Kind = barograph.KindNotFound // to InfluxDB 1.8 it is an internal error
	}
	switch e.Kind {
	case barograph.KindUnauthorized:
		e.Message = "InfluxDB does not accept the token (" + clip(said) + "): set store.influxdb.token"
	case barograph.KindForbidden:
		e.Message = "InfluxDB does not allow this (" + clip(said) + "): the token must read and write bucket " +
			c.Bucket + "; InfluxDB 1.8 needs flux-enabled"
	case barograph.KindNotFound:
		e.Message = "InfluxDB has no bucket " + c.Bucket + " (" + clip(said) + "): make it, set store.influxdb.bucket and org, or let it be made by store.influxdb.create_bucket: true"
	case barograph.KindInternal, barograph.KindInvalid, barograph.KindConflict, barograph.KindTooLarge,
		barograph.KindRateLimited, barograph.KindUnavailable:
	}
	return e
}

// explainNoAnswer is for requests that no answer came to.
func (c Config) explainNoAnswer(ctx context.Context, failure *influxhttp.Error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Message: "InfluxDB at " + c.URL + " can't be reached", Err: failure.Err,
	}
}

// explainAnswer is for answers that began well.
func explainAnswer(err error) error {
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		return e
	}
	return &barograph.Error{Kind: barograph.KindUnavailable, Message: "the answer of InfluxDB broke off", Err: err}
}

// kindOf maps what InfluxDB 1.8 and 2 answer. Of a request's contents only
// InfluxDB itself may speak: what proxies and others say passes.
func kindOf(failure *influxhttp.Error) barograph.Kind {
	switch failure.StatusCode {
	case http.StatusUnauthorized:
		return barograph.KindUnauthorized
	case http.StatusForbidden:
		return barograph.KindForbidden
	case http.StatusNotFound:
		return barograph.KindNotFound
	case http.StatusRequestEntityTooLarge:
		return barograph.KindTooLarge
	case http.StatusBadRequest, http.StatusUnprocessableEntity: // also of a partial write
		if isOwn(failure) {
			return barograph.KindInvalid
		}
	}
	return barograph.KindUnavailable
}

// isOwn reports whether InfluxDB itself answers: with its version, or in the
// words of its second version's API.
// Source: https://docs.influxdata.com/influxdb/v2/api/#tag/Response-codes
func isOwn(failure *influxhttp.Error) bool {
	if failure.Header.Get("X-Influxdb-Version") != "" {
		return true
	}
	switch failure.Code {
	case "invalid", "empty value", "conflict", "unprocessable entity", "request too large":
		return failure.Err == nil && failure.Message != ""
	}
	return false
}

// isForeign reports whether somebody else refused the request.
func isForeign(failure *influxhttp.Error) bool {
	switch failure.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
		return false // a proxy may have a say in that
	}
	return failure.StatusCode < http.StatusInternalServerError && !isOwn(failure)
}

// serverFault turns a fault that the sender of samples can't help, such as our
// token being wrong, into KindUnavailable: they keep the samples and try again.
func serverFault(err error) error {
	switch barograph.KindOf(err) {
	case barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound, barograph.KindConflict:
		return &barograph.Error{Kind: barograph.KindUnavailable, Message: "the series store is not available", Err: err}
	case barograph.KindInternal, barograph.KindInvalid, barograph.KindTooLarge, barograph.KindRateLimited, barograph.KindUnavailable:
	}
	return err
}

// statusError keeps the status, for the log and for those who know what it means
// to their request.
type statusError struct {
	status int
	own    bool // InfluxDB itself answered
}

func (e *statusError) Error() string { return "status " + strconv.Itoa(e.status) }

// hasStatus reports whether InfluxDB itself answered with one of these.
func hasStatus(err error, statuses ...int) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.own && slices.Contains(statuses, e.status)
}

// clip shortens what a server said.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
