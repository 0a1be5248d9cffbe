package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// backoff finds how long to wait after a failure: between nothing and a limit,
// at random, so that a thousand agents don't come back at once; the limit
// doubles from a second to a minute.
type backoff struct{ limit time.Duration }

func (b *backoff) reset() { b.limit = 0 }

// after returns the wait after err. What the server asks for is kept to, and a
// key that it doesn't take needs a human, so that haste makes no sense.
func (b *backoff) after(err error) time.Duration {
	b.limit = min(max(b.limit*2, minBackoff), maxBackoff)
	jitter := rand.N(b.limit) //nolint:gosec // spreads load, guards nothing
	e, ok := errors.AsType[*statusError](err)
	switch {
	case !ok:
		return jitter
	case e.retryAfter > 0 && (e.code == http.StatusTooManyRequests || e.code == http.StatusServiceUnavailable):
		return e.retryAfter + jitter/10
	case e.keyRefused():
		return maxBackoff/2 + rand.N(maxBackoff) //nolint:gosec // as above
	}
	return jitter
}

func (e *statusError) keyRefused() bool {
	return e.code == http.StatusUnauthorized || e.code == http.StatusForbidden
}

// link logs when one kind of talk with the server begins or ceases to fail, or
// fails in another way.
type link struct {
	log  *slog.Logger
	what string
	was  linkState
}

type linkState uint8

const (
	linkUnknown linkState = iota
	linkUp
	linkDown
	linkKeyRefused
)

// report takes the outcome of one try; nil is success.
func (l *link) report(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // cut off by the agent's end
	}
	state := linkDown
	if e, ok := errors.AsType[*statusError](err); ok && e.keyRefused() {
		state = linkKeyRefused
	}
	if err == nil {
		state = linkUp
	}
	before := l.was
	l.was = state
	switch {
	case state == before:
	case state == linkUp && before == linkUnknown:
		l.log.InfoContext(ctx, "server answers", "task", l.what)
	case state == linkUp:
		l.log.InfoContext(ctx, "server answers again", "task", l.what)
	case state == linkKeyRefused:
		l.log.ErrorContext(ctx, "server refuses the key; measuring goes on, samples wait on disk: give the agent a valid key",
			"task", l.what, "error", err)
	default:
		l.log.WarnContext(ctx, "server is away; measuring goes on", "task", l.what, "error", err)
	}
}
