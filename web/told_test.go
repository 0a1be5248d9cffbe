package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

func oftenForecast(cfg *app.Config) { cfg.Forecast.Interval = barograph.Duration(time.Second) }

// TestSameOnAllPages: while a prediction is open, what was told stands wherever its
// series does, however the newest forecast sees it.
func TestSameOnAllPages(t *testing.T) {
	t.Parallel()
	d := openDiaryWith(t, oftenForecast, func(d *diary, db *configdb.DB) {
		// The range is so wide that no forecast, at whatever hour, is a reason to tell another.
		d.open.Latest.ETA.Late = d.open.Latest.ETA.Median.Add(60 * time.Hour)
		if err := db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{d.open}}); err != nil {
			t.Fatal(err)
		}
	})
	in := d.as(barograph.RoleViewer)
	told := d.open.Latest.ETA.Words(time.Now(), time.UTC)
	in.see("/", told)
	in.see("/predictions", told)
	for path, part := range map[string]string{"/hosts/hst_1": "forecasts", "/rules/rul_disk": "forecasts"} {
		var row string
		harness.Eventually(t, 30*time.Second, func() string {
			if row = in.see(path).part(part); !strings.Contains(row, "told 6 h ago") {
				return row
			}
			return ""
		})
		for _, want := range []string{told, "93 %", "it rises faster than before"} {
			if !strings.Contains(row, want) {
				t.Errorf("%s: %q is not in %s", path, want, row)
			}
		}
		in.see(path).has(t, []string{`class="told" href="/predictions/prd_1open"`})
	}
	in.see("/rules/rul_disk", "What was told 6 h ago: "+told+", 93 % sure.")
	if disks := in.see("/hosts/hst_1").part("disks"); strings.Count(disks, told) != 1 || !strings.Contains(disks, "93 %") {
		t.Errorf("the disk is not as told, %s: %s", told, disks)
	}
	in.see("/hosts").has(t, []string{`href="/predictions/prd_1open">` + told, "93 % sure"})
	facts := in.see("/predictions/prd_1open").part("figures")
	first, second, ok := strings.Cut(facts, "Now ")
	if !ok || !strings.Contains(first, "Told "+told) || strings.Contains(second, "There is no newer forecast") || !strings.Contains(second, "forecast ") {
		t.Errorf("not told and now: %s", facts)
	}
	if now, _, _ := strings.Cut(second, "First said"); strings.Contains(now, told) {
		t.Errorf("what is now is what was told: %s", now)
	}
	in.see("/predictions/prd_2confirmed").has(t, []string{"What came of it"}, "<dt>Told</dt>", "<dt>Now</dt>")
}

