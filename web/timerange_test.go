package web_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
)

// pinged makes a target that was measured every minute for so long, but not in the
// last hour, and returns its page.
func (d *desk) pinged(now time.Time, rounds int) (path string) {
	d.t.Helper()
	return d.pingedBut(now, rounds, func(int) bool { return false })
}

// pingedBut is pinged, but for some rounds, which are numbered from the last on.
func (d *desk) pingedBut(now time.Time, rounds int, missing func(round int) bool) (path string) {
	d.t.Helper()
	const name = "office"
	t := d.addTarget(map[string]any{"name": name})
	var lines strings.Builder
	for i := range rounds {
		if missing(i) {
			continue
		}
		at := now.Add(-time.Hour - time.Duration(i)*time.Minute).UnixMilli()
		fmt.Fprintf(&lines, "probe_loss_ratio,kind=icmp,target=%s value=0 %d\nprobe_rtt_seconds,kind=icmp,target=%s value=0.00003549 %d\n", name, at, name, at)
	}
	d.Call(d.t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
	return "/targets/" + string(t.ID)
}

// plotted returns from when to when the first chart of the page is, and the times of its
// first line.
func (s shown) plotted(t *testing.T) (from, to int64, points []int64) {
	t.Helper()
	for n := range s.root.Descendants() {
		if text := attribute(n, "data-points"); text != "" {
			var data struct {
				From, To int64
				Series   []struct{ T []int64 }
			}
			if err := json.Unmarshal([]byte(text), &data); err != nil || len(data.Series) == 0 {
				t.Fatalf("%.500s: %v", text, err)
			}
			return data.From, data.To, data.Series[0].T
		}
	}
	t.Fatalf("there is no chart: %s", s.text)
	return 0, 0, nil
}

// TestChosenRange asks for a part of what was measured; the address says the same to
// somebody whose clock shows another time.
func TestChosenRange(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Minute)
	path := d.pinged(now, 300)
	zone, err := time.LoadLocation("Asia/Kathmandu") // where no hour of the year comes twice
	if err != nil {
		t.Fatal(err)
	}
	from, to := now.Add(-3*time.Hour), now.Add(-2*time.Hour)
	in := d.as(barograph.RoleViewer)
	in.zone = zone.String()
	const field = "2006-01-02T15:04"
	answer := in.get(path + "?" + url.Values{"range": {"7d"}, "from": {from.In(zone).Format(field)}, "to": {to.In(zone).Format(field)}}.Encode())
	want := path + "?" + url.Values{"range": {"7d"}, "from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}}.Encode()
	if answer.status != http.StatusSeeOther || answer.location != want {
		t.Fatalf("status %d to %s, want %s", answer.status, answer.location, want)
	}
	page := in.see(want, "From "+barograph.Stamp(from, now, zone)+" to "+barograph.Stamp(to, now, zone)+":", "Back to the last 7 days")
	if begin, end, points := page.plotted(t); begin > from.Unix() || begin < from.Unix()-60 || end < to.Unix() || end > to.Unix()+60 || len(points) < 60 {
		t.Errorf("%d points from %s to %s", len(points), time.Unix(begin, 0), time.Unix(end, 0))
	}
	if page.field("from") != from.In(zone).Format(field) || page.field("to") != to.In(zone).Format(field) {
		t.Errorf("the fields hold %s and %s", page.field("from"), page.field("to"))
	}
	if back := html.UnescapeString(page.body); !strings.Contains(back, path+"?range=7d#path") {
		t.Error("no way back")
	}
	elsewhere := d.as(barograph.RoleViewer)
	elsewhere.zone = "Asia/Tokyo"
	if begin, end, _ := elsewhere.see(want).plotted(t); begin > from.Unix() || end < to.Unix() {
		t.Errorf("elsewhere it is from %s to %s", time.Unix(begin, 0), time.Unix(end, 0))
	}
	in.see(path+"?from="+url.QueryEscape(from.UTC().Format(time.RFC3339)), "Since "+barograph.Stamp(from, now, zone)+":")
	in.see(path+"?range=36h", "In the last 36 h:")
	in.see(path+"?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", "Nothing was measured from Wed 1 Jan 2020 05:45 to Thu 2 Jan 2020 05:45")
}

// TestBadRange says beside the field what is wrong, keeps what was typed, and shows
// what is usual.
func TestBadRange(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Minute)
	target := d.pinged(now, 300)
	h := d.enrol("web-1", nil)
	in := d.as(barograph.RoleViewer)
	for _, c := range []struct{ query, field, problem string }{
		{"from=2026-01-02T00:00&to=2026-01-01T00:00", "to", "is not after the beginning"},
		{"from=2026-01-02T00:00&to=2026-01-02T00:00", "to", "is not after the beginning"},
		{"from=NaN&to=2026-01-02T00:00", "from", `"NaN" is not a time`},
		{"from=2026-01-02T00:00&to=soon", "to", `"soon" is not a time`},
		{"from=12026-01-02T00:00", "from", "is not a time"},
		{"from=0001-01-02T00:00", "from", "more than ten years"},
		{"from=2999-01-01T00:00", "from", "is still to come"},
		{"to=2026-01-02T00:00", "from", "is needed"},
		{"from=<script>alert(1)</script>", "from", "<script>alert(1)</script>"},
	} {
		for _, path := range []string{target, "/hosts/" + h.id} {
			page := in.get(path + "?" + strings.NewReplacer("<", "%3C", ">", "%3E").Replace(c.query))
			if problem := page.problemOf(c.field); page.status != http.StatusUnprocessableEntity || !strings.Contains(problem, c.problem) {
				t.Errorf("%s?%s: status %d, beside %s: %q", path, c.query, page.status, c.field, problem)
			}
			typed, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			if page.field("from") != typed.Get("from") || page.field("to") != typed.Get("to") || strings.Contains(page.body, "<script>a") {
				t.Errorf("%s: the fields hold %q and %q", c.query, page.field("from"), page.field("to"))
			}
		}
		if page := in.get(target + "?" + url.PathEscape(c.query)); !strings.Contains(page.text, "In the last 3 hours") {
			t.Errorf("%s: what is usual is not shown", c.query)
		}
	}
	if problem := in.get(target + "?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:30Z").problemOf("to"); !strings.Contains(problem, "is less than a minute after") {
		t.Errorf("half a minute: %q", problem)
	}
	for _, name := range []string{"nonsense", "NaN", "1s", "3650000d", strings.Repeat("9", 5000) + "d"} {
		if page := in.get(target + "?range=" + name); page.status != http.StatusUnprocessableEntity || !strings.Contains(page.text, "In the last 3 hours") || len(page.text) > 20_000 {
			t.Errorf("range %.20s: status %d: %.2000s", name, page.status, page.text)
		}
	}
}

