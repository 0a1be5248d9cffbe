package engines_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/enginetest"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/test/harness"
)

// promQuestion is a request that both are asked. Times are given as NOW, and as
// NOW-5m and the like: half a minute after a sample, so that it does not matter
// whether a range includes its beginning, which Prometheus 3 changed.
type promQuestion struct {
	path, form string
	post       bool
	// Only the status and the kind of error are compared: Prometheus 2 puts it
	// differently.
	words bool
}

func promQuestions() []promQuestion {
	get := func(path, form string) promQuestion { return promQuestion{path: path, form: form} }
	post := func(path, form string) promQuestion { return promQuestion{path: path, form: form, post: true} }
	query := func(q string) promQuestion { return get("query", "time=NOW&query="+url.QueryEscape(q)) }
	words := func(q promQuestion) promQuestion {
		q.words = true
		return q
	}
	over := func(q string) promQuestion {
		return get("query_range", "start=NOW-1h&end=NOW&step=60&query="+url.QueryEscape(q))
	}
	return []promQuestion{
		query("load"), query("load{host='a'}"), query("load{host=~'a|b',host!='a'}"), query("load{host!~'.+'}"), query("{__name__=~'lo.*'}"),
		query("nothing"), query("1"), query("'text'"), query("-1e-9"), query("1/0"), query("time()"), query("vector(scalar(load{host='a'}))"),
		query("sum(load)"), query("sum by (host) (load)"), query("avg without (host) (load)"), query("topk(1, load)"), query("quantile(0.9, load)"),
		query("count_values('v', strange)"), query("stddev(load)"), query("group(load)"),
		query("load * 2 + 1"), query("load > 10"), query("load > bool 10"), query("load and on (host) disk"), query("load unless disk"),
		query("disk * on (host) group_left load"), query("load offset 10m"), query("load @ NOW-30m"), query("absent(nothing{a='b'})"),
		query("rate(requests_total[5m])"), query("increase(requests_total[10m])"), query("irate(requests_total[5m])"), query("deriv(load[10m])"),
		query("predict_linear(disk[30m], 3600)"), query("max_over_time(load[10m])"), query("avg_over_time(load[10m:1m])"), query("quantile_over_time(0.5, load[10m])"),
		query("load[3m]"), query("strange"), query("label_replace(load, 'x', '$1', 'host', '(.*)')"), query("sort_desc(load)"), query("hour()"), query("changes(load[10m])"),
		query("clamp_max(load, 5)"), query("resets(requests_total[1h])"),
		get("query", "time=NOW&query=load&timeout=10s"), get("query", "time=NOW&query=load&stats=true"),
		post("query", "time=NOW&query=load"), get("query", "query=load&time=2026-01-01T00:00:00Z"),
		over("load"), over("sum(rate(requests_total[5m]))"), over("load > 100"), over("os_updates"), over("1"), over("strange"),
		post("query_range", "start=NOW-30m&end=NOW&step=5m&query=max(load)"), get("query_range", "start=NOW&end=NOW&step=1&query=load"),
		get("series", "match[]=load"), get("series", "match[]=load{host='a'}&match[]=disk"), post("series", "match[]={host='b'}"), get("series", "match[]=nothing"),
		get("labels", ""), get("labels", "match[]=disk"), post("labels", "match[]=load&match[]=os_updates"), get("labels", "start=0&end=1"),
		get("label/__name__/values", ""), get("label/host/values", "match[]=os_updates"), get("label/host/values", ""), get("label/nothing/values", ""),
		get("format_query", "query=sum(load)by(host)"), post("format_query", "query=load{host='a'}[5m]offset 1m"), get("query_exemplars", "query=load"),
		get("rules", "type=record"), get("rules", ""), get("alerts", ""),
		// Mistakes.
		query("load{"), words(query("")), query("sum("), query("load[5m] + 1"), query("rate(load)"), query("nofunction(load)"), query("load{host='a',}}"),
		query("label_replace(load, 'x', '$1', 'host', '(')"), words(query("load * on () load")), query("{host=~'.*'}"),
		words(get("query", "query=1&time=soon")), get("query", "query=1&timeout=x"),
		get("query_range", "query=1&start=2&end=1&step=1"), get("query_range", "query=1&start=1&end=2&step=0"), get("query_range", "query=1&start=1&end=2"),
		get("query_range", "query=1&start=0&end=11001&step=1"), get("query_range", "query=1&end=2&step=1"), words(get("query_range", "query=load[5m]&start=1&end=2&step=1")),
		get("series", ""), get("series", "match[]={host=~'.*'}"), get("series", "match[]=load{"), get("labels", "match[]=load{"), words(get("labels", "start=x")),
		words(get("label/host/values", "end=x")), get("format_query", "query=load{"), get("query_exemplars", "query=load&start=2&end=1"), get("rules", "type=x"),
		get("metadata", "limit=x"), get("status/nothing", ""), post("status/buildinfo", ""),
	}
}

