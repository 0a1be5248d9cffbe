package influx_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
)

func sample(host string, value float64) barograph.Sample {
	return barograph.Sample{
		Series:    barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": host})},
		UnixMilli: time.Now().Truncate(time.Minute).UnixMilli(), Value: value,
	}
}

// fake answers every request with the handler.
func fake(t *testing.T, handler http.HandlerFunc) influx.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := influx.DefaultConfig()
	cfg.URL = server.URL
	return cfg
}

func TestConfig(t *testing.T) {
	if err := influx.DefaultConfig().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	err := influx.Config{URL: "http://u:hunter2@x/?q=1", Timeout: -1, BatchSize: 0, Requests: 65, Retention: 1}.Validate()
	for _, want := range []string{"url: ", "put user:password into token", "bucket: is empty", "timeout: ", "batch_size: 0", "requests: 65", "retention: 1ns", "max_points: 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v shows the password", err)
	}
	for _, bad := range []string{"", "influx:8086", "ftp://x", "http://", "http://x#y", "http://x?y=1", "http://%zz"} {
		cfg := influx.DefaultConfig()
		cfg.URL = bad
		if kind := barograph.KindOf(cfg.Validate()); kind != barograph.KindInvalid {
			t.Errorf("url %q: kind %s", bad, kind)
		}
	}
}

// TestAnswers has what a store makes of each answer, for those who write and
// for the operator who asks for its health.
func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status         int
		header         map[string]string
		body           string
		write, healthy barograph.Kind
		retry          time.Duration
		text           string
	}{
		"wrong token": {
			status: http.StatusUnauthorized, body: `{"code":"unauthorized","message":"unauthorized access"}`,
			write: barograph.KindUnavailable, healthy: barograph.KindUnauthorized, text: "set store.influxdb.token",
		},
		"token without the right": {
			status: http.StatusForbidden, body: `{"code":"forbidden","message":"insufficient permissions"}`,
			write: barograph.KindUnavailable, healthy: barograph.KindForbidden, text: "must read and write bucket barograph",
		},
		"no bucket": {
			status: http.StatusNotFound, body: `{"code":"not found","message":"bucket \"barograph\" not found"}`,
			write: barograph.KindUnavailable, healthy: barograph.KindNotFound, text: "InfluxDB has no bucket barograph",
		},
		"too many requests": {
			status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "7"},
			write: barograph.KindUnavailable, healthy: barograph.KindUnavailable, retry: 7 * time.Second, text: "Too Many Requests",
		},
		"overloaded": {
			status: http.StatusServiceUnavailable, header: map[string]string{"Retry-After": "30"}, body: `{"code":"unavailable","message":"cache full"}`,
			write: barograph.KindUnavailable, healthy: barograph.KindUnavailable, retry: 30 * time.Second, text: "cache full",
		},
		"internal": {
			status: http.StatusInternalServerError, body: `{"error":"timeout"}`,
			write: barograph.KindUnavailable, healthy: barograph.KindUnavailable, text: "InfluxDB answers",
		},
		"a proxy's page": {
			status: http.StatusBadGateway, body: "<html>" + strings.Repeat("x", 10_000),
			write: barograph.KindUnavailable, healthy: barograph.KindUnavailable, text: "<html>xxx",
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, fake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/ping" {
					w.Header().Set("X-Influxdb-Version", "1.8.10")
					w.WriteHeader(http.StatusNoContent)
					return
				}
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				if strings.HasPrefix(tt.body, "{") {
					w.Header().Set("Content-Type", "application/json; charset=utf-8")
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			check := func(what string, err error, kind barograph.Kind) {
				t.Helper()
				if err == nil || barograph.KindOf(err) != kind || !strings.Contains(err.Error(), tt.text) || len(err.Error()) > 1000 {
					t.Errorf("%s: %v (%s), want %s with %q", what, err, barograph.KindOf(err), kind, tt.text)
				}
				e, _ := errors.AsType[*barograph.Error](err)
				if e == nil || e.RetryAfter != tt.retry {
					t.Errorf("%s: %v, want to retry after %s", what, err, tt.retry)
				}
			}
			check("Write", store.Write(t.Context(), []barograph.Sample{sample("a", 1)}), tt.write)
			_, err := store.Select(t.Context(), barograph.Query{From: time.Unix(0, 0), To: time.Now()})
			check("Select", err, tt.write)
			check("Healthy", store.Healthy(t.Context()), tt.healthy)
		})
	}
}

