package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/enginetest"
)

// config returns the defaults on a free port.
func config() app.Config {
	cfg := app.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	return cfg
}

func options(dir string) app.Options {
	return app.Options{Config: config(), Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

// open returns a server that is closed when the test ends.
func open(tb testing.TB, opts app.Options) *app.App {
	tb.Helper()
	a, err := app.New(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := a.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return a
}

// run runs the server and returns what stops it.
func run(tb testing.TB, a *app.App) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	}
	tb.Cleanup(stop)
	return stop
}

// items returns the list at a path of the API.
func items(tb testing.TB, client *http.Client, url string, token barograph.Secret, into any) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("GET %s: %s, %v: %s", url, res.Status, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		tb.Fatalf("GET %s: %v", url, err)
	}
}

// eventually fails the test with what wrong returned last, if that never is "".
func eventually(tb testing.TB, wrong func() string) {
	tb.Helper()
	const within = time.Minute
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		text := wrong()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("after %s: %s", within, text)
		}
	}
}

func TestOneServerOnADirectory(t *testing.T) {
	t.Parallel()
	influx := config()
	influx.Store.Engine = app.EngineInfluxDB
	influx.Store.InfluxDB.URL = "http://127.0.0.1:9" // nobody: it is not needed at the start
	influx.Store.InfluxDB.Org, influx.Store.InfluxDB.Bucket, influx.Store.InfluxDB.Token = "o", "b", "t"
	for name, cfg := range map[string]app.Config{"embedded": config(), "influxdb": influx} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := options(t.TempDir())
			opts.Config = cfg
			first, err := app.New(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			clocktest.AtMost(t, time.Second, "refusing a second server", func() time.Duration {
				began := time.Now()
				_, err := app.New(t.Context(), opts)
				took := time.Since(began)
				if barograph.KindOf(err) != barograph.KindConflict || !strings.Contains(err.Error(), opts.Dir) ||
					!strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
					t.Errorf("a second server: %v, want a conflict that names %s and this process", err, opts.Dir)
				}
				return took
			})
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			again, err := app.New(t.Context(), opts)
			if err != nil {
				t.Fatalf("after the first was closed: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	a, err := app.New(t.Context(), options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
}

// TestFailedStartLeavesNothingOpen is not parallel: it counts what the process
// has open.
func TestFailedStartLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	noCertificate := config()
	noCertificate.TLS = app.TLSConfig{CertFile: "no.crt", KeyFile: "no.key"}
	occupied := config()
	occupied.Listen = taken.Addr().String()
	noTargets := config()
	noTargets.TargetsFile = "no.yaml"
	for name, c := range map[string]struct {
		cfg  app.Config
		want string
	}{
		"address taken":   {occupied, "choose another address by --listen"},
		"no certificate":  {noCertificate, "certificate no.crt with key no.key"},
		"no targets file": {noTargets, "targets_file: targets file no.yaml does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			fail := func(dir string) {
				opts := options(dir)
				opts.Config = c.cfg
				_, err := app.New(t.Context(), opts)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("start: %v, want an error with %q", err, c.want)
				}
			}
			fail(t.TempDir()) // what libraries start once and keep is started now
			files, goroutines := openFiles(t), runtime.NumGoroutine()
			dir := t.TempDir()
			fail(dir)
			eventually(t, func() string {
				if n := openFiles(t); n > files {
					return fmt.Sprintf("%d files are open, %d were before", n, files)
				}
				if n := runtime.NumGoroutine(); n > goroutines {
					stacks := make([]byte, 1<<20)
					return fmt.Sprintf("%d goroutines, %d were before:\n%s", n, goroutines, stacks[:runtime.Stack(stacks, true)])
				}
				return ""
			})
			if a := open(t, options(dir)); a.AdminToken() == "" {
				t.Error("the first start that succeeds shows no admin token")
			}
		})
	}
}

