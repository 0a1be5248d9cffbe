package web_test

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// nastyNames are what a page has to show as text.
func nastyNames() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "\u202egnp.exe", `' onmouseover='x`, `{{.Secret}}`, `</textarea><b>x`, `--><i>`,
	}
}

// addTarget adds a target that is paused, so that nothing but the test measures it.
func (d *desk) addTarget(fields map[string]any) barograph.Target {
	d.t.Helper()
	all := map[string]any{"kind": "icmp", "address": "192.0.2.1", "enabled": false}
	maps.Copy(all, fields)
	var made barograph.Target
	d.Call(d.t, http.MethodPost, "/api/v1/targets", d.Token, all, &made)
	return made
}

// measureAs writes what a round of the target measured; a phase follows a slash.
func (d *desk) measureAs(t barograph.Target, at time.Time, values map[string]float64) {
	d.t.Helper()
	var lines strings.Builder
	for metric, value := range values {
		name, phase, _ := strings.Cut(metric, "/")
		labels := ""
		if phase != "" {
			labels = ",phase=" + phase
		}
		fmt.Fprintf(&lines, "%s,kind=%s,target=%s%s value=%g %d\n", name, t.Kind, strings.NewReplacer(" ", `\ `, ",", `\,`, "=", `\=`).Replace(t.Name), labels, value, at.UnixMilli())
	}
	d.Call(d.t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
}

func TestTargetForm(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.see("/targets", "There are no targets yet", "Add the first target")
	in.see("/targets/new?kind=tcp&address=127.0.0.1:9", "Options of http")
	shown := in.do("/targets/new", url.Values{
		"kind": {"http"}, "address": {"http://127.0.0.1:9/"}, "interval": {"1h"}, "labels": {"site=berlin, team=web"}, "enabled": {"on"},
		"options.method": {"HEAD"}, "options.status_codes": {"200, 301"}, "options.body_match": {"ok|fine"}, "options.dns_server": {"never sent"}, "count": {"x"},
	})
	for _, want := range []string{"The target was created.", "http://127.0.0.1:9/", "HEAD", "200, 301", "ok|fine", "site=berlin", "1 h"} {
		if !strings.Contains(shown.text, want) {
			t.Errorf("%q is not on the new target's page: %s", want, shown.text)
		}
	}
	var all struct{ Items []barograph.Target }
	d.Call(t, http.MethodGet, "/api/v1/targets", d.Token, nil, &all)
	if len(all.Items) != 1 || all.Items[0].Name != "http://127.0.0.1:9/" || all.Items[0].Options.DNSServer != "" || !all.Items[0].Enabled {
		t.Fatalf("made was %+v", all.Items)
	}
	path := "/targets/" + string(all.Items[0].ID)
	edit := in.see(path + "/edit")
	for _, want := range []string{`value="200, 301"`, `value="1h"`, "site=berlin\nteam=web", `<option value="HEAD" selected>`, `<option value="http" selected>`} {
		if !strings.Contains(edit.body, want) {
			t.Errorf("%s is not in the form", want)
		}
	}
	in.do(path+"/edit", url.Values{"kind": {"tcp"}, "address": {"127.0.0.1:9"}, "name": {"nine"}})
	in.see(path, "nine", "paused", "tcp")
	in.do(path+"/resume", nil)
	if text := in.do(path+"/pause", nil).text; !strings.Contains(text, "The target was paused.") || !strings.Contains(text, "Resume") {
		t.Errorf("after pausing: %s", text)
	}
	if text := in.do(path+"/delete", nil).text; !strings.Contains(text, "The target was deleted.") || !strings.Contains(text, "There are no targets yet") {
		t.Errorf("after deleting: %s", text)
	}
	if answer := in.get(path); answer.status != http.StatusNotFound {
		t.Errorf("the deleted one: %d", answer.status)
	}
}

func TestTargetFormRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.addTarget(map[string]any{"name": "taken"})
	in := d.as(barograph.RoleOperator)
	for field, values := range map[string]url.Values{
		"address":              {"kind": {"tcp"}, "address": {"no-port"}},
		"kind":                 {"kind": {"smtp"}, "address": {"a"}},
		"interval":             {"kind": {"icmp"}, "address": {"a"}, "interval": {"soon"}},
		"timeout":              {"kind": {"icmp"}, "address": {"a"}, "interval": {"1s"}, "timeout": {"1h"}},
		"count":                {"kind": {"icmp"}, "address": {"a"}, "count": {"many"}},
		"labels":               {"kind": {"icmp"}, "address": {"a"}, "labels": {"no value"}},
		"name":                 {"kind": {"icmp"}, "address": {"a"}, "name": {"taken"}},
		"options.status_codes": {"kind": {"http"}, "address": {"http://a/"}, "options.status_codes": {"200 999"}},
		"options.body_match":   {"kind": {"http"}, "address": {"http://a/"}, "options.body_match": {"("}},
		"options.dns_server":   {"kind": {"dns"}, "address": {"a"}, "options.dns_server": {"::"}},
		"options.expect":       {"kind": {"dns"}, "address": {"a"}, "options.expect": {strings.Repeat("x", 20_000)}},
	} {
		values.Set("options.server_name", "kept.example")
		answer := in.post("/targets/new", values)
		if answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.body, `id="`+field+`-problem"`) {
			t.Errorf("%s: status %d without a problem beside the field: %s", field, answer.status, answer.text)
		}
		if !strings.Contains(answer.body, `value="kept.example"`) {
			t.Errorf("%s: what was filled in elsewhere is gone", field)
		}
	}
}

