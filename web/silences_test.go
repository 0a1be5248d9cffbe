package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// silenceIn returns the ID of the silence that the page is about.
func silenceIn(t *testing.T, page shown) string {
	t.Helper()
	for _, form := range all(page.root, "form") {
		if to := attribute(form, "action"); strings.HasSuffix(to, "/end") {
			return path.Base(path.Dir(to))
		}
	}
	t.Fatalf("this is no page of a silence: %s", page.text)
	return ""
}

func TestSilences(t *testing.T) {
	t.Parallel()
	s := newStock(time.Now().UTC().Truncate(time.Second), asItIs, asItIs)
	d := openStocked(t, s, func(*app.Config) {})
	in := d.as(barograph.RoleOperator)
	in.see("/settings/silences", "Active", `{host="host"`)

	form := in.see("/settings/silences/new?matchers="+url.QueryEscape(`{rule="rule"}`)+"&comment=why", "1 prediction, 1 breach open now", "0 hosts")
	if got := form.kept("comment"); got != "why" {
		t.Errorf("the comment is %q", got)
	}
	in.see("/settings/silences/preview?matchers="+url.QueryEscape(`{host=~"h.*"}`), "1 prediction, 1 breach open now", "1 host , should it fall silent")
	in.see("/settings/silences/preview?matchers="+url.QueryEscape(`{role="label"}`), "1 prediction, 1 breach") // which the rule adds
	in.see("/settings/silences/preview?matchers="+url.QueryEscape(`{metric="other"}`), "Nothing that is open now")
	in.see("/settings/silences/preview", "Say what is silenced")
	in.see("/settings/silences/preview?matchers="+url.QueryEscape(`{host=~"("}`), "(")
	if got := in.post("/settings/silences/new", url.Values{"preview": {"1"}, "matchers": {"host=host"}}); got.status != http.StatusOK || !strings.Contains(got.text, "1 host") {
		t.Errorf("the preview without script: status %d: %s", got.status, got.text)
	}

	page := in.do("/settings/silences/new", url.Values{"kind": {"once"}, "matchers": {"host=host"}, "comment": {"new <b> disks"}, "ends_at": {"2h"}})
	id := silenceIn(t, page)
	for _, text := range []string{"new <b> disks", "active", "in 2 h", "The silence was created.", "What it holds back now", "End now"} {
		if !strings.Contains(page.text, text) {
			t.Errorf("%q is not in: %s", text, page.text)
		}
	}
	in.see("/settings/silences", "new <b> disks", "by operator")
	in.see("/settings", "2 active now")
	at := "/settings/silences/" + id
	edit := in.see(at + "/edit")
	if got := edit.kept("comment"); got != "new <b> disks" {
		t.Errorf("to be edited: the comment %q", got)
	}
	in.do(at+"/edit", url.Values{"kind": {"once"}, "matchers": {"host=host"}, "comment": {"the same"}, "starts_at": {edit.kept("starts_at")}, "ends_at": {"1d"}})
	in.see(at, "the same", "in 24 h")
	in.do(at+"/end", nil)
	in.see(at, "over", "It holds nothing back any more")
	in.see("/settings/silences", "Over")
	if got := in.post(at+"/edit", url.Values{"matchers": {"host=host"}, "comment": {"again"}, "ends_at": {"1d"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "make a new one") {
		t.Errorf("changing one that is over: status %d: %s", got.status, got.text)
	}
	in.do(at+"/end", nil)
	if got := in.get(at); got.status != http.StatusNotFound {
		t.Errorf("after it was removed: status %d", got.status)
	}
}

func TestMaintenanceWindow(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.zone = "Europe/Berlin"
	if got := in.see("/settings/silences/new").kept("recurs.time_zone"); got != "Europe/Berlin" {
		t.Errorf("the time zone is %q, not the visitor's", got)
	}
	day := strings.ToLower(time.Now().AddDate(0, 0, 3).Weekday().String()[:3])
	window := url.Values{
		"kind": {"window"}, "matchers": {`{rule=~"Disk.*"}`}, "comment": {"backups"}, "ends_at": {"2h"},
		"recurs.weekdays": {day}, "recurs.at": {"02:00"}, "recurs.duration": {"3h"}, "recurs.time_zone": {"Europe/Berlin"},
	}
	page := in.do("/settings/silences/new", window)
	for _, text := range []string{"between windows", "from 02:00 for 3h (Europe/Berlin)", "Next time", "Ends never"} {
		if !strings.Contains(page.text, text) {
			t.Errorf("%q is not in: %s", text, page.text)
		}
	}
	at := "/settings/silences/" + silenceIn(t, page)
	edit := in.see(at + "/edit")
	boxes := 0
	for _, box := range all(edit.root, "input") {
		if hasAttribute(box, "checked") {
			boxes++
		}
	}
	if boxes != 1 || edit.kept("recurs.at") != "02:00" || edit.kept("recurs.duration") != "3h" {
		t.Errorf("to be edited: %d days, at %q for %q", boxes, edit.kept("recurs.at"), edit.kept("recurs.duration"))
	}
	window.Set("until", "10d")
	in.do(at+"/edit", window)
	in.see(at, "in 10 d")
	in.see("/settings/silences", "Coming", "backups")
}

func TestWrongSilences(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	good := url.Values{"kind": {"once"}, "matchers": {"host=a"}, "comment": {"why"}, "ends_at": {"2h"}}
	window := url.Values{
		"kind": {"window"}, "matchers": {"host=a"}, "comment": {"why"}, "recurs.weekdays": {"sat"}, "recurs.at": {"02:00"}, "recurs.duration": {"3h"}, "recurs.time_zone": {"UTC"},
	}
	for _, c := range []struct {
		form                  url.Values
		field, value, problem string
	}{
		{good, "matchers", "", "say what is silenced"},
		{good, "matchers", `{host=~"("}`, "("},
		{good, "comment", " ", "say why"},
		{good, "ends_at", "", "missing"},
		{good, "ends_at", "soon", "neither a length nor a time"},
		{good, "ends_at", "-2h", "above 0s"},
		{good, "ends_at", "2020-01-01T00:00", "is not after"},
		{good, "starts_at", "noon", "not a time"},
		{window, "recurs.at", "2 am", "time of day"},
		{window, "recurs.duration", "25h", "1d"},
		{window, "recurs.duration", "long", "not a duration"},
		{window, "recurs.time_zone", "Berlin", "time zone"},
		{window, "recurs.weekdays", "someday", "not one of"},
		{window, "until", "2020-01-01T00:00", "is not after"},
	} {
		form := maps.Clone(c.form)
		form.Set(c.field, c.value)
		answer := in.post("/settings/silences/new", form)
		if answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.problemOf(c.field), c.problem) {
			t.Errorf("%s=%q: status %d, %q beside the field; %s", c.field, c.value, answer.status, answer.problemOf(c.field), answer.text)
		}
		if c.field != "comment" && answer.kept("comment") != "why" {
			t.Errorf("%s=%q: what was filled in is lost", c.field, c.value)
		}
	}
	// All at once.
	answer := in.post("/settings/silences/new", url.Values{"ends_at": {"soon"}})
	for _, field := range []string{"matchers", "comment", "ends_at"} {
		if answer.problemOf(field) == "" {
			t.Errorf("nothing beside %s", field)
		}
	}
	in.see("/settings/silences", "Nothing is silenced now")
}
