package engines_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/test/harness"
)

// scraped is a machine whose exporter a Prometheus asks.
type scraped struct {
	exporter   *enginetest.Process
	prometheus *enginetest.Process
	address    string // of the Prometheus
	values     string // file of what is measured besides the machine
}

// startScraped starts a real node exporter and a real Prometheus that asks it
// each second and has the further configuration. past are samples that the
// Prometheus has from before, as OpenMetrics.
func startScraped(t *testing.T, configuration, past string) *scraped {
	t.Helper()
	program := enginetest.Program(t, "prometheus", "BAROGRAPH_TEST_PROMETHEUS")
	exporter := enginetest.Program(t, "prometheus-node-exporter", "BAROGRAPH_TEST_NODE_EXPORTER")
	dir := t.TempDir()
	at, from := enginetest.FreeAddress(t), enginetest.FreeAddress(t)
	s := &scraped{address: "http://" + at, values: filepath.Join(dir, "values.prom")}
	s.set(t, 985)
	s.exporter = enginetest.Start(t, enginetest.Answers("http://"+from+"/metrics"), exporter, "--web.listen-address="+from,
		"--collector.disable-defaults", "--collector.filesystem", "--collector.loadavg", "--collector.textfile", "--collector.textfile.directory="+dir)
	config, data := filepath.Join(dir, "prometheus.yml"), filepath.Join(dir, "data")
	text := "global: {scrape_interval: 1s, external_labels: {region: eu}}\n" +
		"scrape_configs: [{job_name: node, static_configs: [{targets: ['" + from + "'], labels: {host: db-1}}]}]\n" + configuration
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if past != "" {
		file := filepath.Join(dir, "past")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(past, "INSTANCE", from)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), enginetest.Program(t, "promtool", "BAROGRAPH_TEST_PROMTOOL"), "tsdb", "create-blocks-from", "openmetrics", "-q", file, data).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool: %v: %s", err, out)
		}
	}
	s.prometheus = enginetest.Start(t, enginetest.Answers(s.address+"/-/ready"), program, "--config.file="+config, "--storage.tsdb.path="+data, "--web.listen-address="+at)
	return s
}

// set has the exporter tell another length of the queue from now on.
func (s *scraped) set(t *testing.T, length float64) {
	t.Helper()
	next := s.values + ".next"
	if err := os.WriteFile(next, fmt.Appendf(nil, "queue_length %g\n", length), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.values); err != nil {
		t.Fatal(err)
	}
}

// restartable is a server that can be stopped and started again at its address.
type restartable struct {
	*harness.Server

	opts app.Options
	stop func()
}

func startRestartable(t *testing.T) *restartable {
	t.Helper()
	r := &restartable{opts: app.Options{Config: harness.Config(), Dir: t.TempDir(), Bare: true, Log: slog.New(slog.DiscardHandler)}, stop: func() {}}
	r.opts.Config.Listen = enginetest.FreeAddress(t)
	r.start(t)
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	a, err := app.New(t.Context(), r.opts)
	if err != nil {
		t.Fatal(err)
	}
	if r.Server == nil {
		r.Server = &harness.Server{URL: a.URL(), Token: a.AdminToken()}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	r.stop = func() {
		r.stop = func() {}
		cancel()
		if err := errors.Join(<-done, a.Close()); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	}
}

// series returns time and value of all samples of the series, as a Prometheus
// tells them.
func series(t *testing.T, address string, key barograph.Secret, selector string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/api/v1/query?query="+url.QueryEscape(selector+"[10m]"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-API-Key", key.Reveal())
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) != 1 {
		return nil
	}
	var all []string
	for _, v := range answer.Data.Result[0].Values {
		all = append(all, fmt.Sprintf("%.3f %v", v[0], v[1]))
	}
	return all
}