func TestTargetsOfEachState(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close) // after the server, which lets go of it
	d, now := open(t), time.Now()
	state := map[string]float64{"up": 0, "lossy": .25, "down": 1}
	for name, loss := range state {
		// What the server measures itself comes when the test is long over.
		one := d.addTarget(map[string]any{"name": name, "kind": "http", "enabled": true, "interval": "1d", "timeout": "10m", "address": slow.URL})
		d.measureAs(one, now, map[string]float64{"probe_loss_ratio": loss, "probe_rtt_seconds": .0123, "probe_jitter_seconds": .002, "probe_certificate_expires_in_seconds": 40 * 86400})
	}
	d.addTarget(map[string]any{"name": "resting", "kind": "tcp", "address": "192.0.2.1:9"})
	in := d.as(barograph.RoleViewer)
	harness.Eventually(t, time.Minute, func() string {
		if text := in.get("/targets").text; !strings.Contains(text, "down 1 loss 1 up 1") {
			return text
		}
		return ""
	})
	for filter, want := range map[string]string{
		"state=up": "up", "state=loss": "lossy", "state=down": "down", "state=paused": "resting", "kind=tcp": "resting", "q=RESTING": "resting", "q=:9": "resting",
	} {
		shown := in.see("/targets?" + filter)
		if found := rowHeads(shown); !slices.Equal(found, []string{want}) {
			t.Errorf("%s shows %q, want %s", filter, found, want)
		}
	}
	text := in.see("/targets").text
	for _, want := range []string{"12.3 ms", "25 %", "2 ms", "40 d"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	in.see("/targets?q=nothing-like-it", "No target is like that")
	if strings.Contains(in.see("/targets").body, "/targets/new") {
		t.Error("a viewer is offered to add targets")
	}
}

// rowHeads returns what the rows of the page's table are called.
func rowHeads(s shown) []string {
	var heads []string
	for part := range strings.SplitSeq(s.body, `<th scope="row"><a href="`) {
		if _, name, ok := strings.Cut(part, "<bdi>"); ok && strings.HasPrefix(part, "/targets/") {
			name, _, _ = strings.Cut(name, "</bdi>")
			heads = append(heads, name)
		}
	}
	return heads
}

