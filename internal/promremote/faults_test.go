package promremote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/promremote"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
)

func sample(host string, value float64) barograph.Sample {
	return barograph.Sample{
		Series:    barograph.Series{Metric: "m", Labels: barograph.NewLabels(map[string]string{"host": host})},
		UnixMilli: time.Now().UnixMilli(), Value: value,
	}
}

func open(tb testing.TB, cfg promremote.Config) *promremote.Store {
	tb.Helper()
	s, err := promremote.New(cfg, promremote.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// expectFault wants Healthy and Write to say what is wrong, in these words.
func expectFault(t *testing.T, s *promremote.Store, kind barograph.Kind, words ...string) {
	t.Helper()
	err := s.Healthy(t.Context())
	if err == nil || barograph.KindOf(err) != kind {
		t.Errorf("Healthy: %v (%s), want %s", err, barograph.KindOf(err), kind)
	}
	for _, w := range words {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("Healthy: %q lacks %q", err, w)
		}
	}
	// Whoever sends samples can't help it: they are to keep them.
	if err := s.Write(t.Context(), []barograph.Sample{sample("a", 1)}); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Write: %v (%s)", err, barograph.KindOf(err))
	}
}

func TestAwayAndBack(t *testing.T) {
	server := promremotetest.VictoriaMetrics(t)
	s := open(t, server.Config())
	if err := s.Healthy(t.Context()); err != nil {
		t.Fatalf("Healthy: %v", err)
	}
	server.Process.Kill()
	expectFault(t, s, barograph.KindUnavailable, server.URL, "can't be reached")
	_, err := s.Select(t.Context(), barograph.Query{From: time.Now().Add(-time.Hour), To: time.Now()})
	if barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Select: %v", err)
	}
	server.Process.Start(t)
	if err := s.Write(t.Context(), []barograph.Sample{sample("a", 1)}); err != nil {
		t.Errorf("Write after its return: %v", err)
	}
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy after its return: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	server := promremotetest.VictoriaMetrics(t, "-httpAuth.username=baro", "-httpAuth.password=graph")
	cfg := server.Config()
	cfg.Username, cfg.Password = "baro", "graph"
	if err := open(t, cfg).Healthy(t.Context()); err != nil {
		t.Errorf("Healthy: %v", err)
	}
	for name, change := range map[string]func(*promremote.Config){
		"none":         func(c *promremote.Config) { c.Username, c.Password = "", "" },
		"wrong":        func(c *promremote.Config) { c.Password = "hunter2" },
		"another kind": func(c *promremote.Config) { c.Username, c.Password, c.Token = "", "", "hunter2" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			change(&cfg)
			s := open(t, cfg)
			expectFault(t, s, barograph.KindUnauthorized, "credentials", "username and password")
			if err := s.Healthy(t.Context()); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v shows the secret", err)
			}
		})
	}
}

// TestFull has VictoriaMetrics find its disk full.
func TestFull(t *testing.T) {
	server := promremotetest.VictoriaMetrics(t, "-storage.minFreeDiskSpaceBytes=1000000GB")
	s := open(t, server.Config())
	err := s.Write(t.Context(), []barograph.Sample{sample("a", 1)})
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("Write: %v (%s)", err, barograph.KindOf(err))
	}
	if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("Healthy: %v", err)
	}
}

// TestPrometheusWithoutReceiver has a Prometheus that wasn't told to take samples.
func TestPrometheusWithoutReceiver(t *testing.T) {
	program := enginetest.Program(t, "prometheus", "BAROGRAPH_TEST_PROMETHEUS")
	address, dir := enginetest.FreeAddress(t), t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	enginetest.Start(t, enginetest.Answers("http://"+address+"/-/ready"), program,
		"--config.file="+config, "--storage.tsdb.path="+dir, "--web.listen-address="+address)
	cfg := promremote.DefaultConfig()
	cfg.URL = "http://" + address
	expectFault(t, open(t, cfg), barograph.KindNotFound, "--web.enable-remote-write-receiver")
}

// TestAnotherServer has servers at the address that are none of ours: no sample
// may count as stored, nor as refused for good.
func TestAnotherServer(t *testing.T) {
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			w.Write([]byte("<html>Welcome</html>"))
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"a page for all":      html(http.StatusOK),
		"a page not found":    html(http.StatusNotFound),
		"bad request for all": html(http.StatusBadRequest),
		"a server in trouble": html(http.StatusInternalServerError),
		"a login": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			http.Redirect(w, r, "/login", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			cfg := promremote.DefaultConfig()
			cfg.URL = server.URL
			s := open(t, cfg)
			if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), server.URL) {
				t.Errorf("Healthy: %v", err)
			}
			if err := s.Write(t.Context(), []barograph.Sample{sample("a", 1), sample("b", 2)}); barograph.KindOf(err) != barograph.KindUnavailable {
				t.Errorf("Write: %v (%s)", err, barograph.KindOf(err))
			}
			if _, err := s.Select(t.Context(), barograph.Query{From: time.Now().Add(-time.Hour), To: time.Now()}); err == nil {
				t.Error("Select: no error")
			}
		})
	}
	// VictoriaMetrics answers 400 at an address that it doesn't know.
	cfg := promremotetest.VictoriaMetrics(t).Config()
	cfg.WriteURL = cfg.URL + "/api/v1/pull"
	expectFault(t, open(t, cfg), barograph.KindUnavailable, "/api/v1/pull", "write_url")
}