func TestAway(t *testing.T) {
	cfg := influx.DefaultConfig()
	cfg.URL = "http://127.0.0.1:1" // nobody listens there
	store := open(t, cfg)
	err := store.Write(t.Context(), []barograph.Sample{sample("a", 1)})
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("Write: %v", err)
	}
	if err := store.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy: %v", err)
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	release := make(chan struct{})
	cfg := fake(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices the client's leaving
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	cfg.Timeout = barograph.Duration(50 * time.Millisecond)
	err := open(t, cfg).Write(t.Context(), []barograph.Sample{sample("a", 1)})
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("timeout: %v", err)
	}
	cfg.Timeout = barograph.Duration(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := open(t, cfg).Write(ctx, []barograph.Sample{sample("a", 1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestBrokenAnswer cuts an answer in the middle: no half result.
func TestBrokenAnswer(t *testing.T) {
	store := open(t, fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "#datatype,string\n,result,table,_time,_value,_measurement\n,,0,2026-01-01T00:00:00Z,1,m\n")
	}))
	got, err := store.Select(t.Context(), barograph.Query{From: time.Unix(0, 0), To: time.Now()})
	if barograph.KindOf(err) != barograph.KindUnavailable || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// picky refuses lines with "bad" in them and takes at most 100 lines, as
// InfluxDB does for a conflict of types and for a body too large.
type picky struct {
	mu       sync.Mutex
	requests int
	taken    map[string]int
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	text, _ := io.ReadAll(r.Body)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 100 {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	bad := 0
	for _, line := range lines {
		if strings.Contains(line, "bad") {
			bad++
		} else {
			p.taken[line]++
		}
	}
	if bad > 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"code":"unprocessable entity","message":"partial write: field type conflict"}`)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func TestRefusedSamplesAreFound(t *testing.T) {
	p := &picky{taken: map[string]int{}}
	cfg := fake(t, p.ServeHTTP)
	cfg.BatchSize = 400
	var batch []barograph.Sample
	var want []int
	for i := range 1000 {
		host := "good"
		if i%333 == 5 {
			host = "bad"
			want = append(want, i)
		}
		s := sample(host, float64(i))
		s.UnixMilli -= int64(i)
		batch = append(batch, s)
	}
	err := open(t, cfg).Write(t.Context(), batch)
	partial, ok := errors.AsType[*barograph.PartialError](err)
	if !ok {
		t.Fatalf("%v, want a PartialError", err)
	}
	var got []int
	for _, r := range partial.Rejected {
		got = append(got, r.Index)
		if !strings.Contains(r.Err.Error(), "field type conflict") || barograph.KindOf(r.Err) != barograph.KindInvalid {
			t.Errorf("sample %d: %v", r.Index, r.Err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if len(p.taken) != len(batch)-len(want) {
		t.Errorf("%d lines taken, want %d", len(p.taken), len(batch)-len(want))
	}
	if p.requests > 120 {
		t.Errorf("%d requests to find %d samples", p.requests, len(want))
	}
}

// TestSearchIsBounded has more refused samples than are worth the search.
func TestSearchIsBounded(t *testing.T) {
	p := &picky{taken: map[string]int{}}
	cfg := fake(t, p.ServeHTTP)
	var batch []barograph.Sample
	for i := range 4000 {
		batch = append(batch, sample([]string{"good", "bad"}[i%2], float64(i)))
	}
	err := open(t, cfg).Write(t.Context(), batch)
	partial, ok := errors.AsType[*barograph.PartialError](err)
	if !ok || len(partial.Rejected) < 2000 {
		t.Fatalf("%v, want at least the 2000 bad ones refused", err)
	}
	if p.requests > 400 { // those of more than 100 lines are no part of the search
		t.Errorf("%d requests", p.requests)
	}
}