// TestPrometheusRemoteWrite has a real Prometheus send what it scrapes from a
// real exporter: a rule is judged by it, and whatever is stopped for a while,
// nothing is lost and nothing there twice.
func TestPrometheusRemoteWrite(t *testing.T) {
	t.Parallel()
	b := startRestartable(t)
	receiver := b.Subscribe(t)
	b.Call(t, http.MethodPost, "/api/v1/rules", b.Token, map[string]any{
		"name": "room", "series": `node_filesystem_avail_bytes{mountpoint="/"}`, "operator": "<", "limit": 1e18, "horizon": "0s",
	}, nil)
	s := startScraped(t, fmt.Sprintf(`
remote_write:
  - url: %s/api/v1/write
    basic_auth: {username: barograph, password: %s}
    queue_config: {min_backoff: 30ms, max_backoff: 500ms, batch_send_deadline: 200ms, retry_on_http_429: true}
`, b.URL, b.AddHost(t, "db-1").Reveal()), "")
	await := func(query, want string) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			if got, _ := b.Value(t, query); got != want {
				return fmt.Sprintf("%s = %q, want %s", query, got, want)
			}
			return ""
		})
	}
	await(`up{host="db-1",job="node",region="eu"}`, "1")
	harness.Eventually(t, time.Minute, func() string {
		if !slices.ContainsFunc(receiver.Events(), func(r harness.Received) bool {
			return r.Event.Type == barograph.EventBreachStarted && r.Event.Labels.Get("host") == "db-1"
		}) {
			return "no breach of the node exporter's series"
		}
		return ""
	})

	// The exporter dies: its series end, which is no value, and up is 0.
	s.exporter.Kill()
	await(`up{host="db-1"}`, "0")
	s.exporter.Start(t)
	await(`up{host="db-1"}`, "1")

	// Here nobody listens for some seconds.
	b.stop()
	wait(t, 6*time.Second)
	b.start(t)
	same := func(selector string) {
		t.Helper()
		harness.Eventually(t, time.Minute, func() string {
			theirs := series(t, s.address, "", selector)
			ours := series(t, b.URL+"/prometheus", b.Token, strings.Replace(selector, "{", `{region="eu",`, 1))
			for _, sample := range theirs[:max(0, len(theirs)-2)] { // the newest may be on its way
				if !slices.Contains(ours, sample) {
					return fmt.Sprintf("%s: of %d samples of the Prometheus we have %d; missing is %s", selector, len(theirs), len(ours), sample)
				}
			}
			if len(theirs) < 5 || len(ours) > len(theirs)+2 {
				return fmt.Sprintf("%s: %d samples there, %d here", selector, len(theirs), len(ours))
			}
			return ""
		})
	}
	same(`up{job="node"}`)
	same(`node_load1{job="node"}`)

	// There nobody works for some seconds, then it goes on where it was.
	s.prometheus.Stop()
	wait(t, 3*time.Second)
	s.prometheus.Start(t)
	wait(t, 3*time.Second)
	same(`up{job="node"}`)
	if said := s.prometheus.Said(); strings.Contains(said, "non-recoverable") {
		t.Errorf("the Prometheus had something refused:\n%s", said)
	}
}

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// TestPrometheusSource has a rule read from a real Prometheus, whose past it
// takes over: it predicts, and goes on after the Prometheus was away.
func TestPrometheusSource(t *testing.T) {
	t.Parallel()
	var past strings.Builder
	now := time.Now().Truncate(time.Minute)
	past.WriteString("# TYPE queue_length gauge\n")
	for at := now.Add(-24 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		fmt.Fprintf(&past, "queue_length{instance=\"INSTANCE\",job=\"node\",host=\"db-1\"} %g %d\n", 985+at.Sub(now).Minutes()/2, at.Unix())
	}
	past.WriteString("# EOF\n")
	s := startScraped(t, "", past.String())
	cfg := harness.Config()
	cfg.Forecast.Interval = barograph.Duration(time.Second)
	cfg.Sources = []ingest.SourceConfig{{Name: "prometheus", URL: s.address, Interval: barograph.Duration(time.Second)}}
	b := harness.Start(t, app.Options{Config: cfg, Bare: true})
	receiver := b.Subscribe(t)
	if status, answer, err := b.Do(t.Context(), http.MethodPost, "/api/v1/rules", b.Token, map[string]any{
		"name": "queue", "source": "prometheus", "query": "queue_length * ", "operator": ">", "limit": 1000,
	}); err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "parse error") {
		t.Errorf("a broken query: status %d: %s, %v", status, answer, err)
	}
	var rule barograph.Rule
	b.Call(t, http.MethodPost, "/api/v1/rules", b.Token, map[string]any{
		"name": "queue", "source": "prometheus", "query": `max by (host) (queue_length)`, "operator": ">", "limit": 1000, "horizon": "6h",
	}, &rule)
	seen := func(what barograph.EventType) bool {
		return slices.ContainsFunc(receiver.Events(), func(r harness.Received) bool {
			return r.Event.Type == what && r.Event.Labels.Get("host") == "db-1" && r.Event.Data.Rule.Name == "queue"
		})
	}
	value := 985.0
	harness.Eventually(t, 2*time.Minute, func() string {
		value += 0.01
		s.set(t, value)
		if !seen(barograph.EventPredictionOpened) {
			return fmt.Sprintf("no prediction; sources: %+v", sources(t, b))
		}
		return ""
	})

	s.prometheus.Stop()
	harness.Eventually(t, time.Minute, func() string {
		if status := sources(t, b); status.Error == "" {
			return fmt.Sprintf("the Prometheus is away, but the status is %+v", status)
		}
		return ""
	})
	b.Call(t, http.MethodGet, "/readyz", b.Token, nil, nil) // a source is not ours to be red about
	s.set(t, 1200)
	s.prometheus.Start(t)
	harness.Eventually(t, time.Minute, func() string {
		if status := sources(t, b); status.Error != "" || !seen(barograph.EventPredictionConfirmed) {
			return fmt.Sprintf("back again: %+v, confirmed %t", status, seen(barograph.EventPredictionConfirmed))
		}
		return ""
	})
}

