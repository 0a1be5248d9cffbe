package web_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/ingest"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/test/harness"
)

// past sends forty days of history: of db-1 that fills up once a week and is
// cleaned, and of others that stand still.
func (d *desk) past(others int) {
	d.t.Helper()
	const every = 10 * time.Minute
	now := time.Now().Truncate(every)
	var lines strings.Builder
	for at := now.Add(-40 * barograph.Day); at.Before(now); at = at.Add(every) {
		weeks := at.Sub(now.Add(-40*barograph.Day)).Hours() / 24 / 7
		fmt.Fprintf(&lines, "disk_used_ratio,host=db-1,mount=/ value=%.5f %d\n", .5+.45*(weeks-math.Floor(weeks)), at.Unix())
	}
	for i := range others {
		for at := now.Add(-2 * time.Hour); at.Before(now); at = at.Add(every) {
			fmt.Fprintf(&lines, "disk_used_ratio,host=web-%d,mount=/ value=%.3f %d\n", i, .2+.001*float64(i%100), at.Unix())
		}
		if i == 0 { // a peak that an hour's last or lowest value does not show, and no other series has
			fmt.Fprintf(&lines, "disk_used_ratio,host=web-0,mount=/ value=.4321 %d\n", now.Add(-75*time.Minute).Unix())
		}
	}
	d.Call(d.t, http.MethodPost, "/api/v2/write?precision=s", d.Token, lines.String(), nil)
}

func openWithPast(t *testing.T, others int) *desk {
	t.Helper()
	d := openWith(t, func(cfg *app.Config) {
		cfg.Store.Embedded.OutOfOrderWindow = barograph.Duration(60 * barograph.Day)
		cfg.Forecast.Interval = barograph.Duration(time.Second)
	})
	d.past(others)
	return d
}

func TestPreviewOfARule(t *testing.T) {
	t.Parallel()
	d := openWithPast(t, 20)
	in := d.as(barograph.RoleOperator)
	page := in.post("/rules/preview", but(ruleFilledIn(), "name", "", "horizon", "14d")) // few forecasts to replay
	if page.status != http.StatusOK || page.part("name-problem") != "" {
		t.Fatalf("status %d: %s", page.status, page.text)
	}
	series := page.part("preview-series")
	for _, want := range []string{"It looks at 21 series", "The 8 nearest the limit", "db-1 (mount=/)", "web-19", "The highest value of each 3 h in the last 28 d, and the limit of 90 %", "All by name"} {
		if !strings.Contains(series, want) {
			t.Errorf("%q is not in: %s", want, series)
		}
	}
	if strings.Index(series, "db-1") > strings.Index(series, "web-19") || strings.Count(page.body, `class="chart-wide"`) != 1 {
		t.Errorf("the series nearest the limit is not first, or nothing is drawn: %s", series)
	}
	hint := page.part("metric-hint")
	for _, want := range []string{"21 series", "between 20 %", "A share of 1: type 90 % or 0.9", "host db-1 web-0 web-1 web-10 and 17 more", "mount /"} {
		if !strings.Contains(hint, want) {
			t.Errorf("%q is not in the hint: %s", want, hint)
		}
	}
	if got := page.part("limit-means"); got != "Means above 90 %." {
		t.Errorf("the limit: %q", got)
	}
	tested := page.part("preview-backtest")
	for _, want := range []string{"In the last 30 days: ", " predictions, ", " right, median ", "db-1 (mount=/)", "What it would have said, newest first", " ahead"} {
		if !strings.Contains(tested, want) {
			t.Errorf("%q is not in: %s", want, tested)
		}
	}
	if page.field("limit") != "90 %" || !strings.Contains(page.body, `<option value="disk_used_ratio">`) {
		t.Errorf("the form is not as it was, or offers no metric")
	}
	var list struct{ Items []barograph.Rule }
	d.Call(t, http.MethodGet, "/api/v1/rules?limit=1000", d.Token, nil, &list)
	for _, rule := range list.Items {
		if rule.Name == "new rule" || rule.Name == "" {
			t.Errorf("the preview saved %+v", rule)
		}
	}
}

