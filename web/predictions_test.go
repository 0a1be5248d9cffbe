package web_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
)

// has fails the test unless the page holds all of these, and none of the others.
func (s shown) has(t *testing.T, all []string, none ...string) {
	t.Helper()
	for _, part := range all {
		if !strings.Contains(s.body, part) && !strings.Contains(s.text, part) {
			t.Errorf("%q is not in: %s", part, s.text)
		}
	}
	for _, part := range none {
		if strings.Contains(s.body, part) {
			t.Errorf("%q is in: %s", part, s.body)
		}
	}
}

func TestPredictions(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleViewer)
	for query, want := range map[string]struct{ all, none []string }{
		"":                                  {[]string{"prd_1open", "prd_2confirmed", "prd_4gone", "brc_1", "brc_2", "it came, 31 h after the warning", "foreseen 31 h ahead"}, nil},
		"?state=open":                       {[]string{"prd_1open", "brc_2"}, []string{"prd_2confirmed", "brc_1"}},
		"?state=ended":                      {[]string{"prd_2confirmed", "prd_3changed", "prd_4gone", "brc_1"}, []string{"prd_1open", "prd_5hostile", "brc_2"}},
		"?state=expired":                    {[]string{"prd_3changed", "it did not come"}, []string{"prd_1open", "prd_2confirmed"}},
		"?rule_id=rul_disk":                 {[]string{"prd_1open", "prd_2confirmed", "brc_1", "brc_2"}, []string{"prd_3changed", "prd_4gone"}},
		"?host=db-2":                        {[]string{"prd_2confirmed", "prd_3changed", "brc_1"}, []string{"prd_1open", "brc_2"}},
		"?host=nobody":                      {[]string{"No prediction of this kind", "No limit was crossed"}, []string{"prd_", "brc_"}},
		"?rule_id=rul_nothing":              {[]string{"rul_nothing"}, []string{"prd_"}},
		"?after=prd_2confirmed":             {[]string{"prd_1open", "brc_2"}, []string{"prd_2confirmed", "prd_3changed"}},
		"?breach_after=brc_2&state=&host=":  {[]string{"prd_4gone", "brc_1"}, []string{"brc_2"}},
		"?host=" + url.QueryEscape(`"><b>`): {[]string{`value="&#34;&gt;&lt;b&gt;"`}, []string{`"><b>`}},
	} {
		in.see("/predictions"+query).has(t, want.all, want.none...)
	}
	wrong := in.get("/predictions?state=" + url.QueryEscape("<b>"))
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("no state: %d", wrong.status)
	}
	wrong.has(t, []string{`id="state-problem"`, "is no state of predictions"}, "<b>", "prd_1open")
}

func TestOpenPrediction(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleOperator)
	answer := in.see("/predictions/prd_1open")
	answer.has(t, []string{
		"db-1 (mount=/)", "above 90 %", "93 %", `class="chart-band"`, `class="chart-eta"`, "expected on", "predicted", "it rises faster than before", "6 h sooner",
		"summary 1", "summary 2", `href="/rules/rul_disk"`, `href="/hosts/hst_1"`, `href="/events/evt_00000000000000000000000002"`, "on call", "delivered",
		`action="/predictions/prd_1open/acknowledge"`,
	}, "summary 3", "was changed", "is gone")
	silence := "/settings/silences/new?" + url.Values{"matchers": {`{rule="Disk space",host="db-1",mount="/"}`}}.Encode()
	if !strings.Contains(html.UnescapeString(answer.body), silence) {
		t.Errorf("no link to %s", silence)
	}
	d.as(barograph.RoleViewer).see("/predictions/prd_1open").has(t, []string{"Nobody has acknowledged it"}, "<textarea", "/settings/silences/new")
	if answer := in.get("/predictions/prd_none"); answer.status != http.StatusNotFound {
		t.Errorf("no such prediction: %d", answer.status)
	}
}

func TestPredictionsThatEnded(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleOperator)
	in.see("/predictions/prd_2confirmed").has(t, []string{
		"confirmed", "it came, 31 h after the warning", "within the range", `href="/breaches/brc_1"`, `class="chart-band"`, `class="chart-span-breach"`, `class="chart-course"`, "no subscription wants it",
	}, "<textarea")
	in.see("/predictions/prd_3changed").has(t, []string{"The rule was changed since", "its limit is now above 80 %", "disk_used_ratio above 90 %", `class="chart-eta"`, `class="chart-line"`}, `class="chart-band"`)
	in.see("/predictions/prd_4gone").has(t, []string{"The rule is gone", "a limit that is gone", "not stored any more", "are not kept any more"}, `href="/rules/rul_gone"`, `href="/hosts/`)
	in.see("/breaches/brc_1").has(t, []string{"breach ended", "31 h ahead", `href="/predictions/prd_2confirmed"`, "summary 5", `class="chart-span-breach"`, `class="chart-course"`}, "summary 4")
	in.see("/breaches/brc_2").has(t, []string{"breach lasts", "critical", "since", `action="/breaches/brc_2/acknowledge"`}, `class="chart-band"`)
	if answer := in.get("/breaches/brc_none"); answer.status != http.StatusNotFound {
		t.Errorf("no such breach: %d", answer.status)
	}
}

