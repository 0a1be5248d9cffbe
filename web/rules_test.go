package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

// ruleFilledIn is a form that makes a rule.
func ruleFilledIn() url.Values {
	return url.Values{
		"name": {"Disk fills up"}, "series": {"disk_used_ratio"}, "operator": {">"}, "limit": {"90 %"},
		"horizon": {"3d"}, "for": {"0s"}, "open_at": {"0.7"}, "close_at": {"0.4"}, "severity": {"warning"}, "enabled": {"on"},
	}
}

// but returns the form with some fields filled in otherwise: pairs are names with
// values.
func but(values url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

// savedRule returns the rule as the API has it.
func (d *desk) savedRule(path string) barograph.Rule {
	d.t.Helper()
	var rule barograph.Rule
	path, _, _ = strings.Cut(path, "?")
	d.Call(d.t, http.MethodGet, "/api/v1"+path, d.Token, nil, &rule)
	return rule
}

// byID returns the element with the ID, nil if there is none.
func (s shown) byID(id string) *html.Node {
	for n := range s.root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == id {
				return n
			}
		}
	}
	return nil
}

// part returns the text of the element with the ID, "" if there is none.
func (s shown) part(id string) string {
	if n := s.byID(id); n != nil {
		return strings.Join(strings.Fields(textOf(n)), " ")
	}
	return ""
}

// field returns what the field of a form holds.
func (s shown) field(name string) string {
	n := s.byID("f-" + name)
	if n == nil {
		return ""
	}
	if n.Data == "textarea" {
		return strings.TrimPrefix(textOf(n), "\n")
	}
	for _, a := range n.Attr {
		if a.Key == "value" {
			return a.Val
		}
	}
	return ""
}