// TestQueryAPIAway has a server that takes samples, and gives nothing back.
func TestQueryAPIAway(t *testing.T) {
	cfg := promremotetest.VictoriaMetrics(t).Config()
	cfg.QueryURL = cfg.URL + "/nowhere"
	s := open(t, cfg)
	if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("Healthy: %v", err)
	}
	if err := s.Write(t.Context(), []barograph.Sample{sample("a", 1)}); err != nil {
		t.Errorf("Write: %v", err)
	}
}

// TestPartialAnswer has a cluster of which a part is away.
func TestPartialAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		value := `[60000,"1"]`
		partial := "false"
		if strings.Contains(r.FormValue("query"), "cpu") {
			partial = "true"
		}
		w.Write([]byte(`{"status":"success","isPartial":` + partial +
			`,"data":{"resultType":"vector","result":[{"metric":{"__name__":"cpu"},"value":` + value + `}]}}`))
	}))
	defer server.Close()
	cfg := promremote.DefaultConfig()
	cfg.URL = server.URL
	_, err := open(t, cfg).Select(t.Context(), barograph.Query{
		Selector: barograph.Selector{Metric: "cpu"}, From: time.Now().Add(-time.Hour), To: time.Now(),
	})
	if barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "part of the series store") {
		t.Errorf("Select: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	cfg := promremote.DefaultConfig()
	cfg.URL, cfg.Timeout = server.URL, barograph.Duration(50*time.Millisecond)
	s := open(t, cfg)
	if err := s.Write(t.Context(), []barograph.Sample{sample("a", 1)}); barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "within 50ms") {
		t.Errorf("Write: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Write(ctx, []barograph.Sample{sample("a", 1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
}

// TestRefusedSamplesAreFound has Prometheus refuse some samples of a batch,
// though it only tells that it did.
func TestRefusedSamplesAreFound(t *testing.T) {
	server := promremotetest.Prometheus(t)
	s := open(t, server.Config())
	now := time.Now()
	var batch []barograph.Sample
	for i := range 2000 {
		x := sample([]string{"a", "b", "c"}[i%3], float64(i))
		x.UnixMilli = now.Add(time.Duration(i-2000) * time.Second).UnixMilli()
		batch = append(batch, x)
	}
	if err := s.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for i := range batch {
		batch[i].UnixMilli += 2_000_001 // later than all
	}
	batch[3].UnixMilli = now.Add(-30 * barograph.Day).UnixMilli()
	batch[700].UnixMilli = now.Add(-90 * barograph.Day).UnixMilli()
	expectRefused(t, s.Write(t.Context(), batch), barograph.KindInvalid, 3, 700)
	other := batch[1999]
	other.Value = -1 // at the same time
	fresh := sample("new", 1)
	expectRefused(t, s.Write(t.Context(), []barograph.Sample{fresh, other}), barograph.KindConflict, 1)
	got, err := s.Select(t.Context(), barograph.Query{Selector: barograph.Selector{Metric: "m"}, From: now, To: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, sp := range got {
		n += len(sp.Points)
	}
	if want := len(batch) - 2 + 1; n != want {
		t.Errorf("%d samples stored, want %d", n, want)
	}
}

func expectRefused(t *testing.T, err error, kind barograph.Kind, want ...int) {
	t.Helper()
	partial, ok := errors.AsType[*barograph.PartialError](err)
	if !ok {
		t.Fatalf("Write: %v", err)
	}
	var got []int
	for _, r := range partial.Rejected {
		got = append(got, r.Index)
		if barograph.KindOf(r.Err) != kind {
			t.Errorf("%v is %s, want %s", r.Err, barograph.KindOf(r.Err), kind)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused samples (-want +got):\n%s\n%v", diff, err)
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*promremote.Config){
		"url: \"nonsense\"":        func(c *promremote.Config) { c.URL = "nonsense" },
		"url: has a user name":     func(c *promremote.Config) { c.URL = "http://u:hunter2@h:1" },
		"write_url: \"ftp://x/\"":  func(c *promremote.Config) { c.WriteURL = "ftp://x/" },
		"query_url: \"http:":       func(c *promremote.Config) { c.QueryURL = "http://" },
		"token: is given along":    func(c *promremote.Config) { c.Token, c.Username = "a", "b" },
		"username: is empty":       func(c *promremote.Config) { c.Password = "a" },
		"tenant: \"a\\nb\" has":    func(c *promremote.Config) { c.Tenant = "a\nb" },
		"timeout: 0s is not":       func(c *promremote.Config) { c.Timeout = 0 },
		"batch_size: 0 is not":     func(c *promremote.Config) { c.BatchSize = 0 },
		"max_points: 999 is less":  func(c *promremote.Config) { c.MaxPoints = 999 },
		"retention: -1s is negati": func(c *promremote.Config) { c.Retention = barograph.Duration(-time.Second) },
	} {
		cfg := promremote.DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want %s, got %v", name, err)
		}
	}
	if err := promremote.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	split := promremote.DefaultConfig()
	split.URL, split.WriteURL, split.QueryURL = "", "http://vminsert:8480/insert/0/prometheus/api/v1/write", "http://vmselect:8481/select/0/prometheus"
	if err := split.Validate(); err != nil {
		t.Error(err)
	}
}