func TestTargetPage(t *testing.T) {
	t.Parallel()
	d, now := open(t), time.Now().Truncate(time.Second)
	ping := d.addTarget(map[string]any{"name": "ping me", "labels": map[string]string{"site": "b"}})
	call := d.addTarget(map[string]any{"name": "call", "kind": "http", "address": "https://192.0.2.1/"})
	for i := range 60 {
		at := now.Add(-time.Duration(i) * 30 * time.Second)
		loss := 0.
		if i%10 == 0 {
			loss = .5
		}
		d.measureAs(ping, at, map[string]float64{
			"probe_loss_ratio": loss, "probe_rtt_seconds": .010, "probe_rtt_best_seconds": .008, "probe_rtt_worst_seconds": .020, "probe_jitter_seconds": .003, "probe_duplicate_ratio": .01,
		})
		d.measureAs(call, at, map[string]float64{
			"probe_loss_ratio": 0, "probe_rtt_seconds": .1, "probe_certificate_expires_in_seconds": 5 * 86400,
			"probe_duration_seconds/dns": .01, "probe_duration_seconds/connect": .02, "probe_duration_seconds/tls": .03, "probe_duration_seconds/first_byte": .04,
		})
	}
	in := d.as(barograph.RoleOperator)
	path := "/targets/" + string(ping.ID)
	shown := in.see(path, "ping me", "paused", "usually 10 ms there and back, from 8 ms to 20 ms; 5 % lost", "3 ms on average", "1 % came twice", "The same as a table", "make a rule for the jitter")
	if !strings.Contains(shown.body, "chart-smoke") || !strings.Contains(shown.body, "chart-loss-3") {
		t.Error("there is no smoke, or no colour of loss")
	}
	wantLink := "/rules/new?from_series=" + url.QueryEscape(`probe_rtt_seconds{kind="icmp",site="b",target="ping me"}`)
	if !strings.Contains(html.UnescapeString(shown.body), wantLink) {
		t.Errorf("no link %s", wantLink)
	}
	for _, name := range []string{"3h", "1d", "7d", "30d", "400d", "36h"} {
		in.see(path+"?range="+name, "there and back")
	}
	in.see("/targets/"+string(call.ID), "TLS handshake", "30 %", "5 d", "Where the time goes", "make a rule for the certificate")
	if viewer := d.as(barograph.RoleViewer).see(path); strings.Contains(viewer.body, "/delete") || strings.Contains(viewer.body, "/rules/new") {
		t.Error("a viewer is offered what he may not do")
	}
}

