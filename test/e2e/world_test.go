package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/demo"
	"github.com/barograph/barograph/test/harness"
)

const (
	// lived is how long the fleet has lived after its month of history when the
	// tests begin, and hastens how many times as fast as the wall that passes.
	lived   = 36 * time.Hour
	hastens = 4 * demo.Speed
	// strolls is how fast it passes then, as long as the server is behind.
	strolls = 60
	// ripens is how long all that may take on a slow machine.
	ripens = 6 * time.Minute
)

// role is whose token a visitor signs in with.
type role = barograph.Role

const (
	admin    = barograph.RoleAdmin
	operator = barograph.RoleOperator
	viewer   = barograph.RoleViewer
)

// world is a server whose fleet has a history: predictions that came true, were
// averted and are open, breaches, a silent host, receivers that work and one that
// does not. All tests share it, so each leaves it as it was or adds what is only
// its own. Its clock shows the wall's time, or less than an hour more, and passes as
// the wall's does but while a test lets it Hasten.
type world struct {
	harness.Server

	clock    *demo.Clock
	tokens   map[role]barograph.Secret
	sessions sessions
}

// theWorld returns the world, which the first who asks has to wait for.
func theWorld(tb testing.TB) *world {
	tb.Helper()
	needBrowser(tb) // else it would be made for nobody
	w, err := created()
	if err != nil {
		tb.Fatalf("make the world: %v; its log: %s", err, failures("server.log"))
	}
	return w
}

var created = sync.OnceValues(create)

func (w *world) token(r role) barograph.Secret { return w.tokens[r] }

// Hasten lets hours pass in seconds until the test ends or rest is called.
func (w *world) Hasten(tb testing.TB) (rest func()) {
	tb.Helper()
	w.clock.Pace(demo.Speed)
	rest = sync.OnceFunc(func() { w.clock.Pace(1) })
	tb.Cleanup(rest)
	return rest
}

// create starts the server and the fleet, and lets both live for a while.
func create() (*world, error) {
	dir, err := os.MkdirTemp("", "barograph-e2e-")
	if err != nil {
		return nil, err
	}
	shared.add(func() { _ = os.RemoveAll(dir) })
	log, err := openLog()
	if err != nil {
		return nil, err
	}
	clock := demo.NewClock(time.Now().Add(-lived).Truncate(demo.Interval), hastens)
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.New(ctx, app.Options{Config: config(), Dir: dir, Clock: clock, Log: log, Bare: true})
	if err != nil {
		cancel()
		return nil, err
	}
	w := &world{
		Server: harness.Server{URL: a.URL(), Token: a.AdminToken()}, clock: clock,
		tokens: map[role]barograph.Secret{admin: a.AdminToken()},
	}
	served := make(chan error, 1)
	go func() { served <- a.Run(ctx) }()
	shared.add(func() {
		cancel()
		if err := errors.Join(<-served, a.Close()); err != nil {
			fmt.Fprintln(os.Stderr, "the server does not end well:", err)
		}
	})
	return w, w.populate()
}

func openLog() (*slog.Logger, error) {
	if err := os.MkdirAll(failures(), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(failures("server.log"))
	if err != nil {
		return nil, err
	}
	shared.add(func() { _ = file.Close() })
	return slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelError})), nil
}

// config suits a clock that runs fast for a while, and visitors who don't wait.
func config() app.Config {
	cfg := harness.Config()
	cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(2 * demo.History)
	cfg.Forecast.Interval = barograph.Duration(30 * time.Minute)
	cfg.Forecast.ReloadInterval = cfg.Forecast.Interval
	cfg.Alerting.Interval = barograph.Duration(10 * time.Minute)
	cfg.Alerting.HostSilentAfter = barograph.Duration(4 * time.Hour)
	cfg.Alerting.MaxSampleAge = barograph.Duration(6 * time.Hour)
	return cfg
}

// populate lets the demo's fleet, and what the demo lacks, live until the tests
// end.
func (w *world) populate() error {
	ctx, cancel := context.WithCancel(context.Background())
	life, ctx := errgroup.WithContext(ctx)
	shared.add(func() {
		cancel()
		if err := life.Wait(); err != nil {
			fmt.Fprintln(os.Stderr, "the fleet did not live well:", err)
		}
	})
	if err := w.furnish(ctx); err != nil {
		return err
	}
	receiver, err := demo.NewReceiver(ctx, io.Discard)
	if err != nil {
		return err
	}
	broken, err := demo.NewBroken(ctx)
	if err != nil {
		return err
	}
	fleet := demo.New(demo.Options{
		Server: w.URL, Token: w.Token, Clock: w.clock, Receiver: receiver, Broken: broken, Out: io.Discard,
		Client: &http.Client{Timeout: 30 * time.Second},
	})
	for _, run := range []func(context.Context) error{receiver.Run, broken.Run, fleet.Run, w.extra().live} {
		life.Go(func() error { return run(ctx) })
	}
	return w.ripen(ctx)
}

// ripen waits until the fleet has lived and what the tests look at is there. What
// is under way then lives by the wall's clock: the broken receiver is given up
// within another half a minute.
func (w *world) ripen(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ripens, fmt.Errorf("it took more than %s", ripens))
	defer cancel()
	ticks, stop := w.clock.Ticker(demo.Interval)
	defer stop()
	for w.clock.Now().Before(time.Now()) {
		select {
		case <-ticks:
		case <-ctx.Done():
			return fmt.Errorf("while its clock was at %s: %w", w.clock.Now(), context.Cause(ctx))
		}
	}
	w.clock.Pace(strolls)
	defer w.clock.Pace(1)
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		lacking := w.lacks(ctx)
		if lacking == "" {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("there is %s: %w", lacking, context.Cause(ctx))
		}
	}
}

// lacks says what is not there yet; "" if all is.
func (w *world) lacks(ctx context.Context) string {
	for what, path := range map[string]string{
		"no open prediction":          "predictions?state=open",
		"no confirmed prediction":     "predictions?state=confirmed",
		"no averted prediction":       "predictions?state=averted",
		"no open breach":              "breaches?state=open",
		"no host that fell silent":    "events?type=host.silent",
		"no host that was heard anew": "events?type=host.returned",
	} {
		switch there, err := w.lists(ctx, path); {
		case err != nil:
			return what + ": " + err.Error()
		case !there:
			return what
		}
	}
	return ""
}

// lists reports whether the API lists anything there.
func (w *world) lists(ctx context.Context, path string) (bool, error) {
	var list struct{ Items []any }
	err := w.send(ctx, http.MethodGet, "/api/v1/"+path, w.Token, nil, &list)
	return len(list.Items) > 0, err
}

// Await waits until the API lists something there, as
// "events?type=endpoint.disabled".
func (w *world) Await(tb testing.TB, path string) {
	tb.Helper()
	harness.Eventually(tb, ripens, func() string {
		there, err := w.lists(tb.Context(), path)
		if err == nil && !there {
			err = errors.New("it lists nothing")
		}
		if err != nil {
			return path + ": " + err.Error()
		}
		return ""
	})
}
