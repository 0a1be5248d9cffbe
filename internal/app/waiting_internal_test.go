package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
)

// TestPatiently has something away at the start: meanwhile the address says so.
func TestPatiently(t *testing.T) {
	t.Parallel()
	a := &App{cfg: DefaultConfig(), clock: barograph.WallClock{}, log: slog.New(slog.DiscardHandler)}
	a.cfg.Listen = enginetest.FreeAddress(t)
	var there atomic.Bool
	opened := make(chan error, 1)
	go func() {
		opened <- a.patiently(t.Context(), func(context.Context) error {
			if !there.Load() {
				return barograph.Errorf(barograph.KindUnavailable, "the database is away")
			}
			return nil
		})
	}()
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/readyz":       {503, `"config_database":{"ready":false,"reason":"the database is away"}`},
		"/healthz":      {200, "ok"},
		"/api/v1/hosts": {503, "waits for something"},
	} {
		status, body := get(t, "http://"+a.cfg.Listen+path)
		if status != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d %s, want %d with %q", path, status, body, want.status, want.says)
		}
	}
	there.Store(true)
	select {
	case err := <-opened:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("still waiting")
	}
	if again, err := net.Listen("tcp", a.cfg.Listen); err != nil {
		t.Errorf("the address is not free again: %v", err)
	} else {
		again.Close()
	}
}

// TestPatientlyEnds by what no waiting cures, and with the start itself.
func TestPatientlyEnds(t *testing.T) {
	t.Parallel()
	a := &App{cfg: DefaultConfig(), clock: barograph.WallClock{}, log: slog.New(slog.DiscardHandler)}
	a.cfg.Listen = "127.0.0.1:0"
	newer := barograph.Errorf(barograph.KindConflict, "schema is newer")
	if err := a.patiently(t.Context(), func(context.Context) error { return newer }); !errors.Is(err, newer) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	away := barograph.Errorf(barograph.KindUnavailable, "away")
	if err := a.patiently(ctx, func(context.Context) error { return away }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// get asks until somebody listens.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	var err error
	for range 6000 {
		var answer *http.Response
		if answer, err = http.Get(url); err == nil {
			defer answer.Body.Close()
			body, _ := io.ReadAll(answer.Body)
			return answer.StatusCode, string(body)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(err)
	return 0, ""
}
