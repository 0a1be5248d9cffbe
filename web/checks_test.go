package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// checkFilledIn is a form that is right.
func checkFilledIn() url.Values {
	return url.Values{
		"name": {"zombies"}, "command": {"ps -A -o stat= |\r\ngrep -c '^Z'"}, "interval": {"5m"}, "timeout": {"20s"},
		"labels": {"team=ops"}, "matchers": {`{role=~"w.*"}`}, "enabled": {"on"},
	}
}

func (d *desk) savedCheck(path string) barograph.Check {
	d.t.Helper()
	var c barograph.Check
	d.Call(d.t, http.MethodGet, "/api/v1"+strings.SplitN(path, "?", 2)[0], d.Token, nil, &c)
	return c
}

func TestMakeAndChangeCheck(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	d.enrol("web-1", map[string]string{"role": "web"})
	d.enrol("db-1", map[string]string{"role": "db"})
	made := in.post("/checks/new", checkFilledIn())
	if made.status != http.StatusSeeOther {
		t.Fatalf("a check: %d %s", made.status, made.text)
	}
	path, _, _ := strings.Cut(made.location, "?")
	got := d.savedCheck(path)
	if got.Name != "zombies" || got.Command != "ps -A -o stat= |\ngrep -c '^Z'" || got.Interval != barograph.Duration(5*time.Minute) ||
		got.Timeout != barograph.Duration(20*time.Second) || got.Labels.Get("team") != "ops" || got.Matchers.String() != `{role=~"w.*"}` || !got.Enabled {
		t.Errorf("saved is %+v", got)
	}
	in.see(made.location, "The check was created.", "zombies", "1 host", "web-1", "host not heard yet", `{role=~"w.*"}`, "team=ops")
	in.see("/checks", "zombies", "5m", "1 host")

	form := in.see(path + "/edit")
	for _, kept := range []string{`value="zombies"`, `value="5m"`, `value="20s"`, "team=ops</textarea>", "{role=~&#34;w.*&#34;}</textarea>", " checked"} {
		if !strings.Contains(form.body, kept) {
			t.Errorf("%q is not in the form", kept)
		}
	}
	changed := checkFilledIn()
	changed.Set("matchers", "role=db")
	changed.Set("collector", "disk")
	changed.Del("enabled")
	in.do(path+"/edit", changed)
	if got := d.savedCheck(path); got.Enabled || got.Collector != "disk" || got.Matchers.String() != `{role="db"}` {
		t.Errorf("after the change: %+v", got)
	}
	in.see("/checks?state=off", "zombies")
	in.see("/checks?state=on&q=zombies", "No check is like that.")
	if answer := in.do(path+"/enable", nil); !strings.Contains(answer.text, "The check was enabled.") || !d.savedCheck(path).Enabled {
		t.Errorf("after enabling: %s", answer.text)
	}
	if answer := in.do(path+"/disable", nil); !strings.Contains(answer.text, "The check was disabled.") || d.savedCheck(path).Enabled {
		t.Errorf("after disabling: %s", answer.text)
	}
	if got := d.savedCheck(path); got.Command == "" || got.Matchers.String() != `{role="db"}` || got.Timeout != barograph.Duration(20*time.Second) {
		t.Errorf("disabling changed more: %+v", got)
	}
	if answer := in.do(path+"/delete", nil); !strings.Contains(answer.text, "The check was deleted.") {
		t.Errorf("after deleting: %s", answer.text)
	}
	if answer := in.get(path); answer.status != http.StatusNotFound {
		t.Errorf("a deleted check: %d", answer.status)
	}
}

func TestCheckOfACollectorNeedsNoMore(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	old := regexp.MustCompile(`/checks/chk_[a-z0-9]+`).FindString(in.see("/checks?q=uptime").body)
	in.do(old+"/delete", nil)
	made := in.post("/checks/new", url.Values{"collector": {"uptime"}, "interval": {"10s"}, "enabled": {"on"}})
	if made.status != http.StatusSeeOther {
		t.Fatalf("%d %s", made.status, made.text)
	}
	if got := d.savedCheck(made.location); got.Name != "uptime" || got.Timeout != barograph.Duration(10*time.Second) || len(got.Matchers) != 0 {
		t.Errorf("saved is %+v", got)
	}
}