// TestForecastsOfARule are those of all its series, refusals with their reasons
// among them, and the curve of one.
func TestForecastsOfARule(t *testing.T) {
	t.Parallel()
	d := openWithPast(t, 60)
	in := d.as(barograph.RoleOperator)
	off := ruleFilledIn()
	off.Del("enabled") // else it may be forecast before it is looked at
	path, _, _ := strings.Cut(in.post("/rules/new", off).location, "?")
	in.see(path, "No series was looked at yet")
	in.do(path+"/enable", nil)
	var page shown
	harness.Eventually(t, time.Minute, func() string {
		page = in.see(path)
		if got := page.part("forecasts"); !strings.Contains(got, "too little history") || strings.Count(got, "(mount=/)") < 50 {
			return got
		}
		return ""
	})
	if n := strings.Count(page.part("forecasts"), "(mount=/)"); n != 50 {
		t.Errorf("%d series are on the first page", n)
	}
	for _, want := range []string{"How db-1 (mount=/) goes on", "80 % of the outcomes lie in the band", "The limit is 90 %."} {
		if !strings.Contains(page.text, want) {
			t.Errorf("%q is not in: %s", want, page.text)
		}
	}
	if !strings.Contains(page.body, "?skip=50#series") {
		t.Error("no way to the next page")
	}
	next := in.see(path + "?skip=50")
	if n := strings.Count(next.part("forecasts"), "(mount=/)"); n != 11 || !strings.Contains(next.body, ">Back</a>") {
		t.Errorf("%d series are on the second page: %s", n, next.part("forecasts"))
	}
	if got := in.see(path + "?state=insufficient_data").part("forecasts"); strings.Contains(got, "db-1") || !strings.Contains(got, "web-1") {
		t.Errorf("those with too little history: %s", got)
	}
	in.see(path+"?state=stale", "No series has such a forecast now")
	in.see(path+"?series="+url.QueryEscape(`disk_used_ratio{host="web-3",mount="/"}`), "How web-3 (mount=/) goes on")
	in.see(path+"?series="+url.QueryEscape(`os_updates{host="web-3"}`), "is none of the series of rule")
	in.see(path+"?series="+url.QueryEscape(`<script>`), "The series can't be read")
	in.see(path+"?skip=-9&state=nonsense", "No series has such a forecast now")
}

// TestPartsOfThePreview are what the script asks for, as somebody types.
func TestPartsOfThePreview(t *testing.T) {
	t.Parallel()
	d := openWithPast(t, 3)
	in := d.as(barograph.RoleOperator)
	for name, c := range map[string]struct {
		values  []string
		ready   bool
		series  string
		tested  string
		without string
	}{
		"nothing":         {[]string{"series", "", "limit", ""}, false, "Choose a metric", "When the form is complete", "metric-hint-"},
		"no limit":        {[]string{"limit", ""}, false, "It looks at 4 series", "When the form is complete", "the limit"},
		"limit half done": {[]string{"limit", "9x"}, false, "It looks at 4 series", "When the form is complete", "the limit of"},
		"no limit, order": {[]string{"limit", "", "operator", "<"}, false, "Lowest first", "When the form is complete", "\"43.2 %\""},
		"series half done": {
			[]string{"series", `disk_used_ratio{host=`},
			false,
			"It looks at 4 series", "When the form is complete", "Nothing named",
		},
		"peak": {[]string{"series", `disk_used_ratio{host="web-0"}`}, true, "The highest value", "In the last 30 days", "The lowest"},
		"one":  {[]string{"series", `disk_used_ratio{host="db-1"}`}, true, "It looks at 1 series", "In the last 30 days", "All by name"},
		"below": {
			[]string{"operator", "<", "limit", "0.1", "horizon", "0s"},
			true, "The lowest value", "no breaches", "beyond the limit",
		},
		"unknown": {[]string{"series", "disk_used", "limit", "0.9"}, true, "Nothing named disk_used had a value in the last day", "there are no series disk_used", "It looks at"},
		"no such": {[]string{"series", `disk_used_ratio{host="nowhere"}`}, true, "none of its series has these labels", "there are no series", "It looks at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := *in
			in.t = t
			values := but(but(ruleFilledIn(), "horizon", "14d"), c.values...)
			values.Set("part", "series")
			page := in.post("/rules/preview", values)
			if got := page.part("preview-series"); !strings.Contains(got, c.series) || strings.Contains(page.body, c.without) || strings.Contains(page.body, "data-ready") != c.ready || page.byID("main") != nil {
				t.Errorf("the series: %s", page.body)
			}
			if name == "peak" && !strings.Contains(page.body, `"43.2 %"`) {
				t.Errorf("the peak is not drawn: %s", page.body)
			}
			values.Set("part", "backtest")
			if got := in.post("/rules/preview", values).part("preview-backtest"); !strings.Contains(got, c.tested) {
				t.Errorf("the backtest: %s", got)
			}
		})
	}
}