// TestWaiting: what is beyond a limit, but not for as long as the rule waits, is on
// the first page, and is no breach.
func TestWaiting(t *testing.T) {
	t.Parallel()
	var began time.Time
	d := openDiaryWith(t, oftenForecast, func(d *diary, db *configdb.DB) {
		began = d.now.Add(-20 * time.Minute)
		office := barograph.Target{ID: "tgt_office", Name: "office", Kind: barograph.ProbeTCP, Address: "127.0.0.1:1", Interval: barograph.Duration(time.Hour), Timeout: barograph.Duration(time.Second)}
		loss := diskRule("rul_loss", hostileText)
		loss.Series.Metric, loss.Limit, loss.For = "probe_loss_ratio", .5, barograph.Duration(2*time.Hour)
		for _, err := range []error{
			db.CreateHost(t.Context(), barograph.Host{ID: "hst_3", Name: "short"}, barograph.KeyHash{}), db.CreateTarget(t.Context(), office), db.CreateRule(t.Context(), loss),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	var lines strings.Builder
	beyond := func(series string, from time.Time) {
		for at := d.now.Add(-barograph.Day); at.Before(d.now); at = at.Add(5 * time.Minute) {
			value := .3
			if !at.Before(from) {
				value = .95
			}
			fmt.Fprintf(&lines, "%s value=%v %d\n", series, value, at.UnixMilli())
		}
	}
	beyond("disk_used_ratio,host=short,mount=/", began)
	beyond("disk_used_ratio,host=db-3,mount=/", d.now.Add(-3*time.Hour))
	beyond("disk_used_ratio,host=back,mount=/", d.now)
	beyond("probe_loss_ratio,kind=tcp,target=office", began)
	d.Call(t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)

	in := d.as(barograph.RoleViewer)
	var page shown
	harness.Eventually(t, 30*time.Second, func() string {
		page = in.see("/")
		if waiting := page.part("next"); strings.Count(waiting, "(rule waits ") != 4 { // both rules of disks, but for the one that is broken, and that of targets
			return waiting
		}
		return ""
	})
	since := "beyond the limit , waiting since " + barograph.Stamp(began, time.Now(), time.UTC)
	page.has(t, []string{
		since + " (rule waits " + barograph.Words(time.Hour) + ")", since + " (rule waits 2 h)", `href="/hosts/hst_3"`, `href="/targets/tgt_office"`, `href="/rules/rul_disk"`, `href="/rules/rul_loss"`,
		"Disk space : 95 %, above 90 %",
	}, "<script>alert", "back (mount=/)")
	if n := strings.Count(page.part("next"), "db-3 (mount=/)"); n != 2 {
		t.Errorf("what one rule says is broken and another is not is there %d times", n)
	}
	in.see("/hosts/hst_3", "beyond the limit, waiting")
}

// TestNothingWaits says so.
func TestNothingWaits(t *testing.T) {
	t.Parallel()
	open(t).as(barograph.RoleViewer).see("/", "No limit is crossed for as long as its rule waits")
}

// TestSilencesInTheStory shades what was silenced, and says so in words.
func TestSilencesInTheStory(t *testing.T) {
	t.Parallel()
	d := openDiaryWith(t, oftenForecast, func(d *diary, db *configdb.DB) {
		when := func(id, rule string, from, to time.Duration) barograph.Silence {
			return barograph.Silence{
				ID: barograph.SilenceID(id), Matchers: barograph.Matchers{{Name: "rule", Type: barograph.MatchEqual, Value: rule}}, Comment: "work on " + id,
				StartsAt: d.now.Add(from), EndsAt: d.now.Add(to), CreatedAt: d.now.Add(-100 * time.Hour),
			}
		}
		nightly := when("sil_nightly", "Disk space", -100*time.Hour, 0)
		nightly.EndsAt, nightly.Recurs, nightly.Comment = time.Time{}, &barograph.Recurs{At: d.now.Add(-time.Hour).Format("15:04"), Duration: barograph.Duration(30 * time.Minute)}, hostileText
		late := when("sil_late", "Disk space", -50*time.Hour, -40*time.Hour)
		late.CreatedAt = d.now // it held back nothing
		for _, s := range []barograph.Silence{
			when("sil_then", "Disk space", -50*time.Hour, -40*time.Hour), when("sil_before", "Disk space", -80*time.Hour, -61*time.Hour),
			when("sil_now", "Disk space", -time.Hour, 2*time.Hour), when("sil_ahead", "Disk space", 3*time.Hour, 4*time.Hour),
			when("sil_other", "Wolf", -60*time.Hour, 40*time.Hour), nightly, late,
		} {
			if err := db.CreateSilence(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	})
	in := d.as(barograph.RoleViewer)
	path := func(id string) string { return `href="/settings/silences/` + id + `"` }
	closed := in.see("/predictions/prd_2confirmed")
	closed.has(t, []string{`class="chart-span-silence"`, path("sil_then"), "Silenced", "Nobody was told then.", path("sil_nightly"), "Maintenance window"},
		path("sil_before"), path("sil_now"), path("sil_ahead"), path("sil_other"), path("sil_late"), "<script>alert")
	open := in.see("/predictions/prd_1open")
	open.has(t, []string{`class="chart-span-silence"`, path("sil_now"), "Nobody is told now.", path("sil_ahead"), "Nobody will be told then."}, path("sil_then"), path("sil_other"), path("sil_late"))
	in.see("/breaches/brc_1").has(t, []string{path("sil_nightly")}, path("sil_now"))
	in.see("/predictions/prd_4gone").has(t, nil, "chart-span-silence", `class="legend"`)
}

// TestTargetsAreLinked as hosts are.
func TestTargetsAreLinked(t *testing.T) {
	t.Parallel()
	d := openDiaryWith(t, oftenForecast, func(d *diary, db *configdb.DB) {
		labels := barograph.NewLabels(map[string]string{"target": "office", "kind": "tcp"})
		p := d.prediction("8target", "rul_disk", "Disk space", "db-1", 20*time.Hour, 40*time.Hour)
		p.Series.Labels = labels
		gone := d.prediction("9target", "rul_disk", "Disk space", "db-1", 20*time.Hour, 40*time.Hour)
		gone.Series.Labels = labels.With("target", "no more")
		b := barograph.Breach{ID: "brc_8", RuleID: "rul_disk", RuleName: "Disk space", Series: p.Series, Severity: barograph.SeverityCritical, StartedAt: d.now.Add(-3 * time.Hour), Value: .95}
		e := d.event(8, barograph.EventPredictionOpened, p.OpenedAt, &p, nil)
		for _, err := range []error{
			db.CreateTarget(t.Context(), barograph.Target{ID: "tgt_1", Name: "office", Kind: barograph.ProbeTCP, Address: "127.0.0.1:1", Interval: barograph.Duration(time.Hour), Timeout: barograph.Duration(time.Second)}),
			db.CreateTarget(t.Context(), barograph.Target{ID: "tgt_2", Name: "office 2", Kind: barograph.ProbeICMP, Address: "127.0.0.1", Interval: barograph.Duration(time.Hour), Timeout: barograph.Duration(time.Second)}),
			db.Record(t.Context(), barograph.Change{Predictions: []barograph.Prediction{p, gone}, Breaches: []barograph.Breach{b}, Events: []barograph.Event{e}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	in := d.as(barograph.RoleViewer)
	for _, path := range []string{"/predictions/prd_8target", "/breaches/brc_8", "/events/evt_00000000000000000000000008"} {
		in.see(path).has(t, []string{`<dt>Target</dt><dd><a href="/targets/tgt_1">`}, "tgt_2")
	}
	in.see("/predictions/prd_9target").has(t, []string{`<dt>Target</dt><dd><bdi>no more</bdi>`}, "tgt_1", "tgt_2")
	in.see("/events/evt_00000000000000000000000001").has(t, []string{`<dt>Host</dt><dd><a href="/hosts/hst_1">`})

	d.Call(t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, fmt.Sprintf("disk_used_ratio,kind=tcp,target=office value=.5 %d\n", d.now.UnixMilli()), nil)
	harness.Eventually(t, 30*time.Second, func() string {
		body := in.see("/rules/rul_disk").body
		if _, list, _ := strings.Cut(body, `id="forecasts"`); !strings.Contains(list, `href="/targets/tgt_1"`) || !strings.Contains(list, `href="/hosts/hst_1"`) {
			return list
		}
		return ""
	})
}

// TestFoldsOnPhones: a filter is open when it is set, and so are charts for which
// somebody chose the time.
func TestFoldsOnPhones(t *testing.T) {
	t.Parallel()
	in := openDiary(t).as(barograph.RoleViewer)
	for path, want := range map[string]string{
		"/events":                   `<details class="fold" id="choose">`,
		"/events?host=db-1":         `<details class="fold" id="choose" open>`,
		"/events?min_severity=none": `<details class="fold" id="choose" open>`,
		"/hosts/hst_1":              `<details class="fold" id="charts-fold">`,
		"/hosts/hst_1?range=1d":     `<details class="fold" id="charts-fold" open>`,
	} {
		if body := in.get(path).body; !strings.Contains(body, want) {
			t.Errorf("%s: no %s", path, want)
		}
	}
}
