package influx

import (
	"context"
	"errors"
	"net/http"
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
		Kind:       kindOfStatus(failure.StatusCode),
		Message:    "InfluxDB answers: " + clip(said),
		RetryAfter: time.Duration(min(failure.RetryAfter, mostRetryAfter)) * time.Second,
		Err:        &statusError{failure.StatusCode},
	}
	switch e.Kind {
	case barograph.KindUnauthorized:
		e.Message = "InfluxDB does not accept the token (" + clip(said) + "): set store.influxdb.token"
	case barograph.KindForbidden:
		e.Message = "InfluxDB does not allow this (" + clip(said) + "): the token must read and write bucket " +
			c.Bucket + "; InfluxDB 1.8 needs flux-enabled"
	case barograph.KindNotFound:
		e.Message = "InfluxDB has no bucket " + c.Bucket + " (" + clip(said) + "): make it, or set bucket and org"
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

// kindOfStatus maps what InfluxDB 1.8 and 2 answer.
func kindOfStatus(status int) barograph.Kind {
	switch status {
	case http.StatusUnauthorized:
		return barograph.KindUnauthorized
	case http.StatusForbidden:
		return barograph.KindForbidden
	case http.StatusNotFound:
		return barograph.KindNotFound
	case http.StatusRequestEntityTooLarge:
		return barograph.KindTooLarge
	case http.StatusTooManyRequests:
		return barograph.KindUnavailable
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return barograph.KindInvalid // 400, and 422 of a partial write
	}
	return barograph.KindUnavailable
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
