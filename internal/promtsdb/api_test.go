package promtsdb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// apiStore holds an hour of two hosts' samples, one a minute, from 10:00 to
// 10:59 of a day; the clock shows 11:00.
func apiStore(tb testing.TB, change func(*promtsdb.Config)) *promtsdb.Store {
	tb.Helper()
	base := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	s := openStore(tb, tb.TempDir(), func(c *promtsdb.Config, d *promtsdb.Deps) {
		c.Durability = promtsdb.DurabilityOS
		d.Clock = &movingClock{now: base.Add(time.Hour)}
		if change != nil {
			change(c)
		}
	})
	var batch []barograph.Sample
	for i := range 60 {
		at := base.Add(time.Duration(i) * time.Minute)
		batch = append(batch, sample("load", "a", at, float64(i)), sample("load", "b", at.Add(500*time.Millisecond), float64(i)/4))
	}
	batch = append(batch, sample("os_updates", "a", base, 7))
	if err := s.Write(context.Background(), batch); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestAPIAnswers(t *testing.T) {
	h := apiStore(t, nil).Handler(promtsdb.HandlerDeps{})
	const base = "1772359200" // 2026-03-01T10:00:00Z
	tests := []struct {
		name, path string
		form       string // sent by POST if not empty
		status     int
		want       string // … stands for any text
	}{
		{"instant at the clock's time", "query?query=load", "", 200, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"__name__":"load","host":"a"},"value":[1772362800,"59"]},{"metric":{"__name__":"load","host":"b"},"value":[1772362800,"14.75"]}]}}`},
		{"instant at a time", "query?query=load{host='a'}&time=" + base + ".5", "", 200, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"__name__":"load","host":"a"},"value":[1772359200.500,"0"]}]}}`},
		{"instant by RFC 3339", "query?query=load{host='a'}&time=2026-03-01T11:30:00%2B01:00", "", 200, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"__name__":"load","host":"a"},"value":[1772361000,"30"]}]}}`},
		{"lookback ends after five minutes", "query?query=os_updates", "", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"lookback as asked", "query?query=os_updates&lookback_delta=2h", "", 200, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"__name__":"os_updates","host":"a"},"value":[1772362800,"7"]}]}}`},
		{"scalar", "query?query=1%2B1", "", 200, `{"status":"success","data":{"resultType":"scalar","result":[1772362800,"2"]}}`},
		{"string", `query?query="<a>"`, "", 200, `{"status":"success","data":{"resultType":"string","result":[1772362800,"\u003ca\u003e"]}}`},
		{"not finite", "query?query=vector(1)/0&time=-1.25", "", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[-1.250,"+Inf"]}]}}`},
		{"tiny", "query?query=vector(1e-7*1e-3)&time=0", "", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1e-10"]}]}}`},
		{"tiny scalar", "query?query=1e-7*1e-3&time=0", "", 200, `{"status":"success","data":{"resultType":"scalar","result":[0,"0.0000000001"]}}`},
		{"raw samples", "query?query=load{host='b'}[2m]&time=" + base, "", 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`},
		{"range vector", "query?query=load{host='b'}[2m]&time=1772359320", "", 200, `{"status":"success","data":{"resultType":"matrix","result":[` +
			`{"metric":{"__name__":"load","host":"b"},"values":[[1772359200.500,"0"],[1772359260.500,"0.25"]]}]}}`},
		{"by POST", "query", "query=sum(load)&time=" + base + ".5", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1772359200.500,"0"]}]}}`},
		{"range", "query_range?query=sum(load)&start=1772361000&end=1772361120&step=1m", "", 200, `{"status":"success","data":{"resultType":"matrix","result":[` +
			`{"metric":{},"values":[[1772361000,"37.25"],[1772361060,"38.5"],[1772361120,"39.75"]]}]}}`},
		{"range by POST", "query_range", "query=max(load)&start=1772361000&end=1772361060&step=60", 200, `{"status":"success","data":{"resultType":"matrix","result":[` +
			`{"metric":{},"values":[[1772361000,"30"],[1772361060,"31"]]}]}}`},
		{"limit", "query?query=load&limit=1", "", 200, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"__name__":"load","host":"a"},"value":[1772362800,"59"]}]},"warnings":["results truncated due to limit"]}`},
		{"info", "query?query=rate(load{host='a'}[2m])&time=1772359320", "", 200, `{"status":"success","data":{…},"infos":["PromQL info: metric might not be a counter…"]}`},
		{"stats", "query?query=load&stats=all", "", 200, `{"status":"success","data":{…,"stats":{"timings":{…},"samples":{…}}}}`},
		{"syntax", "query?query=load{", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:6: parse error: …"}`},
		{"no query", "query", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": unknown position: parse error: no expression found in input"}`},
		{"bad time", "query?query=1&time=soon", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": invalid time value for 'time': cannot parse \"soon\" to a valid timestamp"}`},
		{"bad limit", "query?query=1&limit=-1", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"limit\": limit must be non-negative"}`},
		{"bad timeout", "query?query=1&timeout=x", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"}`},
		{"timed out", "query?query=load&timeout=0", "", 503, `{"status":"error","errorType":"timeout","error":"…"}`},
		{"execution", "query?query=load*on()load", "", 422, `{"status":"error","errorType":"execution","error":"found duplicate series …"}`},
		{"range backwards", "query_range?query=1&start=2&end=1&step=1", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"}`},
		{"zero step", "query_range?query=1&start=1&end=2&step=0", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": zero or negative …"}`},
		{"11,000 points", "query_range?query=1&start=0&end=11001&step=1", "", 400, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"}`},
		{"series", "series?match[]=load", "", 200, `{"status":"success","data":[{"__name__":"load","host":"a"},{"__name__":"load","host":"b"}]}`},
		{"series of several", "series", "match[]=load{host='b'}&match[]={host='b'}&match[]=os_updates", 200, `{"status":"success","data":[{"__name__":"load","host":"b"},{"__name__":"os_updates","host":"a"}]}`},
		{"series limit", "series?match[]=load&limit=1", "", 200, `{"status":"success","data":[{"__name__":"load","host":"a"}],"warnings":["results truncated due to limit"]}`},
		{"no series", "series?match[]=nothing", "", 200, `{"status":"success","data":[]}`},
		{"series of everything", "series?match[]={host=~'.*'}", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"}`},
		{"series without match", "series", "", 400, `{"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}`},
		{"labels", "labels", "", 200, `{"status":"success","data":["__name__","host"]}`},
		{"labels matched", "labels", "match[]=load&match[]=os_updates&limit=1", 200, `{"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]}`},
		{"values", "label/__name__/values", "", 200, `{"status":"success","data":["load","os_updates"]}`},
		{"values matched", "label/host/values?match[]=os_updates", "", 200, `{"status":"success","data":["a"]}`},
		{"values of an unknown label", "label/nothing/values", "", 200, `{"status":"success","data":[]}`},
		{"values of a bad label", "label/%FF/values", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid label name: \"\\xff\""}`},
		{"values of another time", "label/host/values?start=0&end=1", "", 200, `{"status":"success","data":[]}`},
		{"metadata", "metadata?limit=5", "", 200, `{"status":"success","data":{"os_updates":[{"type":"gauge","help":"Updates of the operating system that are not installed.","unit":""}]}}`},
		{"metadata of another metric", "metadata?metric=load", "", 200, `{"status":"success","data":{}}`},
		{"metadata without room", "metadata?limit=0", "", 200, `{"status":"success","data":{}}`},
		{"bad metadata limit", "metadata?limit=x", "", 400, `{"status":"error","errorType":"bad_data","error":"limit must be a number"}`},
		{"formatted", "format_query?query=sum(load)by(host)", "", 200, `{"status":"success","data":"sum by (host) (load)"}`},
		{"formatted by POST", "format_query", "query=1%2B1", 200, `{"status":"success","data":"1 + 1"}`},
		{"not to be formatted", "format_query?query=load{", "", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:6: parse error: …"}`},
		{"exemplars", "query_exemplars?query=load", "", 200, `{"status":"success","data":[]}`},
		{"exemplars backwards", "query_exemplars?query=load&start=2&end=1", "", 400, `{"status":"error","errorType":"bad_data","error":"end timestamp must not be before start timestamp"}`},
		{"bad lookback", "query?query=1&lookback_delta=x", "", 400, `{"status":"error","errorType":"bad_data","error":"error parsing lookback delta duration: cannot parse \"x\" to a valid duration"}`},
		{"no rules", "rules", "", 200, `{"status":"success","data":{"groups":[]}}`},
		{"no alerts", "alerts", "", 200, `{"status":"success","data":{"alerts":[]}}`},
		{"build", "status/buildinfo", "", 200, `{"status":"success","data":{"version":"3.15.0","revision":"","branch":"barograph",…}}`},
		{"unknown", "status/nothing", "", 404, `…`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := ask(t, h, tt.path, tt.form)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			pattern := strings.ReplaceAll(regexp.QuoteMeta(tt.want), "…", `(?s:.*)`)
			if !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.status != http.StatusNotFound && !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
		})
	}
}