// sources returns the status of the only query.
func sources(t *testing.T, b *harness.Server) barograph.QueryStatus {
	t.Helper()
	var list struct{ Items []barograph.SourceStatus }
	b.Call(t, http.MethodGet, "/api/v1/sources", b.Token, nil, &list)
	if len(list.Items) != 1 || len(list.Items[0].Rules) != 1 {
		t.Fatalf("sources %+v", list.Items)
	}
	return list.Items[0].Rules[0]
}

// TestRemoteWriteClient writes with Prometheus's own client for version 2 of the
// protocol: it finds its samples counted, and does not try again what is refused.
func TestRemoteWriteClient(t *testing.T) {
	t.Parallel()
	b := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	tries := 0
	client, err := remoteapi.NewAPI(b.URL, remoteapi.WithAPIPath("api/v1/write"), remoteapi.WithAPIHTTPClient(&http.Client{
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			tries++
			r.Header.Set("Authorization", "Bearer "+b.Token.Reveal())
			return http.DefaultTransport.RoundTrip(r)
		}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	symbols := writev2.NewSymbolTable()
	var r writev2.Request
	add := func(name string, at time.Time) {
		r.Timeseries = append(r.Timeseries, writev2.TimeSeries{
			LabelsRefs: []uint32{symbols.Symbolize("__name__"), symbols.Symbolize(name)},
			Samples:    []writev2.Sample{{Value: 1, Timestamp: at.UnixMilli()}},
		})
		r.Symbols = symbols.Symbols()
	}
	add("first", time.Now())
	add("second", time.Now())
	if stats, err := client.Write(t.Context(), remoteapi.WriteV2MessageType, &r); err != nil || stats.Samples != 2 || stats.NoDataWritten() {
		t.Errorf("stored: %+v, %v", stats, err)
	}
	add("third", time.Now().Add(time.Hour))
	stats, err := client.Write(t.Context(), remoteapi.WriteV2MessageType, &r)
	if err == nil || stats.Samples != 2 || !strings.Contains(err.Error(), "third") || tries != 2 {
		t.Errorf("one too far ahead: %+v, %v after %d requests", stats, err, tries)
	}
	if got, _ := b.Value(t, "second"); got != "1" {
		t.Errorf("second = %q", got)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