func TestMakingARule(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.see("/rules/new", "New rule", "Create the rule")
	form := but(ruleFilledIn(), "series", `disk_used_ratio{mount!~"/boot.*"}`, "for", "5m", "open_at", "80 %", "close_at", "0.5", "bounds.min", "0", "bounds.max", "100 %",
		"severity", "critical", "labels", "team=storage\nsite=berlin, tier=1")
	form["annotation_name"] = []string{"summary", "", "runbook"}
	form["annotation_text"] = []string{"{{.Value}} on {{.Labels.host}}", "", "see\r\nthe wiki"}
	answer := in.post("/rules/new", form)
	if answer.status != http.StatusSeeOther || !strings.HasSuffix(answer.location, "?done=rule-created") {
		t.Fatalf("creating: status %d to %q: %s", answer.status, answer.location, answer.text)
	}
	rule := d.savedRule(answer.location)
	switch {
	case rule.Name != "Disk fills up", rule.Series.String() != `disk_used_ratio{mount!~"/boot.*"}`, rule.Limit != .9, rule.For.String() != "5m",
		rule.OpenAt != .8, rule.CloseAt != .5, *rule.Bounds.Min != 0, *rule.Bounds.Max != 1, rule.Severity != barograph.SeverityCritical,
		rule.Labels.String() != `{site="berlin",team="storage",tier="1"}`, len(rule.Annotations) != 2, rule.Annotations["runbook"] != "see\nthe wiki", !rule.Enabled:
		t.Errorf("saved: %+v", rule)
	}
	in.see(answer.location, "The rule was created.", "Warns when disk_used_ratio will be above 90 % within 3 d and that is at least 80 % sure", "stay so for 5 min", "critical", "storage", "see the wiki")

	path := "/rules/" + string(rule.ID)
	edit := in.see(path+"/edit", "Edit the rule")
	again := url.Values{}
	for _, name := range []string{"name", "series", "limit", "for", "horizon", "open_at", "close_at", "bounds.min", "bounds.max", "labels"} {
		again.Set(name, edit.field(name))
	}
	again["annotation_name"] = []string{edit.field("annotation-name-1"), edit.field("annotation-name-2"), ""}
	again["annotation_text"] = []string{edit.field("annotation-text-1"), edit.field("annotation-text-2"), ""}
	for name, value := range map[string]string{"operator": ">", "severity": "critical", "enabled": "on"} {
		again.Set(name, value)
	}
	in.do(path+"/edit", again)
	after := d.savedRule(path)
	if !after.SameJudgement(rule) || after.Labels.String() != rule.Labels.String() || after.Annotations["runbook"] != rule.Annotations["runbook"] || *after.Bounds != *rule.Bounds && *after.Bounds.Max != 1 {
		t.Errorf("what was saved as it was shown differs: %+v, then %+v", rule, after)
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.do("/rules/new", but(ruleFilledIn(), "name", "Taken"))
	for _, c := range []struct{ field, value, says, at string }{
		{"name", "", "is missing", "name"},
		{"name", "Taken", "taken", "name"},
		{"series", "", "Say which series", "series"},
		{"series", `disk_used_ratio{mount=}`, "expected a quoted value", "series"},
		{"series", `{mount="/"}`, "has no metric name", "series"},
		{"operator", "~", "is not one of", "operator"},
		{"limit", "", "Say where the trouble begins", "limit"},
		{"limit", "much", "is not a share: write 90 % or 0.9", "limit"},
		{"limit", "Inf", "is not a finite number", "limit"},
		{"horizon", "soon", "is not a duration", "horizon"},
		{"horizon", "3", "is not a duration", "horizon"},
		{"horizon", "10s", "is not 0s", "horizon"},
		{"for", "30d", "is not between 0s and 7d", "for"},
		{"open_at", "1.7", "is not a probability", "open_at"},
		{"open_at", "often", "is not a share", "open_at"},
		{"close_at", "0.9", "at most open_at", "close_at"},
		{"bounds.max", "some", "is not a share", "bounds.max"},
		{"severity", "fatal", "is not one of", "severity"},
		{"labels", "team", "is not a label", "labels"},
		{"labels", "9team=x", "is not [a-zA-Z_]", "labels"},
	} {
		t.Run(c.field+" "+c.value, func(t *testing.T) {
			t.Parallel()
			in := *in
			in.t = t
			answer := in.post("/rules/new", but(ruleFilledIn(), c.field, c.value))
			if answer.status != http.StatusUnprocessableEntity {
				t.Fatalf("status %d: %s", answer.status, answer.text)
			}
			if got := answer.part(c.at + "-problem"); !strings.Contains(got, c.says) {
				t.Errorf("beside the field it says %q; the page: %s", got, answer.text)
			}
			if got := answer.field(c.field); c.field != "operator" && c.field != "severity" && c.field != "source" && strings.TrimSpace(got) != c.value {
				t.Errorf("the field holds %q", got)
			}
			if got := answer.field("horizon"); c.field != "horizon" && got != "3d" {
				t.Errorf("the horizon is %q: what was filled in is lost", got)
			}
		})
	}
	if got := in.post("/rules/new", but(ruleFilledIn(), "source", "nowhere", "query", "up", "limit", "1")).part("source-problem"); !strings.Contains(got, "is not among the sources") {
		t.Errorf("of a source that is not there it says %q", got)
	}
	bad := ruleFilledIn()
	bad["annotation_name"] = []string{"summary", "9", "summary2", "summary2"}
	bad["annotation_text"] = []string{"{{.Nothing}}", "x", "a", "b"}
	bad.Set("bounds.min", "1")
	bad.Set("bounds.max", "0.5")
	answer := in.post("/rules/new", bad)
	for id, says := range map[string]string{"annotation-1-problem": "Nothing", "annotations-problem": "given twice", "bounds-problem": "is not below max"} {
		if got := answer.part(id); !strings.Contains(got, says) {
			t.Errorf("%s says %q: %s", id, got, answer.text)
		}
	}
}

func TestNumbersAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	for i, c := range []struct {
		metric, typed string
		limit         float64
		means         string
	}{
		{"disk_used_ratio", "0.9", .9, "above 90 %"},
		{"disk_used_ratio", "90%", .9, "above 90 %"},
		{"disk_used_ratio", "90", 90, "above 9000 %"},
		{"disk_free_bytes", "10 GiB", 10 << 30, "above 10 GiB"},
		{"disk_free_bytes", "5 GB", 5e9, "above 4.657 GiB"},
		{"network_receive_bytes_per_second", "10 MiB/s", 10 << 20, "above 10 MiB/s"},
		{"uptime_seconds", "7d", 604800, "above 7 d"},
		{"probe_rtt_seconds", "200ms", .2, "above 200 ms"},
		{"os_updates", "5e1", 50, "above 50"},
	} {
		values := but(ruleFilledIn(), "name", fmt.Sprint("rule ", i), "series", c.metric, "limit", c.typed)
		if got := in.post("/rules/preview", values).part("limit-means"); got != "Means "+c.means+"." {
			t.Errorf("%s %s: %q", c.metric, c.typed, got)
		}
		if answer := in.post("/rules/new", values); answer.status != http.StatusSeeOther {
			t.Errorf("%s %s: status %d: %s", c.metric, c.typed, answer.status, answer.text)
		} else if rule := d.savedRule(answer.location); rule.Limit != c.limit {
			t.Errorf("%s %s became %v, want %v", c.metric, c.typed, rule.Limit, c.limit)
		}
	}
}