func ask(tb testing.TB, h http.Handler, path, form string) (int, string) {
	tb.Helper()
	path = "/api/v1/" + strings.NewReplacer(" ", "%20", `"`, "%22", "<", "%3C", ">", "%3E").Replace(path)
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	if form != "" {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		tb.Fatal(err)
	}
	return w.Code, string(body)
}

func TestAPILimits(t *testing.T) {
	h := apiStore(t, func(c *promtsdb.Config) {
		c.Query.MaxSamples = 50
		c.Query.Lookback = barograph.Duration(3 * time.Hour)
	}).Handler(promtsdb.HandlerDeps{})
	if status, body := ask(t, h, "query?query=load[1h]", ""); status != 422 || !strings.Contains(body, "too many samples") {
		t.Errorf("a query of too many samples: %d %s", status, body)
	}
	if status, body := ask(t, h, "query?query=os_updates", ""); status != 200 || !strings.Contains(body, `"7"`) {
		t.Errorf("a query within the configured lookback: %d %s", status, body)
	}
	if status, body := ask(t, h, "query", "query="+strings.Repeat("1%2B", 1<<20)+"1"); status != 400 {
		t.Errorf("a form of 4 MB: %d %.200s", status, body)
	}
}

func TestAPIOfClosedStore(t *testing.T) {
	s := apiStore(t, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, s.Handler(promtsdb.HandlerDeps{}), "query?query=1", ""); status != 503 || !strings.Contains(body, `"unavailable"`) {
		t.Errorf("%d %s", status, body)
	}
}

