package engines_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/promremote"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/test/harness"
)

// TestPrometheusStore runs the whole server on a VictoriaMetrics: a ramp is
// foreseen, told, and confirmed.
func TestPrometheusStore(t *testing.T) {
	t.Parallel()
	far := promremotetest.VictoriaMetrics(t)
	cfg := harness.Config()
	cfg.Store.Engine, cfg.Store.Prometheus = app.EnginePrometheus, far.Config()
	queue := startQueue(t, cfg)
	queue.foreseen(t)
	queue.crossed(t)
	store := far.Open(t, far.Config())
	expectSeries(t, store, "queue_length", "memory_used_ratio", "barograph_breach_probability")
}

// away is a store that a test takes away and brings back.
type away struct {
	config  string // of the server that writes to it
	process *enginetest.Process
	read    func(t *testing.T, metric string) []barograph.SeriesPoints
}

func awayVictoriaMetrics(t *testing.T) away {
	t.Helper()
	far := promremotetest.VictoriaMetrics(t)
	store := far.Open(t, far.Config())
	return away{
		config:  "store:\n  engine: prometheus\n  prometheus: {url: \"" + far.URL + "\"}\n",
		process: far.Process, read: reading(store),
	}
}

func awayInfluxDB(t *testing.T) away {
	t.Helper()
	far := influxtest.Start(t)
	if far.Process == nil {
		t.Skip("the environment names an InfluxDB, which isn't ours to stop")
	}
	cfg := far.Config(t, 0)
	store, err := influx.New(cfg, influx.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return away{
		config:  fmt.Sprintf("store:\n  engine: influxdb\n  influxdb: {url: %q, bucket: %q}\n", cfg.URL, cfg.Bucket),
		process: far.Process, read: reading(store),
	}
}

func reading(store barograph.SampleReader) func(*testing.T, string) []barograph.SeriesPoints {
	return func(t *testing.T, metric string) []barograph.SeriesPoints {
		t.Helper()
		now := time.Now()
		found, err := store.Select(t.Context(), barograph.Query{
			Selector: barograph.Selector{Metric: metric}, From: now.Add(-time.Hour), To: now.Add(time.Hour),
		})
		if err != nil {
			return nil
		}
		return found
	}
}

// TestStoreAway has the store away at the server's start and again later, and
// the server killed both times: what it acknowledged must be in the store in
// the end.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) away{
		"VictoriaMetrics": awayVictoriaMetrics, "InfluxDB": awayInfluxDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStoreAway(t, open(t))
		})
	}
}

func testStoreAway(t *testing.T, far away) {
	t.Helper()
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	installed := &harness.Installation{Program: program, Dir: t.TempDir(), Config: far.config}
	far.process.Stop()
	server := installed.StartUnready(t)
	key := server.AddHost(t, "db")
	book := writings{key: key, base: time.Now().Add(-30 * time.Minute).Truncate(time.Second)}

	book.write(t, &server.Server, 200)
	expectSpooled(t, &server.Server)
	server.Kill()
	server = installed.StartUnready(t) // what waits is found
	expectSpooled(t, &server.Server)
	book.write(t, &server.Server, 50)
	far.process.Start(t)
	expectReady(t, &server.Server)
	book.compare(t, far)

	book.write(t, &server.Server, 50) // straight through
	book.compare(t, far)

	far.process.Stop()
	for range 3 {
		book.write(t, &server.Server, 60)
		server.Kill()
		server = installed.StartUnready(t)
	}
	expectSpooled(t, &server.Server)
	far.process.Start(t)
	expectReady(t, &server.Server)
	book.compare(t, far)
	if code, _ := server.Terminate(t, 20*time.Second); code != 0 {
		t.Errorf("the server ended with code %d", code)
	}
}

// writings is what a server acknowledged.
type writings struct {
	key    barograph.Secret
	base   time.Time
	points []barograph.Point
}