// TestStoryWithGap: what was measured before the host was silent is not denied.
func TestStoryWithGap(t *testing.T) {
	t.Parallel()
	d := openDiaryWith(t, oftenForecast, func(d *diary, db *configdb.DB) {
		var all []barograph.Prediction
		for id, host := range map[string]string{"8gap": "gap", "9young": "young"} { // their stories begin 40 hours ago
			p := d.prediction(id, "rul_disk", "Disk space", host, 30*time.Hour, 5*time.Hour)
			p.State, p.ClosedAt = barograph.PredictionExpired, p.OpenedAt.Add(10*time.Hour)
			all = append(all, p)
		}
		if err := db.Record(t.Context(), barograph.Change{Predictions: all}); err != nil {
			t.Fatal(err)
		}
	})
	var lines strings.Builder
	for minutes := 0; minutes < 50*60; minutes += 5 {
		at := d.now.Add(-time.Duration(minutes) * time.Minute).UnixMilli()
		if minutes <= 35*60 {
			fmt.Fprintf(&lines, "disk_used_ratio,host=young,mount=/ value=0.5 %d\n", at)
		}
		if minutes <= 35*60 || minutes > 45*60 {
			fmt.Fprintf(&lines, "disk_used_ratio,host=gap,mount=/ value=0.5 %d\n", at)
		}
	}
	d.Call(t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
	in := d.as(barograph.RoleViewer)
	in.see("/predictions/prd_8gap").has(t, []string{`class="chart-line"`}, "Nothing was measured before")
	in.see("/predictions/prd_9young").has(t, []string{`class="chart-line"`, "Nothing was measured before"})
}

func TestAcknowledging(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleOperator)
	for _, path := range []string{"/predictions/prd_1open", "/breaches/brc_2"} {
		long := strings.Repeat("long ", 300)
		refused := in.post(path+"/acknowledge", url.Values{"comment": {long}})
		if refused.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: a long comment: %d", path, refused.status)
		}
		refused.has(t, []string{`id="comment-problem"`, strings.TrimSpace(long), `aria-invalid="true"`})
		if answer := d.as(barograph.RoleViewer).post(path+"/acknowledge", nil); answer.status != http.StatusForbidden {
			t.Errorf("%s: a viewer: %d", path, answer.status)
		}
		done := in.do(path+"/acknowledge", url.Values{"comment": {hostileText}})
		done.has(t, []string{"was acknowledged.", "operator is on it", "&lt;script&gt;alert(1)"}, "<script>alert", "<textarea")
		again := in.post(path+"/acknowledge", nil)
		if again.status != http.StatusConflict {
			t.Errorf("%s again: %d", path, again.status)
		}
		again.has(t, []string{"operator is on it"})
	}
	in.see("/").has(t, []string{"operator is on it"})
	in.see("/predictions").has(t, []string{"operator is on it"})
	if answer := in.post("/predictions/prd_2confirmed/acknowledge", nil); answer.status != http.StatusConflict {
		t.Errorf("what is over: %d", answer.status)
	}
	for _, path := range []string{"/predictions/prd_none", "/breaches/brc_none", "/predictions/brc_2", "/breaches/prd_1open"} {
		if answer := in.post(path+"/acknowledge", nil); answer.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.status)
		}
	}
}

func TestSpark(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleViewer)
	for id, want := range map[string]string{
		"prd_1open": "chart-band", "prd_2confirmed": "chart-course", "prd_3changed": "chart-line", "prd_4gone": `viewBox="0 0 160 36"`, "prd_5hostile": `viewBox="0 0 160 36"`,
	} {
		answer := in.get("/predictions/" + id + "/spark.svg?at=now")
		if answer.status != http.StatusOK || answer.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(answer.body, want) {
			t.Errorf("%s: status %d, %s, without %s: %.300s", id, answer.status, answer.header.Get("Content-Type"), want, answer.body)
		}
		if c, p := answer.header.Get("Cache-Control"), answer.header.Get("Content-Security-Policy"); !strings.Contains(c, "private") || !strings.Contains(p, "default-src 'none'") {
			t.Errorf("%s: kept %q under %q", id, c, p)
		}
		for x := xml.NewDecoder(strings.NewReader(answer.body)); ; {
			if _, err := x.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", id, err)
				break
			}
		}
	}
	if answer := in.get("/predictions/prd_none/spark.svg"); answer.status != http.StatusNotFound || answer.header.Get("Cache-Control") != "no-store" {
		t.Errorf("no such prediction: %d", answer.status)
	}
	if answer := d.as("").get("/predictions/prd_1open/spark.svg"); answer.status != http.StatusSeeOther {
		t.Errorf("a stranger: %d", answer.status)
	}
}

func TestHostileWarningsAreText(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleOperator)
	for _, path := range []string{"/", "/predictions", "/predictions/prd_5hostile"} {
		answer := in.see(path)
		answer.has(t, []string{"&lt;script&gt;alert(1)&lt;/script&gt;"}, "<script>alert", "<img src=x", "\x00")
		if strings.Contains(answer.body, strings.Repeat(hostileText, 10)) || len(answer.body) > 300_000 {
			t.Errorf("%s has %d bytes", path, len(answer.body))
		}
		if !strings.Contains(answer.body, "<bdi>&lt;script") {
			t.Errorf("%s: a name is not isolated", path)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	d := openDiary(t)
	in := d.as(barograph.RoleViewer)
	answer := in.see("/", "Predicted 2", "db-1 (mount=/)", "93 %", ": above 90 %, was 87 % 6 h ago", "db-3 (mount=/)", "quiet", "2 h ago", "1 of 2")
	answer.has(t, []string{`href="/predictions/prd_1open"`, `href="/breaches/brc_2"`, `href="/hosts/hst_2"`, `src="/predictions/prd_1open/spark.svg?at=`, "digest only", "Told in the daily digest only: 2 of 10 came true"}, "What to do first")
	if strings.Index(answer.body, "prd_1open") > strings.Index(answer.body, "prd_5hostile") {
		t.Error("the soonest does not come first")
	}
	open(t).as(barograph.RoleViewer).see("/", "What to do first", "Add a host", "Subscribe", "Nothing is about to break", "All hosts are heard")
}
