package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(o *options) {
		o.Stations = map[string]func(context.Context) error{
			"store":    func(context.Context) error { return errors.New("no space on /data") },
			"database": func(context.Context) error { return nil },
		}
	})
	s.call("", "GET", "/readyz", nil).want(t, 503).golden(t, "readyz_local")
	s.call("", "GET", "/readyz", nil, "Via", "proxy").want(t, 503).golden(t, "readyz_afar")
	s.call(barograph.RoleViewer, "GET", "/readyz", nil, "Via", "proxy").want(t, 503).golden(t, "readyz_local")
	newServer(t).call("", "GET", "/readyz", nil).want(t, 200)
}

func TestStationThatHangs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	synctest.Test(t, func(t *testing.T) {
		o := s.options
		o.Set = metrics.NewSet()
		o.Stations = map[string]func(context.Context) error{
			"bus": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		}
		a, err := api.New(o)
		if err != nil {
			t.Fatal(err)
		}
		start, w := time.Now(), httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if took := time.Since(start); w.Code != 503 || took != 2*time.Second {
			t.Errorf("%d after %s", w.Code, took)
		}
	})
}

// TestStationThatNeverAnswers: it is called stuck in time, again and again, costs
// one question for all who ask, and holds up no other.
func TestStationThatNeverAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		var log bytes.Buffer
		stuck := make(chan struct{})
		o := s.options
		o.Set, o.Logger = metrics.NewSet(), slog.New(slog.NewTextHandler(&log, nil))
		o.Stations = map[string]func(context.Context) error{
			"alerting": func(context.Context) error { return nil },
			"bus":      func(context.Context) error { asked.Add(1); <-stuck; return nil },
		}
		a, err := api.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			start, w := time.Now(), httptest.NewRecorder()
			a.ServeHTTP(w, local(http.MethodGet, "/readyz"))
			var answer struct {
				Stations map[string]struct {
					Ready  bool
					Reason string
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); w.Code != 503 || took != 2*time.Second || !answer.Stations["alerting"].Ready ||
				answer.Stations["bus"].Reason != "gave no answer within 2s" {
				t.Errorf("%d after %s: %s", w.Code, took, w.Body)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the station was asked %d times at once", n)
		}
		close(stuck)
		synctest.Wait()
		w := httptest.NewRecorder()
		a.ServeHTTP(w, local(http.MethodGet, "/readyz"))
		if w.Code != 200 || strings.Contains(w.Body.String(), "reason") {
			t.Errorf("%d when it answers again: %s", w.Code, w.Body)
		}
		if text := log.String(); strings.Count(text, "station not ready") != 1 || strings.Count(text, "station ready again") != 1 {
			t.Errorf("logged:\n%s", text)
		}
	})
}

// local returns a request from this machine.
func local(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, http.NoBody)
	r.RemoteAddr, r.Host = "127.0.0.1:1234", "127.0.0.1"
	return r
}
