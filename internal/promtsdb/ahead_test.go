package promtsdb_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// curves has two lines, ten hours long from 11:00 on, with a point each two hours.
type curves struct {
	err   error
	asked int // how often it was asked
}

func (c *curves) lines() []barograph.SeriesPoints {
	noon := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	var all []barograph.SeriesPoints
	for i, host := range []string{"a", "b"} {
		sp := barograph.SeriesPoints{Series: barograph.Series{Metric: "ahead", Labels: barograph.NewLabels(map[string]string{"host": host, "rule": "Load"})}}
		for h := 0; h <= 10; h += 2 {
			sp.Points = append(sp.Points, barograph.Point{UnixMilli: noon.Add(time.Duration(h) * time.Hour).UnixMilli(), Value: float64((h + 1) * (i + 1))})
		}
		all = append(all, sp)
	}
	return all
}

// Select returns the chosen lines.
func (c *curves) Select(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	c.asked++
	var out []barograph.SeriesPoints
	for _, sp := range c.lines() {
		if q.Selector.Matches(sp.Series) {
			out = append(out, sp)
		}
	}
	return out, c.err
}

// Series lists the chosen lines.
func (c *curves) Series(_ context.Context, q barograph.SeriesQuery) (found []barograph.Series, more bool, err error) {
	c.asked++
	for _, sp := range c.lines() {
		if q.Selector.Matches(sp.Series) {
			found = append(found, sp.Series)
		}
	}
	return found, false, c.err
}

func aheadAPI(tb testing.TB, c *curves) http.Handler {
	tb.Helper()
	return apiStore(tb, nil).Handler(promtsdb.HandlerDeps{Ahead: c, AheadMetric: "ahead"})
}

// TestAheadAnswers asks, at 11:00, for what comes until 21:00.
func TestAheadAnswers(t *testing.T) {
	const vector, matrix = `{"status":"success","data":{"resultType":"vector","result":[`, `{"status":"success","data":{"resultType":"matrix","result":[`
	tests := []struct{ name, path, want string }{
		{"at its first point", "query?query=ahead{host='a'}", vector + `{"metric":{"__name__":"ahead","host":"a","rule":"Load"},"value":[1772362800,"1"]}]}}`},
		{"at a later point", "query?query=ahead{host='b'}&time=2026-03-01T13:00:00Z", vector + `{"metric":{"__name__":"ahead","host":"b","rule":"Load"},"value":[1772370000,"6"]}]}}`},
		{"half-way", "query?query=ahead{host='a'}&time=2026-03-01T12:00:00Z", vector + `{"metric":{…},"value":[1772366400,"2"]}]}}`},
		{"at its end", "query?query=ahead{host='a'}&time=2026-03-01T21:00:00Z", vector + `{"metric":{…},"value":[1772398800,"11"]}]}}`},
		{"after its end", "query?query=ahead&time=2026-03-01T21:06:00Z", vector + `]}}`},
		{"before its beginning", "query?query=ahead&time=2026-03-01T10:59:59Z", vector + `]}}`},
		{"of a matcher", "query?query=count(ahead{host!='a'})", vector + `{"metric":{},"value":[1772362800,"1"]}]}}`},
		{"of several names", "query?query=count({__name__=~'ahead|load'})by(__name__)", vector +
			`{"metric":{"__name__":"ahead"},"value":[1772362800,"2"]},{"metric":{"__name__":"load"},"value":[1772362800,"2"]}]}}`},
		{"offset", "query?query=ahead{host='a'}offset%20-4h", vector + `{"metric":{…},"value":[1772362800,"5"]}]}}`},
		{"at", "query?query=max(ahead@1772398800)", vector + `{"metric":{},"value":[1772362800,"22"]}]}}`},
		{"aggregated", "query?query=sum(ahead)&time=2026-03-01T12:30:00Z", vector + `{"metric":{},"value":[1772368200,"7.5"]}]}}`},
		{"compared with what is stored", "query?query=ahead{host='b'}-on(host)(load@1772362740)", vector + `{"metric":{"host":"b"},"value":[1772362800,"-12.5"]}]}}`},
		{"ranged over", "query?query=max_over_time(ahead{host='a'}[10h])&time=2026-03-01T21:00:00Z", vector + `{"metric":{…},"value":[1772398800,"11"]}]}}`},
		{"ranged over shortly", "query?query=1e4*deriv(ahead{host='a'}[10m])&time=2026-03-01T14:00:00Z", vector + `{"metric":{…},"value":[1772373600,"2.7…"]}]}}`},
		{"subquery", "query?query=avg_over_time(ahead{host='a'}[10h:2h])&time=2026-03-01T21:00:00Z", vector + `{"metric":{…},"value":[1772398800,"6"]}]}}`},
		{"short lookback", "query?query=ahead{host='a'}&time=2026-03-01T12:00:20.123Z&lookback_delta=1s", vector + `{"metric":{…},"value":[1772366420.123,"2…"]}]}}`},
		{
			"range", "query_range?query=ahead{host='a'}&start=2026-03-01T10:00:00Z&end=2026-03-01T22:00:00Z&step=30m",
			matrix + `{"metric":{…},"values":[[1772362800,"1"],[1772364600,"1.5"],[1772366400,"2"],[1772368200,"2.5"],[1772370000,"3"],…,[1772398800,"11"]]}]}}`,
		},
		{"series", "series?match[]=ahead", `{"status":"success","data":[{"__name__":"ahead","host":"a","rule":"Load"},{"__name__":"ahead","host":"b","rule":"Load"}]}`},
		{"series with stored ones", "series?match[]={__name__=~'a.*',host='a'}&match[]=load{host='b'}", `{"status":"success","data":[{"__name__":"ahead","host":"a","rule":"Load"},{"__name__":"load","host":"b"}]}`},
		{"labels", "labels?match[]=ahead", `{"status":"success","data":["__name__","host","rule"]}`},
		{"values", "label/rule/values?match[]=ahead{host='a'}", `{"status":"success","data":["Load"]}`},
		{"values of a label it lacks", "label/mount/values?match[]=ahead", `{"status":"success","data":[]}`},
		{"names", "label/__name__/values", `{"status":"success","data":["ahead","load","os_updates"]}`},
		{"names matched", "label/__name__/values?match[]={__name__=~'ah.*'}", `{"status":"success","data":["ahead"]}`},
		{"not among everything", "query?query=count({host='a'})", vector + `{"metric":{},"value":[1772362800,"1"]}]}}`},
	}
	h := aheadAPI(t, &curves{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := ask(t, h, tt.path, "")
			pattern := strings.ReplaceAll(regexp.QuoteMeta(tt.want), "…", `(?s:.*)`)
			if status != http.StatusOK || !regexp.MustCompile("^"+pattern+"$").MatchString(got) {
				t.Errorf("status %d\ngot  %s\nwant %s", status, got, tt.want)
			}
		})
	}
}

