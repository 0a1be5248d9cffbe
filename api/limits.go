package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"github.com/barograph/barograph"
)

const (
	maxBody       = 1 << 20 // of resources; what takes samples limits itself
	maxHeaders    = 32 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	queryTimeout  = 130 * time.Second // what PromQL may take, and a little for its answer
	idleTimeout   = 2 * time.Minute
	maxAddresses  = 10_000
)

// NewServer returns a server for the handler with timeouts that end slow
// clients. Handlers that need longer extend them by http.ResponseController.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
	}
}

// Listen listens on the TCP address and keeps at most maxConnections open; more
// wait until one is closed.
func Listen(ctx context.Context, address string, maxConnections int) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err // it names what was done and the address
	}
	return netutil.LimitListener(l, maxConnections), nil
}

// loginFailures limits how often unknown keys may come from one address.
type loginFailures struct {
	perMinute int
	mu        sync.Mutex
	limits    map[netip.Prefix]*rate.Limiter
}

func newLoginFailures(perMinute int) *loginFailures {
	return &loginFailures{perMinute: perMinute, limits: map[netip.Prefix]*rate.Limiter{}}
}

// count records a failure and returns what to answer: err, or that there were
// too many.
func (f *loginFailures) count(address netip.Prefix, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	limit, ok := f.limits[address]
	if !ok {
		if len(f.limits) >= maxAddresses {
			clear(f.limits)
		}
		limit = rate.NewLimiter(rate.Every(time.Minute/time.Duration(f.perMinute)), f.perMinute)
		f.limits[address] = limit
	}
	if limit.Allow() {
		return err
	}
	return &barograph.Error{
		Kind: barograph.KindRateLimited, RetryAfter: time.Minute,
		Message: "too many unknown keys came from this address; check the key and wait a minute",
	}
}