func TestBadChecks(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.do("/checks/new", checkFilledIn())
	for name, test := range map[string]struct {
		field, value string
		wrong        []string // fields
	}{
		"no name":                {"name", "", []string{"name"}},
		"a name with a space":    {"name", "a b", []string{"name"}},
		"a name that is taken":   {"name", "zombies", []string{"name"}},
		"no command":             {"command", " ", []string{"command"}},
		"a long command":         {"command", strings.Repeat("x", 9000), []string{"command"}},
		"a NUL":                  {"command", "a\x00b", []string{"command"}},
		"no collector":           {"collector", "nonsense", []string{"collector"}},
		"no duration":            {"interval", "soon", []string{"interval"}},
		"too often":              {"interval", "1ms", []string{"interval", "timeout"}},
		"longer than its turn":   {"timeout", "1h", []string{"timeout"}},
		"no timeout":             {"timeout", "x", []string{"timeout"}},
		"no label":               {"labels", "team", []string{"labels"}},
		"a label that is ours":   {"labels", "host=a", []string{"labels"}},
		"no matchers":            {"matchers", `{role=`, []string{"matchers"}},
		"a pattern that is none": {"matchers", `{role=~"("}`, []string{"matchers"}},
	} {
		values := checkFilledIn()
		values.Set("name", "other")
		values.Set(test.field, test.value)
		answer := in.post("/checks/new", values)
		var wrong []string
		for _, m := range regexp.MustCompile(`class="problem" id="([a-z]+)-problem"`).FindAllStringSubmatch(answer.body, -1) {
			wrong = append(wrong, m[1])
		}
		if answer.status != http.StatusUnprocessableEntity || strings.Join(wrong, " ") != strings.Join(test.wrong, " ") {
			t.Errorf("%s: status %d, wrong are %q, want %q", name, answer.status, wrong, test.wrong)
		}
		if !strings.Contains(answer.body, "grep -c") && test.field != "command" {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	// All that is wrong is told at once.
	all := in.post("/checks/new", url.Values{"name": {"a b"}, "interval": {"x"}, "labels": {"y"}, "matchers": {"{"}})
	for _, field := range []string{"name", "command", "interval", "labels", "matchers"} {
		if !strings.Contains(all.body, `id="`+field+`-problem"`) {
			t.Errorf("%s is not told to be wrong: %s", field, all.text)
		}
	}
}

func TestCheckPreview(t *testing.T) {
	t.Parallel()
	d := open(t)
	h := d.enrol("web-1", map[string]string{"role": "web"})
	d.enrol("db-1", map[string]string{"role": "db"})
	in := d.as(barograph.RoleOperator)
	in.see("/checks/preview?matchers=", "2 of 2 hosts")
	in.see("/checks/preview?matchers=role%3Ddb", "1 of 2 hosts", "db-1")
	in.see("/checks/preview?matchers=role%3Dx", "None of the 2 hosts")
	in.see("/checks/preview?matchers=%7Brole%3D", "selector", "character")
	in.see("/checks/new?host="+h.id, `{host="web-1"}`, "1 of 2 hosts")
	values := checkFilledIn()
	values.Set("preview", "1")
	answer := in.post("/checks/new", values)
	if answer.status != http.StatusOK || !strings.Contains(answer.text, "1 of 2 hosts") || !strings.Contains(answer.body, "grep -c") {
		t.Errorf("a preview without script: %d %s", answer.status, answer.text)
	}
	in.see("/checks?q=zombies", "No check is like that.") // nothing was saved
	if answer := in.get("/checks/new?host=hst_none"); answer.status != http.StatusNotFound {
		t.Errorf("a check for a host that there is not: %d", answer.status)
	}
}

func TestCheckOnHosts(t *testing.T) {
	t.Parallel()
	d := openBrisk(t)
	in := d.as(barograph.RoleOperator)
	a, b, c := d.enrol("a", nil), d.enrol("b", nil), d.enrol("c", nil)
	made := in.do("/checks/new", url.Values{"name": {"zombies"}, "command": {"x"}, "interval": {"1m"}, "enabled": {"on"}})
	d.sends(a, map[string]float64{"zombies": 1}, nil)
	d.sends(b, nil, nil, barograph.CheckStatus{Check: "zombies", State: barograph.CheckRefused, Since: time.Now()})
	d.sends(c, nil, nil, barograph.CheckStatus{Check: "zombies", State: barograph.CheckFailed, Message: `<b>"no</b>` + strings.Repeat("!", 1000), Since: time.Now()})
	d.hears(a)
	path := regexp.MustCompile(`/checks/chk_[a-z0-9]+`).FindString(made.body)
	answer := in.see(path, "3 hosts", "1", "fails on 1", "not allowed on 1", "--allow-commands", "runs", "failed")
	failed, refused, runs := strings.Index(answer.text, "failed"), strings.Index(answer.text, "not allowed on this host"), strings.LastIndex(answer.text, "runs")
	if failed > refused || refused > runs {
		t.Errorf("trouble is not first: %s", answer.text)
	}
	harmless(t, answer)
	in.see("/checks?state=trouble", "zombies", "fails on 1", "not allowed on 1")
	viewer := d.as(barograph.RoleViewer).see(path, "zombies")
	for _, link := range []string{path + "/edit", path + "/disable", path + "/delete"} {
		if !strings.Contains(answer.body, link) || strings.Contains(viewer.body, link) {
			t.Errorf("%s is not shown to operators alone", link)
		}
	}
	for _, what := range []string{"edit", "enable", "disable", "delete"} {
		if answer := d.as(barograph.RoleViewer).post(path+"/"+what, nil); answer.status != http.StatusForbidden {
			t.Errorf("a viewer may %s: %d", what, answer.status)
		}
	}
}