// TestAheadIsEverywhere asks at odd times and steps: there is a value at each,
// on the line.
func TestAheadIsEverywhere(t *testing.T) {
	h := aheadAPI(t, &curves{})
	for _, step := range []string{"7s", "61s", "299s", "5m", "17m", "3h"} {
		for _, start := range []string{"1772362800", "1772362801.003", "1772364444.5"} {
			status, got := ask(t, h, "query_range?query=max(abs((time()-1772362800)/3600%2B1-ahead{host='a'}))<0.03&start="+start+"&end=1772398700&step="+step, "")
			_, want := ask(t, h, "query_range?query=time()*0&start="+start+"&end=1772398700&step="+step, "")
			if n, m := strings.Count(got, "],"), strings.Count(want, "],"); status != http.StatusOK || n != m {
				t.Errorf("step %s from %s: %d values near the line, want %d: %.300s", step, start, n, m, got)
			}
		}
	}
}

func TestAheadIsOnlyAskedByName(t *testing.T) {
	c := &curves{}
	h := aheadAPI(t, c)
	for _, path := range []string{
		"query?query=load", "query_range?query=sum(load)&start=1772361000&end=1772361120&step=1m", "query?query={host='a'}", "query?query={__name__!='load',host='a'}",
		"query?query={__name__=~'.%2B'}", "series?match[]=load", "labels", "label/host/values", "labels?match[]=load", "query?query=ahead_of",
		"query?query={__name__='ahead',__name__!='ahead'}",
	} {
		if status, body := ask(t, h, path, ""); status != http.StatusOK || c.asked != 0 {
			t.Errorf("%s: status %d, asked %d times: %s", path, status, c.asked, body)
		}
		c.asked = 0
	}
}

// TestAheadFails wants a warning, and what there is all the same.
func TestAheadFails(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{barograph.Errorf(barograph.KindConflict, "too many"), `"warnings":["ahead: too many"]`},
		{fmt.Errorf("draw: %w", errors.New("secret")), `"warnings":["ahead could not be shown in full; the server's log says why"]`},
	} {
		h := aheadAPI(t, &curves{err: tt.err})
		for _, path := range []string{
			"query?query=ahead%2Bon(host)load", "query_range?query=ahead&start=1772362800&end=1772362860&step=60", "series?match[]=ahead",
			"labels?match[]=ahead", "label/host/values?match[]=ahead",
		} {
			status, body := ask(t, h, path, "")
			if status != http.StatusOK || !strings.Contains(body, tt.want) || !strings.Contains(body, `host"`) && !strings.Contains(body, `"a"`) {
				t.Errorf("%s: status %d: %s", path, status, body)
			}
		}
	}
	h := aheadAPI(t, &curves{})
	huge := "ahead{host=~'" + strings.Repeat("a{900}", 30) + "'}"
	if status, body := ask(t, h, "query?query="+huge, ""); status >= http.StatusInternalServerError {
		t.Errorf("a huge pattern: %d %s", status, body)
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	h := aheadAPI(t, &curves{})
	for accept, want := range map[string]bool{"": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=0": false, "br": false} {
		for _, path := range []string{"/api/v1/query_range?query=ahead&start=1772362800&end=1772398800&step=60", "/api/v1/query?query=1", "/api/v1/query?query=("} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Header.Set("Accept-Encoding", accept)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			long, bad := strings.Contains(path, "range"), strings.HasSuffix(path, "(")
			var body io.Reader = w.Body
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != (want && long) {
				t.Errorf("%s with %q: compressed %v", path, accept, got)
			} else if got {
				z, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
			text, err := io.ReadAll(body)
			if err != nil || !strings.HasPrefix(string(text), `{"status":`) || (w.Code == http.StatusBadRequest) != bad || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s with %q: %d %v %.80s", path, accept, w.Code, err, text)
			}
		}
	}
}