// write sends samples one by one; each must be acknowledged, quickly.
func (w *writings) write(t *testing.T, s *harness.Server, n int) {
	t.Helper()
	for range n {
		p := barograph.Point{UnixMilli: w.base.Add(time.Duration(len(w.points)) * time.Second).UnixMilli(), Value: float64(len(w.points))}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		status, answer, err := s.Do(ctx, http.MethodPost, "/api/v2/write?precision=ms", w.key, fmt.Sprintf("kept value=%g %d\n", p.Value, p.UnixMilli))
		cancel()
		if err != nil || status/100 != 2 {
			t.Fatalf("sample %d: status %d, %s, %v", len(w.points), status, answer, err)
		}
		w.points = append(w.points, p)
	}
}

// compare waits until the store has all that was acknowledged, and no more.
func (w *writings) compare(t *testing.T, far away) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		found := far.read(t, "kept")
		if len(found) != 1 {
			return fmt.Sprintf("%d series", len(found))
		}
		return cmp.Diff(w.points, found[0].Points)
	})
}

func expectSpooled(t *testing.T, s *harness.Server) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		status, answer, err := s.Do(t.Context(), http.MethodGet, "/readyz", s.Token, nil)
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(answer), "spooled") || !strings.Contains(string(answer), "can't be reached") {
			return fmt.Sprintf("/readyz: %d %s %v", status, answer, err)
		}
		return ""
	})
}

func expectReady(t *testing.T, s *harness.Server) {
	t.Helper()
	harness.Eventually(t, time.Minute, func() string {
		status, answer, err := s.Do(t.Context(), http.MethodGet, "/readyz", s.Token, nil)
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s %v", status, answer, err)
		}
		return ""
	})
}

// TestSpoolRefuses wants a full spool to say so to who sends, and to take more
// when the store is back.
func TestSpoolRefuses(t *testing.T) {
	t.Parallel()
	far := promremotetest.VictoriaMetrics(t)
	far.Process.Stop()
	cfg := harness.Config()
	cfg.Store.Engine, cfg.Store.Prometheus = app.EnginePrometheus, far.Config()
	cfg.Store.Spool.MaxBytes = 16 << 20
	s := harness.Start(t, app.Options{Config: cfg, Bare: true})
	key := s.AddHost(t, "db")
	var lines strings.Builder
	now := time.Now().UnixMilli()
	for i := range 20_000 {
		fmt.Fprintf(&lines, "kept,number=%d value=%d %d\n", i%5000, i, now-int64(i))
	}
	taken := 0
	harness.Eventually(t, time.Minute, func() string {
		status, answer, err := s.Do(t.Context(), http.MethodPost, "/api/v2/write?precision=ms", key, lines.String())
		switch {
		case err != nil:
			t.Fatal(err)
		case status == http.StatusServiceUnavailable && strings.Contains(string(answer), "spool is full"):
			return ""
		case status/100 != 2:
			t.Fatalf("status %d: %s", status, answer)
		}
		taken++
		return fmt.Sprintf("%d requests taken", taken)
	})
	if taken < 10 {
		t.Errorf("16 MiB are full after %d requests", taken)
	}
	far.Process.Start(t)
	harness.Eventually(t, time.Minute, func() string {
		status, answer, err := s.Do(t.Context(), http.MethodPost, "/api/v2/write?precision=ms", key, lines.String())
		if err != nil || status/100 != 2 {
			return fmt.Sprintf("status %d: %s %v", status, answer, err)
		}
		return ""
	})
	expectReady(t, s)
	store, err := promremote.New(far.Config(), promremote.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	harness.Eventually(t, time.Minute, func() string {
		found := reading(store)(t, "kept")
		n := 0
		for _, sp := range found {
			n += len(sp.Points)
		}
		if n != 20_000 {
			return fmt.Sprintf("%d of 20000 samples", n)
		}
		return ""
	})
}