func TestChangingARule(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	path, _, _ := strings.Cut(in.post("/rules/new", ruleFilledIn()).location, "?")
	if got := in.do(path+"/disable", nil); !strings.Contains(got.text, "The rule was disabled.") || !strings.Contains(got.text, "off") || d.savedRule(path).Enabled {
		t.Errorf("disabled: %s", got.text)
	}
	if got := in.do(path+"/enable", nil); !strings.Contains(got.text, "The rule was enabled.") || !d.savedRule(path).Enabled {
		t.Errorf("enabled: %s", got.text)
	}
	if got := in.do(path+"/delete", nil); !strings.Contains(got.text, "The rule was deleted.") {
		t.Errorf("deleted: %s", got.text)
	}
	for _, gone := range []string{path, path + "/edit"} {
		if got := in.get(gone); got.status != http.StatusNotFound {
			t.Errorf("GET %s of a rule that is gone: status %d", gone, got.status)
		}
	}
	for _, gone := range []string{"/edit", "/enable", "/restore", "/delete"} {
		if got := in.post(path+gone, ruleFilledIn()); got.status != http.StatusNotFound {
			t.Errorf("POST %s of a rule that is gone: status %d", gone, got.status)
		}
	}
}

func TestReadersChangeNoRule(t *testing.T) {
	t.Parallel()
	d := open(t)
	path, _, _ := strings.Cut(d.as(barograph.RoleOperator).post("/rules/new", ruleFilledIn()).location, "?")
	in := d.as(barograph.RoleViewer)
	for _, page := range []string{"/rules", path} {
		if body := in.see(page).body; strings.Contains(body, "/rules/new") || strings.Contains(body, path+"/") || strings.Contains(body, `<form method="post" action="/rules`) {
			t.Errorf("%s has buttons for who may not use them: %s", page, body)
		}
	}
	for _, page := range []string{"/rules/new", path + "/edit"} {
		if got := in.get(page); got.status != http.StatusForbidden {
			t.Errorf("GET %s: status %d", page, got.status)
		}
	}
	for _, page := range []string{"/rules/new", "/rules/preview", path + "/edit", path + "/enable", path + "/disable", path + "/restore", path + "/delete"} {
		if got := in.post(page, ruleFilledIn()); got.status != http.StatusForbidden {
			t.Errorf("POST %s: status %d", page, got.status)
		}
	}
	if !d.savedRule(path).Enabled {
		t.Errorf("a reader disabled a rule")
	}
}

func TestListOfRules(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	for i := range 60 {
		d.Call(t, http.MethodPost, "/api/v1/rules", d.Token, map[string]any{
			"name": fmt.Sprintf("Zeta %02d", i), "series": "m", "operator": ">", "limit": i, "enabled": i != 7,
		}, nil)
	}
	first := in.see("/rules", "Zeta 00", "Disk space", "above 90 %", "looks 3 d ahead")
	if strings.Contains(first.text, "Zeta 59") {
		t.Errorf("all rules are on one page")
	}
	second := in.see("/rules?after="+afterIn(t, first), "Zeta 59")
	if strings.Contains(second.text, "Zeta 00") {
		t.Errorf("the second page begins with the first")
	}
	if got := in.see("/rules?q=ZETA+07", "Zeta 07", "off"); strings.Contains(got.text, "Zeta 08") {
		t.Errorf("the search finds others")
	}
	if got := in.see("/rules?state=off", "Zeta 07"); strings.Contains(got.text, "Zeta 08") {
		t.Errorf("among those that are off: %s", got.text)
	}
	in.see("/rules?state=demoted", "No rule is like that", "Show all rules")
}

// afterIn returns what the way to the next page says.
func afterIn(t *testing.T, page shown) string {
	t.Helper()
	_, rest, found := strings.Cut(page.body, "after=")
	if !found {
		t.Fatalf("no way to the next page: %s", page.text)
	}
	return rest[:strings.IndexAny(rest, `&"`)]
}