// openFiles returns how many files the process has open; 0 where it can't tell.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func TestPortIsFreeAfterwards(t *testing.T) {
	t.Parallel()
	opts := options(t.TempDir())
	opts.Config.Listen = enginetest.FreeAddress(t)
	a, err := app.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, a)
	var hosts struct{ Items []barograph.Host }
	items(t, http.DefaultClient, a.URL()+"/api/v1/hosts", a.AdminToken(), &hosts)
	stop()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, opts)
}

// TestStopsAtOnce holds a connection open that nothing was sent over, as
// browsers do, and a stream of events.
func TestStopsAtOnce(t *testing.T) {
	t.Parallel()
	clocktest.AtMost(t, 2*time.Second, "stopping", func() time.Duration { return stopping(t) })
}

// stopping returns how long a server takes to stop.
func stopping(t *testing.T) time.Duration {
	t.Helper()
	a := open(t, options(t.TempDir()))
	stop := run(t, a)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/api/v1/events/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.AdminToken().Reveal())
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("stream: %v, %v", res, err)
	}
	defer res.Body.Close()
	began := time.Now()
	stop()
	return time.Since(began)
}

func TestListensEverywhere(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"0.0.0.0:0":   "http://127.0.0.1:",
		":0":          "http://127.0.0.1:",
		"[::]:0":      "http://[::1]:",
		"localhost:0": "http://",
	} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(want, "::1") {
				needsIPv6(t)
			}
			opts := options(t.TempDir())
			opts.Config.Listen = listen
			a := open(t, opts)
			run(t, a)
			if !strings.HasPrefix(a.URL(), want) {
				t.Errorf("URL %s, want %s…", a.URL(), want)
			}
			var hosts struct{ Items []barograph.Host }
			items(t, http.DefaultClient, a.URL()+"/api/v1/hosts", a.AdminToken(), &hosts)
		})
	}
}

func needsIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no ::1: %v", err)
	}
	l.Close()
}

// agentReports waits until the built-in agent was heard.
func agentReports(t *testing.T, client *http.Client, a *app.App) {
	t.Helper()
	eventually(t, func() string {
		var hosts struct{ Items []barograph.Host }
		items(t, client, a.URL()+"/api/v1/hosts", a.AdminToken(), &hosts)
		if len(hosts.Items) != 1 || hosts.Items[0].LastSeen.IsZero() {
			return fmt.Sprintf("the built-in agent was not heard: %+v", hosts.Items)
		}
		return ""
	})
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	a := open(t, options(t.TempDir()))
	run(t, a)
	var ready struct {
		Ready    bool
		Stations map[string]struct{ Ready bool }
	}
	items(t, http.DefaultClient, a.URL()+"/readyz", "", &ready)
	for _, station := range []string{"series_store", "config_database", "bus"} {
		if !ready.Stations[station].Ready {
			t.Errorf("station %s is not ready: %+v", station, ready)
		}
	}
}

func TestConfigNamesEveryMistake(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Listen, cfg.EventsRetention, cfg.TLS.KeyFile = "10130", barograph.Duration(time.Hour), "key"
	cfg.Store.Engine, cfg.Log.Level, cfg.Forecast.MaxSeries = "mysql", "loud", -1
	err := cfg.Validate()
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok {
		t.Fatalf("Validate: %v", err)
	}
	var paths bytes.Buffer
	for _, f := range e.Fields {
		paths.WriteString(f.Field + " ")
	}
	const want = "listen tls events_retention log.level store.engine forecast.max_series "
	if paths.String() != want {
		t.Errorf("fields %s, want %s", paths.String(), want)
	}
	_, err = app.New(t.Context(), app.Options{Config: cfg, Dir: t.TempDir() + strconv.Itoa(1), Log: slog.New(slog.DiscardHandler)})
	if barograph.KindOf(err) != barograph.KindInvalid {
		t.Errorf("New: %v, want it refused", err)
	}
}