// TestPromQLAnswersAsPrometheus asks ours and Debian's Prometheus the same of the
// same samples, and compares the answers.
func TestPromQLAnswersAsPrometheus(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(-3 * time.Hour).Truncate(time.Minute).Add(30 * time.Second)
	samples := promSamples(now)
	theirs := startPrometheus(t, samples)
	ours := servePromQL(t, samples)
	for _, q := range promQuestions() {
		form := promTimes(q.form, now)
		t.Run(q.path+" "+q.form, func(t *testing.T) {
			t.Parallel()
			wantStatus, want := promAsk(t, theirs, q, form)
			status, got := promAsk(t, ours, q, form)
			if status != wantStatus {
				t.Errorf("status %d, Prometheus %d: %v, %v", status, wantStatus, got, want)
			}
			if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
				return // answered by the router
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Prometheus is -, ours +:\n%s", diff)
			}
		})
	}
}

// promTimes puts seconds in place of NOW and NOW-5m.
func promTimes(form string, now time.Time) string {
	return regexp.MustCompile(`NOW(-\d+[hm])?`).ReplaceAllStringFunc(form, func(text string) string {
		at := now
		if _, ago, ok := strings.Cut(text, "-"); ok {
			d, _ := time.ParseDuration(ago)
			at = at.Add(-d)
		}
		return fmt.Sprint(at.Unix())
	})
}