// FuzzAPI sends any parameters to every endpoint: the answer is JSON and no
// fault of ours, whatever they are.
func FuzzAPI(f *testing.F) {
	h := apiStore(f, nil).Handler(promtsdb.HandlerDeps{Ahead: &curves{}, AheadMetric: "ahead", Rules: warned{}, Warnings: warned{}})
	for _, query := range []string{
		"load", "rate(load[5m])", "sum by (host) (load)", "load offset -1h", "load @ 1e12", "load[5m:1s]", "{__name__=~\".+\"}",
		"quantile_over_time(2, load[1h])", "label_replace(load, \"$1\", \"x\", \"host\", \"(\")", "predict_linear(load[1h], 1e300)", "1", "\"x\"",
		"ahead", "ahead offset -9h", "rate(ahead[1ms])", "ahead[10y]", "{__name__=~\"ahead|load\"}", "sum_over_time(ahead[1d:1ms])",
	} {
		f.Add(uint8(0), query, "1772362800", "1772362860", "15", "1s", "5", "load", "host")
	}
	f.Add(uint8(1), "load", "-1e300", "NaN", "1e18", "-1h", "99999999999999999999", "{}", "\xff")
	f.Add(uint8(2), "", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1ms", "0", "0", "{a=~\"(\"}", "..")
	f.Add(uint8(3), "load", "-1e12", "1e12", "9e9", "2m", "1", "{host!=\"\"}", "__name__")
	f.Fuzz(func(t *testing.T, endpoint uint8, query, start, end, step, timeout, limit, match, label string) {
		path := []string{"query", "query_range", "series", "labels", "label/" + url.PathEscape(label) + "/values", "metadata", "format_query", "query_exemplars", "rules"}[endpoint%9]
		form := url.Values{
			"query": {query}, "time": {start}, "start": {start}, "end": {end}, "step": {step}, "timeout": {timeout}, "limit": {limit},
			"match[]": {match}, "lookback_delta": {step},
		}
		r := httptest.NewRequest(http.MethodGet, "/api/v1/"+path+"?"+form.Encode(), http.NoBody)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		timedOut := w.Code == http.StatusServiceUnavailable && strings.Contains(w.Body.String(), `"errorType":"timeout"`)
		if w.Code >= 500 && !timedOut {
			t.Errorf("%s %v: status %d: %s", path, form, w.Code, w.Body)
		}
		if w.Code != http.StatusNotFound && w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %v: not JSON: %s", path, form, w.Body)
		}
	})
}

func ExampleStore_Handler() {
	mux := http.NewServeMux()
	var store *promtsdb.Store // as Open returns it
	mux.Handle("/prometheus/", http.StripPrefix("/prometheus", store.Handler(promtsdb.HandlerDeps{})))
	fmt.Println("Grafana's data source: http://127.0.0.1:10130/prometheus")
	// Output: Grafana's data source: http://127.0.0.1:10130/prometheus
}