// upload sends a file and fields as a browser does.
func (b *browser) upload(path, name string, file []byte, fields map[string]string) shown {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for field, value := range fields {
		if err := form.WriteField(field, value); err != nil {
			b.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("upload", name)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		b.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.send(http.MethodPost, path, form.FormDataContentType(), &body)
}

func TestImportTargets(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.addTarget(map[string]any{"name": "gateway", "address": "192.0.2.7"})
	in := d.as(barograph.RoleOperator)
	file := "global_settings: {probes: 3, interval: 1h}\ntargets: [192.0.2.7, 192.0.2.8, host.example]\n"
	plan := in.upload("/targets/import", "office.yaml", []byte(file), nil)
	for _, want := range []string{"2 targets to add", "1 is there already", "as gateway, it is left alone", "Add 2 targets", "192.0.2.8", "host.example"} {
		if !strings.Contains(plan.text, want) {
			t.Errorf("%q is not in the plan: %s", want, plan.text)
		}
	}
	if n := countTargets(d); n != 1 {
		t.Errorf("looking at it added %d targets", n-1)
	}
	done := in.do("/targets/import", url.Values{"yaml": {file}, "name": {"office.yaml"}, "do": {"add"}})
	if !strings.Contains(done.text, "The targets were added.") || countTargets(d) != 3 {
		t.Errorf("after adding there are %d: %s", countTargets(d), done.text)
	}
	again := in.post("/targets/import", url.Values{"yaml": {file}})
	if !strings.Contains(again.text, "Nothing to add") || !strings.Contains(again.text, "3 are there already") {
		t.Errorf("again: %s", again.text)
	}
	if empty := in.post("/targets/import", url.Values{"yaml": {" \n"}}); empty.status != http.StatusUnprocessableEntity || !strings.Contains(empty.body, "yaml-problem") {
		t.Errorf("nothing at all: %d", empty.status)
	}
}

func countTargets(d *desk) int {
	d.t.Helper()
	var all struct{ Items []barograph.Target }
	d.Call(d.t, http.MethodGet, "/api/v1/targets?limit=1000", d.Token, nil, &all)
	return len(all.Items)
}

// TestImportShowsMistakesAtTheirLines: also in files that are long or hostile.
func TestImportShowsMistakesAtTheirLines(t *testing.T) {
	t.Parallel()
	in := open(t).as(barograph.RoleOperator)
	bad := "global_settings:\n  probes: many\ntargets:\n  - good.example\n  - http://bad.example/\n  - good.example\n"
	answer := in.post("/targets/import", url.Values{"yaml": {strings.ReplaceAll(bad, "\n", "\r\n")}})
	if answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.text, "3 mistakes in what was pasted") {
		t.Errorf("%d: %s", answer.status, answer.text)
	}
	for _, want := range []string{
		`id="line-2"`, `id="line-5"`, `id="line-6"`, "Column 11: <bdi>probes is", "is given twice, first in line 4", ">  - http://bad.example/</code>",
	} {
		if !strings.Contains(answer.body, want) {
			t.Errorf("%s is not in %s", want, answer.body)
		}
	}
	if strings.Contains(answer.body, `id="line-4"`) {
		t.Error("a good line is marked")
	}
	if !strings.Contains(answer.body, "\n"+bad+"</textarea>") && !strings.Contains(answer.body, strings.ReplaceAll(bad, "\n", "\r\n")+"</textarea>") {
		t.Error("what was pasted does not come back")
	}
	long := in.upload("/targets/import", "long.yaml", []byte("targets:\n"+strings.Repeat("  - 1.2.3\n", 1)+strings.Repeat("# x\n", 3000)+"  - 4.5.6\n"), nil)
	if !strings.Contains(long.text, "lines …") || !strings.Contains(long.body, `id="line-3003"`) || len(long.body) > 60_000 {
		t.Errorf("a long file: %d bytes, %.2000s", len(long.body), long.text)
	}
	for _, hostile := range append(nastyNames(), strings.Repeat("x", 10_000), "a\x00b\x1b[31m") {
		for _, answer := range []shown{
			in.post("/targets/import", url.Values{"yaml": {"targets: [" + hostile + "/]\n"}, "name": {hostile}}),
			in.upload("/run", hostile+".yaml", []byte("targets: ["+hostile+"/]\n"), nil),
		} {
			if answer.status != http.StatusUnprocessableEntity {
				t.Errorf("%.30q: status %d", hostile, answer.status)
			}
			shownAsText(t, answer, hostile)
		}
	}
	if answer := in.post("/targets/import", url.Values{"yaml": {"targets: [a\x1b[31m/]\n"}, "name": {"b\x1b[1m"}}); !strings.Contains(answer.body, "b␛[1m") {
		t.Errorf("a control character of a name is not shown: %s", answer.text)
	}
}

// shownAsText fails the test if a hostile text became markup.
func shownAsText(t *testing.T, s shown, hostile string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", "<b>x", "<i>", "' onmouseover='", "\x00"} {
		if strings.Contains(s.body, bad) {
			t.Errorf("%.40q became markup: %s", hostile, bad)
		}
	}
}

func TestTargetsOfHostileNames(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	for i, hostile := range nastyNames() {
		one := d.addTarget(map[string]any{"name": hostile, "labels": map[string]string{"l": hostile}, "kind": "http", "address": "http://192.0.2.1/" + fmt.Sprint(i), "options": map[string]any{"body_match": regexpOf(hostile)}})
		for _, path := range []string{"/targets/" + string(one.ID), "/targets/" + string(one.ID) + "/edit"} {
			shownAsText(t, in.see(path), hostile)
		}
	}
	shownAsText(t, in.see("/targets"), "the list")
	shownAsText(t, in.see("/targets?q="+url.QueryEscape(nastyNames()[0])), "the filter")
}

func regexpOf(text string) string {
	return strings.NewReplacer("(", `\(`, ")", `\)`, "{", `\{`, ".", `\.`).Replace(text)
}

// fillTargets has each target of a large fleet measure for ten minutes.
func fillTargets(tb testing.TB, d *desk, until time.Time) {
	tb.Helper()
	for _, ago := range []time.Duration{10 * time.Minute, 8 * time.Minute, 6 * time.Minute, 4 * time.Minute, 2 * time.Minute, 0} {
		var lines strings.Builder
		for n := range manyTargets {
			for _, metric := range []string{"probe_loss_ratio", "probe_rtt_seconds", "probe_certificate_expires_in_seconds"} {
				fmt.Fprintf(&lines, "%s,kind=http,target=target-%04d.example.com value=0.5 %d\n", metric, n, until.Add(-ago).UnixMilli())
			}
		}
		d.Call(tb, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
	}
}