// TestYoungCharts draws what is young from its first value on, in finer steps, and says
// so.
func TestYoungCharts(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Minute)
	path := d.pinged(now, 30)
	first := now.Add(-time.Hour - 29*time.Minute)
	in := d.as(barograph.RoleViewer)
	for _, name := range []string{"7d", "400d"} {
		page := in.see(path+"?range="+name, "Nothing was measured before "+barograph.Stamp(first, now, time.UTC)+": the line begins there.")
		if begin, end, points := page.plotted(t); math.Abs(float64(begin-first.Unix())) > 60 || end < now.Unix()-60 || len(points) < 30 {
			t.Errorf("the last %s: %d points from %s to %s", name, len(points), time.Unix(begin, 0), time.Unix(end, 0))
		}
	}
	if page := in.see(path + "?range=3h"); strings.Count(page.body, "begins there") != 1 {
		t.Error("the last 3 hours hold 90 minutes, which is not said")
	}
	_, trend, _ := strings.Cut(in.see("/targets").body, `<svg class="chart-spark"`)
	trend, _, _ = strings.Cut(trend, "</svg>")
	if _, line, _ := strings.Cut(trend, ` d="M1,`); strings.Count(line, ",") < 9 {
		t.Errorf("the trend of a new target is %s", trend)
	}
	h := d.enrol("web-1", nil)
	d.sends(h, map[string]float64{"cpu_usage_ratio": .25}, nil)
	d.hears(h)
	if page := in.see("/hosts/"+h.id, "25 %, between 25 % and 25 %"); strings.Contains(page.body, "data-points") {
		t.Error("one value is drawn")
	}
	time.Sleep(1100 * time.Millisecond) // so that it is another second's
	d.sends(h, map[string]float64{"cpu_usage_ratio": .75}, nil)
	page := in.see("/hosts/"+h.id, "The last 7 days", "the line begins there", "Means of 1 s", "75 %, between 25 % and 75 %")
	if begin, end, _ := page.plotted(t); end-begin > 600 {
		t.Errorf("the chart of a new host shows %d s", end-begin)
	}
	if old := in.see(path + "?from=" + url.QueryEscape(first.UTC().Format(time.RFC3339))); strings.Contains(old.text, "begins there") {
		t.Error("it is said to begin later than it does")
	}
}