func TestHostileRule(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	const script, image = `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`
	for i, text := range []string{script, image, "\u202Etxt.exe", strings.Repeat("long ", 2000)} {
		values := but(ruleFilledIn(), "name", clipped(fmt.Sprint(i, " ", text), 200), "series", `disk_used_ratio{mount=`+fmt.Sprintf("%q", text[:min(len(text), 900)])+`}`, "labels", "team="+clipped(text, 500))
		values["annotation_name"], values["annotation_text"] = []string{"summary"}, []string{clipped(text, 4000)}
		answer := in.post("/rules/new", values)
		var pages []shown
		if answer.status == http.StatusSeeOther {
			path, _, _ := strings.Cut(answer.location, "?")
			pages = append(pages, in.see(path), in.see(path+"/edit"), in.see("/rules"))
		}
		pages = append(pages, answer, in.post("/rules/preview", values))
		values.Set("series", text+"\x00")
		values.Set("limit", text)
		values.Set("name", text+"\x00")
		pages = append(pages, in.post("/rules/new", values), in.get("/rules/new?from_series="+url.QueryEscape(text)), in.get("/rules?q="+url.QueryEscape(text)))
		for _, page := range pages {
			if page.status >= 500 {
				t.Errorf("%.20q: status %d: %s", text, page.status, page.text)
			}
			if strings.Contains(page.body, script) || strings.Contains(page.body, "<img src=x") || strings.ContainsRune(page.body, 0) {
				t.Errorf("%.20q is not text: %s", text, page.body)
			}
		}
	}
}

func clipped(text string, most int) string { return text[:min(len(text), most)] }

func TestRuleOfASeries(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	page := in.see("/rules/new?from_series=" + url.QueryEscape(`disk_used_ratio{host="db-1",mount="/"}`))
	if got := page.field("series"); got != `disk_used_ratio{host="db-1",mount="/"}` {
		t.Errorf("the series is %q", got)
	}
	if got := page.field("name"); got != "disk used ratio on db-1 (mount=/)" {
		t.Errorf("the name is %q", got)
	}
	if got := in.see("/rules/new?from_series={").part("series-problem"); !strings.Contains(got, "expected a label name") {
		t.Errorf("a series that is none: %q", got)
	}
}

func TestDemotedRule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	d := &desk{harness.Start(t, app.Options{Config: cfg, Bare: true, Dir: dir}), t}
	in := d.as(barograph.RoleOperator)
	path, _, _ := strings.Cut(in.post("/rules/new", ruleFilledIn()).location, "?")
	rule := d.savedRule(path)
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Record(t.Context(), falseAlarms(rule)); err != nil {
		t.Fatal(err)
	}
	in.see(path, "demoted", "2 of 20 came true", "once a day in a digest", "Restore", "right 2 of 20", "Was it as sure as it was right?", "85 %", "All predictions of this rule")
	in.see("/rules?state=demoted", rule.Name, "10 %", "2 of 20")
	if got := in.do(path+"/restore", nil); !strings.Contains(got.text, "The rule was restored.") || strings.Contains(got.text, "once a day") {
		t.Errorf("restored: %s", got.text)
	}
	if d.savedRule(path).Demoted != nil {
		t.Errorf("it is demoted still")
	}
}

// falseAlarms is a history in which two of twenty predictions came true.
func falseAlarms(rule barograph.Rule) barograph.Change {
	now := time.Now().UTC().Truncate(time.Second)
	c := barograph.Change{Standings: []barograph.RuleStanding{{
		RuleID: rule.ID, At: now, Demoted: &barograph.Demotion{At: now, Confirmed: 2, Scored: 20, Reason: "2 of 20 came true"},
	}}}
	for i := range 20 {
		opened := now.Add(-time.Duration(30-i) * barograph.Day)
		said := barograph.Announcement{At: opened, Probability: .85, ETA: barograph.ETA{Early: opened, Median: opened, Late: opened}}
		p := barograph.Prediction{
			ID: barograph.PredictionID(barograph.NewID("prd", opened)), RuleID: rule.ID, RuleName: rule.Name, Severity: rule.Severity,
			Series: barograph.Series{Metric: rule.Series.Metric}, State: barograph.PredictionExpired,
			OpenedAt: opened, ClosedAt: opened.Add(time.Hour), First: said, Latest: said,
		}
		if i < 2 {
			p.State, p.Lead = barograph.PredictionConfirmed, barograph.Duration(time.Hour)
		}
		c.Predictions = append(c.Predictions, p)
	}
	return c
}