func TestPreviewOfManySeries(t *testing.T) {
	t.Parallel()
	d := openWithPast(t, 1500)
	in := d.as(barograph.RoleOperator)
	values := ruleFilledIn()
	values.Set("part", "series")
	clocktest.AtMost(t, 3*time.Second, "the preview", func() time.Duration {
		began := time.Now()
		page := in.post("/rules/preview", values)
		took := time.Since(began)
		if got := page.part("preview-series"); !strings.Contains(got, "It looks at more than 1000 series") || !strings.Contains(got, "All by name, the first 50") {
			t.Errorf("the series: %s", got)
		}
		if len(page.body) > 200_000 {
			t.Errorf("%d bytes", len(page.body))
		}
		return took
	})
	values.Set("part", "backtest")
	if got := in.post("/rules/preview", values).part("preview-backtest"); !strings.Contains(got, "a backtest takes at most 1000: choose fewer by labels") {
		t.Errorf("the backtest: %s", got)
	}
	in.see("/rules/new?from_series="+url.QueryEscape(`disk_used_ratio{host="db-1"}`), "It looks at 1 series")
}

func TestRuleOfASource(t *testing.T) {
	t.Parallel()
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") == "sum(" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"unclosed left parenthesis"}`)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	t.Cleanup(prometheus.Close)
	d := openWith(t, func(cfg *app.Config) { cfg.Sources = []ingest.SourceConfig{{Name: "prometheus", URL: prometheus.URL}} })
	in := d.as(barograph.RoleOperator)
	in.see("/rules/new", "sent to Barograph", "asked of prometheus", "In PromQL")
	values := but(ruleFilledIn(), "source", "prometheus", "query", "sum(", "limit", "50")
	if got := in.post("/rules/new", values).part("query-problem"); !strings.Contains(got, "unclosed left parenthesis") {
		t.Errorf("of a query that is wrong it says %q", got)
	}
	values.Set("query", "")
	if got := in.post("/rules/new", values).part("query-problem"); !strings.Contains(got, "is missing") {
		t.Errorf("of no query it says %q", got)
	}
	values.Set("query", "sum(up)")
	page := in.post("/rules/preview", values)
	if got := page.part("preview"); !strings.Contains(got, "is known when the rule is saved") || !strings.Contains(got, "not here before the rule is saved") {
		t.Errorf("the preview: %s", got)
	}
	answer := in.post("/rules/new", values)
	path, _, _ := strings.Cut(answer.location, "?")
	if rule := d.savedRule(path); rule.Query != "sum(up)" || rule.Source != "prometheus" || rule.Limit != 50 {
		t.Fatalf("saved: %+v; %s", rule, answer.text)
	}
	in.see(path, "sum(up)", "Asked of", "prometheus")
	if got := in.see(path + "/edit").field("query"); strings.TrimSpace(got) != "sum(up)" {
		t.Errorf("the query in the form is %q", got)
	}
	again := but(values, "limit", "60", "id", strings.TrimPrefix(path, "/rules/"))
	if got := in.post("/rules/preview", again).part("preview-backtest"); !strings.Contains(got, "In the last 30 days") {
		t.Errorf("another limit on the same query: %s", got)
	}
}