// TestGapAtTheBegin is seen for what it is: what lies before it is not denied, and a time
// that was chosen is shown as it is.
func TestGapAtTheBegin(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Minute)
	path := d.pingedBut(now, 400, func(round int) bool { return round >= 30 && round < 200 }) // it was silent from 260 to 90 minutes ago
	in := d.as(barograph.RoleViewer)
	at := func(minutes int) string {
		return url.QueryEscape(now.Add(-time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339))
	}
	for query, begin := range map[string]int{
		"range=3h":        180,
		"range=4h":        240,
		"from=" + at(200): 200,
		"from=" + at(600): 600, // before everything, but somebody wants it
	} {
		page := in.see(path + "?" + query)
		if from, _, _ := page.plotted(t); math.Abs(float64(from-now.Add(-time.Duration(begin)*time.Minute).Unix())) > 90 {
			t.Errorf("%s: the chart begins at %s, not %d minutes ago", query, time.Unix(from, 0), begin)
		}
		if strings.Contains(page.text, "Nothing was measured before") {
			t.Errorf("%s: what was measured is denied: %s", query, page.text)
		}
	}
	first := now.Add(-time.Hour - 399*time.Minute)
	in.see(path+"?range=7d", "Nothing was measured before "+barograph.Stamp(first, now, time.UTC)+": the line begins there.")
}

// TestChartsOfSilentHost are there, however long nothing came.
func TestChartsOfSilentHost(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Minute)
	h := d.enrol("web-1", nil)
	in := d.as(barograph.RoleViewer)
	in.see("/hosts/"+h.id+"?range=30d", "Nothing was measured in the last 30 days.")
	if page := in.see("/hosts/" + h.id); strings.Contains(page.body, `id="charts"`) {
		t.Error("a host that was never heard has charts")
	}
	var lines strings.Builder
	for i := range 180 {
		fmt.Fprintf(&lines, "cpu_usage_ratio,host=web-1 value=0.25 %d\n", now.Add(-5*time.Hour-time.Duration(i)*time.Minute).UnixMilli())
	}
	d.Call(t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
	at := func(hours int) string {
		return url.QueryEscape(now.Add(-time.Duration(hours) * time.Hour).UTC().Format(time.RFC3339))
	}
	const words = "25 %, between 25 % and 25 %"
	for _, query := range []string{"", "?range=7d", "?from=" + at(8) + "&to=" + at(5)} {
		page := in.see("/hosts/"+h.id+query, "Processor", words)
		if _, _, points := page.plotted(t); len(points) < 30 {
			t.Errorf("%q: %d points", query, len(points))
		}
	}
	// What else is measured lately does not hide it from who asks.
	d.sends(h, map[string]float64{"memory_used_ratio": .5}, nil)
	if page := in.see("/hosts/"+h.id, "Memory"); strings.Contains(page.text, words) {
		t.Error("what is not measured any more is shown unasked")
	}
	in.see("/hosts/"+h.id+"?range=7d", "Memory", words)
}

// TestUnbroken keeps numbers and their units on one line, but what is copied or sent back
// as it is.
func TestUnbroken(t *testing.T) {
	t.Parallel()
	d := open(t)
	path := d.pinged(time.Now(), 300)
	page := d.as(barograph.RoleOperator).see(path, "usually 0.0355 ms there and back")
	for _, want := range []string{"0.0355\u00a0ms there", ">3\u00a0h</a>", "3\u00a0hours"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	var made struct{ ID string }
	d.Call(t, http.MethodPost, "/api/v1/checks", d.Token, map[string]any{"name": "ages", "command": "echo 5 GiB of 7 d", "interval": "1m"}, &made)
	if form := d.as(barograph.RoleOperator).see("/checks/" + made.ID + "/edit"); !strings.Contains(form.field("command"), "echo 5 GiB of 7 d") {
		t.Errorf("the command becomes %q", form.field("command"))
	}
}