func promAsk(t *testing.T, base string, q promQuestion, form string) (int, map[string]any) {
	t.Helper()
	method, address, body := http.MethodGet, base+"/api/v1/"+q.path+"?"+form, ""
	if q.post {
		method, address, body = http.MethodPost, base+"/api/v1/"+q.path, form
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if q.post {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil && res.StatusCode < http.StatusMultipleChoices {
		t.Errorf("%s: %v: %s", address, err, text)
	}
	delete(answer, "infos") // Prometheus 2 has none
	if data, ok := answer["data"].(map[string]any); ok {
		delete(data, "stats")
	}
	if q.words {
		delete(answer, "error")
	}
	return res.StatusCode, answer
}

// promSamples are three hours, one sample a minute, the last half a minute
// before now.
func promSamples(now time.Time) []barograph.Sample {
	var all []barograph.Sample
	last := now.Add(-30 * time.Second)
	for i := 180; i >= 0; i-- {
		add := func(metric string, value float64, labels ...string) {
			set := map[string]string{}
			for k := 0; k < len(labels); k += 2 {
				set[labels[k]] = labels[k+1]
			}
			all = append(all, barograph.Sample{
				Series: barograph.Series{Metric: metric, Labels: barograph.NewLabels(set)}, UnixMilli: last.Add(time.Duration(-i) * time.Minute).UnixMilli(), Value: value,
			})
		}
		add("load", float64(i%17)+.25, "host", "a")
		add("load", float64(i%5)*3.3, "host", "b", "os", "debian")
		add("disk", .5+float64(180-i)/1000, "host", "a", "mount", "/")
		add("disk", .9-float64(180-i)/3000, "host", "a", "mount", "/var \"x\"\\ü")
		add("requests_total", float64((180-i)%100*7), "host", "a")
		add("strange", []float64{1e-9, -1e22, 0, 123456789.125, 1e21, -1e-7}[i%6], "host", "a")
		if i == 180 {
			add("os_updates", 7, "host", "a")
		}
	}
	return all
}

// startPrometheus starts a Prometheus that has the samples and returns its address.
func startPrometheus(t *testing.T, samples []barograph.Sample) string {
	t.Helper()
	program, tool := enginetest.Program(t, "prometheus", "BAROGRAPH_TEST_PROMETHEUS"), enginetest.Program(t, "promtool", "BAROGRAPH_TEST_PROMTOOL")
	dir := t.TempDir()
	var lines strings.Builder
	for _, s := range samples {
		labels := strings.ReplaceAll(s.Series.Labels.String(), `\u00fc`, "ü")
		fmt.Fprintf(&lines, "%s%s %v %d.%03d\n", s.Series.Metric, labels, s.Value, s.UnixMilli/1000, s.UnixMilli%1000)
	}
	lines.WriteString("# EOF\n")
	file, config, data := filepath.Join(dir, "samples"), filepath.Join(dir, "prometheus.yml"), filepath.Join(dir, "data")
	for path, text := range map[string]string{file: lines.String(), config: "global: {}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), tool, "tsdb", "create-blocks-from", "openmetrics", "-q", file, data).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	address := enginetest.FreeAddress(t)
	enginetest.Start(t, enginetest.Answers("http://"+address+"/-/ready"), program,
		"--config.file="+config, "--storage.tsdb.path="+data, "--web.listen-address="+address, "--storage.tsdb.retention.time=1000d")
	return "http://" + address
}

// servePromQL serves a store that has the samples and returns its address.
func servePromQL(t *testing.T, samples []barograph.Sample) string {
	t.Helper()
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace = 0
	store, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Write(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store.Handler(promtsdb.HandlerDeps{}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestPromtool asks a whole server with Prometheus's own tool: for what is
// stored, and for what is ahead.
func TestPromtool(t *testing.T) {
	t.Parallel()
	tool := enginetest.Program(t, "promtool", "BAROGRAPH_TEST_PROMTOOL")
	s := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	s.Call(t, http.MethodPost, "/api/v1/rules", s.Token, map[string]any{
		"name": "queue", "series": "queue_length", "operator": ">", "limit": 1000, "horizon": "6h",
	}, nil)
	var lines strings.Builder
	now := time.Now().Truncate(time.Minute)
	for at := now.Add(-24 * time.Hour); !at.After(now); at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "queue_length value=%g %d\n", 910+at.Sub(now).Minutes()/2, at.UnixMilli())
	}
	s.Call(t, http.MethodPost, "/api/v2/write?precision=ms", s.AddHost(t, "db"), lines.String(), nil)
	checkPromResources(t, s)
	address, err := url.Parse(s.URL + "/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("promtool", s.Token.Reveal())
	seconds := func(at time.Time) string { return fmt.Sprint(at.Unix()) }
	course := `barograph_forecast{rule="queue",quantile="0.5"}`
	for _, tt := range []struct {
		want string // a pattern
		args []string
	}{
		{`^queue_length\{host="db"\} => 910 @`, []string{"instant", "--time=" + seconds(now), "URL", "queue_length"}},
		{`^queue_length\{host="db"\} =>\n(\d+(\.5)? @\[\d+\]\n){7}`, []string{"range", "--start=" + seconds(now.Add(-time.Hour)), "--end=" + seconds(now), "--step=10m", "URL", "queue_length"}},
		{`^\{__name__="queue_length", host="db"\}\n$`, []string{"series", "--match=queue_length", "URL"}},
		{`(?m)^db$`, []string{"labels", "URL", "host"}},
		{`quantile="0\.025".*\n.*quantile="0\.5".*\n.*quantile="0\.975"`, []string{"series", `--match=barograph_forecast{rule="queue"}`, "URL"}},
		// The ramp goes on, two hours ahead, by half a unit a minute.
		{`=> 9[67]\d\.\d+ @`, []string{"instant", "--time=" + seconds(now.Add(2*time.Hour)), "URL", course}},
		{`=>\n(\d+\.?\d* @\[\d+\]\n){6}$`, []string{"range", "--start=" + seconds(now.Add(30*time.Minute)), "--end=" + seconds(now.Add(5*time.Hour+30*time.Minute)), "--step=1h", "URL", course}},
	} {
		for i := range tt.args {
			tt.args[i] = strings.Replace(tt.args[i], "URL", address.String(), 1)
		}
		out, err := exec.CommandContext(t.Context(), tool, append([]string{"query"}, tt.args...)...).CombinedOutput()
		if err != nil || !regexp.MustCompile(tt.want).Match(out) {
			t.Errorf("promtool query %s: %v\n%s\nwant %s", strings.Join(tt.args, " "), err, out, tt.want)
		}
	}
}

// checkPromResources wants what Grafana asks a data source for besides samples.
func checkPromResources(t *testing.T, s *harness.Server) {
	t.Helper()
	for path, want := range map[string]string{
		"rules":                 `"state":"inactive","name":"queue","query":"queue_length \u003e 1000"`,
		"alerts":                `{"alerts":[]}`,
		"metadata":              `"data":{`,
		"status/buildinfo":      `"version":"3.`,
		"label/__name__/values": `"queue_length"`,
		"label/__name__/values?match[]=barograph_forecast": `["barograph_forecast"]`,
		"label/rule/values?match[]=barograph_forecast":     `["queue"]`,
		"query?query=1%2B1": `"2"`,
	} {
		if status, text, err := s.Do(t.Context(), http.MethodGet, "/prometheus/api/v1/"+path, s.Token, nil); err != nil || status != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d %s %v, want %s", path, status, text, err, want)
		}
	}
}
