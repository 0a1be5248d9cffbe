package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/test/harness"
)

// enrolled is a host with its key.
type enrolled struct {
	id   string
	name string
	key  barograph.Secret
}

func (d *desk) enrol(name string, labels map[string]string) enrolled {
	d.t.Helper()
	var made struct {
		Host struct{ ID string }
		ID   string
		Key  barograph.Secret
	}
	if labels == nil {
		labels = map[string]string{}
	}
	d.Call(d.t, http.MethodPost, "/api/v1/hosts", d.Token, map[string]any{"name": name, "labels": labels}, &made)
	return enrolled{id: made.Host.ID + made.ID, name: name, key: made.Key}
}

// sends submits values as the host's agent does, and what it says of its checks.
func (d *desk) sends(h enrolled, values map[string]float64, labels map[string]string, statuses ...barograph.CheckStatus) {
	d.t.Helper()
	var samples []map[string]any
	for metric, v := range values {
		samples = append(samples, map[string]any{"metric": metric, "labels": labels, "time": time.Now().UnixMilli(), "value": v})
	}
	body := map[string]any{"id": "1", "samples": samples, "statuses": statuses, "has_statuses": true}
	d.Call(d.t, http.MethodPost, "/api/v1/samples", h.key, body, nil)
}

// hears waits until it is noted that the host was heard.
func (d *desk) hears(h enrolled) {
	d.t.Helper()
	harness.Eventually(d.t, time.Minute, func() string {
		var host barograph.Host
		d.Call(d.t, http.MethodGet, "/api/v1/hosts/"+h.id, d.Token, nil, &host)
		if host.LastSeen.IsZero() {
			return h.name + " was never heard"
		}
		return ""
	})
}

func TestHostsAreListed(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleViewer)
	in.see("/hosts", "There are no hosts yet.")
	if answer := in.see("/hosts"); strings.Contains(answer.body, "/hosts/new") {
		t.Error("a viewer is shown how to add a host")
	}
	web := d.enrol("web-1", map[string]string{"role": "web", "os": "debian"})
	d.enrol("db-1", map[string]string{"role": "db"})
	d.sends(web, map[string]float64{"os_updates": 12, "os_updates_security": 3, "os_updates_index_age_seconds": 86400 * 4}, nil,
		barograph.CheckStatus{Check: "zombies", State: barograph.CheckRefused, Message: "no", Since: time.Now()},
		barograph.CheckStatus{Check: "queue", State: barograph.CheckFailed, Message: "no number", Since: time.Now()})
	d.sends(web, map[string]float64{"disk_used_ratio": .61}, map[string]string{"mount": "/"})
	d.sends(web, map[string]float64{"disk_used_ratio": .875}, map[string]string{"mount": "/var"},
		barograph.CheckStatus{Check: "zombies", State: barograph.CheckRefused, Message: "no", Since: time.Now()},
		barograph.CheckStatus{Check: "queue", State: barograph.CheckFailed, Message: "no number", Since: time.Now()})
	in.see("/hosts", "2 hosts", "web-1", "role=web", "12 pending", "3 for security", "as of 4 d ago", "old index", "87.5 % of /var", "1 check fails", "1 check not allowed", "never heard")
	for query, want := range map[string][]string{
		"":                                    {"db-1", "web-1"},
		"sort=updates":                        {"web-1", "db-1"},
		"sort=disk":                           {"web-1", "db-1"},
		"sort=trouble":                        {"web-1", "db-1"},
		"sort=seen":                           {"db-1", "web-1"},
		"sort=new":                            {"db-1", "web-1"},
		"sort=nonsense":                       {"db-1", "web-1"},
		"q=WEB":                               {"web-1"},
		"q=os%3Ddeb":                          {"web-1"},
		"q=nothing":                           {},
		"labels=role%3Ddb":                    {"db-1"},
		"labels=%7Brole%3D~%22w.*%22%7D":      {"web-1"},
		"labels=host%3Dweb-1,+role%3Dweb":     {"web-1"},
		"labels=host%3D~%22w.*%22":            {"web-1"},
		"labels=role%21%3D%22web%22":          {"db-1"},
		"silent=1":                            {},
		"after=hst_gone":                      {"db-1", "web-1"},
		"q=web&labels=role%3Ddb&sort=updates": {},
	} {
		answer := in.see("/hosts?" + query)
		var got []string
		for _, m := range regexp.MustCompile(`<a href="/hosts/hst_[^"]*"><bdi>([^<]*)<`).FindAllStringSubmatch(answer.body, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("/hosts?%s lists %q, want %q", query, got, want)
		}
	}
	wrong := in.get("/hosts?labels=" + url.QueryEscape(`{role=~"("}`))
	if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.body, `id="labels-problem"`) || !strings.Contains(wrong.body, "role=~") {
		t.Errorf("labels that can't be read: %d %s", wrong.status, wrong.text)
	}
}

func TestManyHostsArePaged(t *testing.T) {
	t.Parallel()
	d := open(t)
	const hosts = 120
	for i := range hosts {
		d.enrol(fmt.Sprintf("host-%03d", i), map[string]string{"n": "x"})
	}
	in := d.as(barograph.RoleViewer)
	seen, path := 0, "/hosts?q=host&labels=n%3Dx&sort=seen"
	for range 4 {
		answer := in.see(path)
		seen += len(regexp.MustCompile(`<th scope="row"><a href="/hosts/hst_`).FindAllString(answer.body, -1))
		next := regexp.MustCompile(`href="(/hosts\?[^"]*after=[^"]*)" rel="next"`).FindStringSubmatch(answer.body)
		if next == nil {
			path = ""
			break
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	if seen != hosts || path != "" {
		t.Errorf("%d of %d hosts on the pages, and then %q", seen, hosts, path)
	}
}

func TestAddHost(t *testing.T) {
	t.Parallel()
	d := openBrisk(t)
	in := d.as(barograph.RoleOperator)
	bad := in.post("/hosts/new", url.Values{"name": {" "}, "labels": {"role"}})
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `id="name-problem"`) || !strings.Contains(bad.body, `id="labels-problem"`) {
		t.Errorf("a bad host: %d %s", bad.status, bad.text)
	}
	if !strings.Contains(bad.body, "role</textarea>") {
		t.Error("what was typed is lost")
	}
	if bad := in.post("/hosts/new", url.Values{"name": {"a"}, "labels": {"1x=y"}}); bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `id="labels-problem"`) {
		t.Errorf("a bad label: %d %s", bad.status, bad.text)
	}
	made := in.post("/hosts/new", url.Values{"name": {"web-1"}, "labels": {"role=web, os=debian"}})
	key := regexp.MustCompile(`baro_agt_[A-Za-z0-9]+`).FindString(made.text)
	if made.status != http.StatusCreated || key == "" || made.location != "" {
		t.Fatalf("a new host: %d %s", made.status, made.text)
	}
	for _, want := range []string{
		"(umask 077; echo '" + key + "' >/etc/barograph-agent.key) && barograph-agent --server '" + d.URL + "' --key-file /etc/barograph-agent.key",
		"curl -fsSo /usr/local/bin/barograph-agent.sh '" + d.URL + "/agent.sh' && BAROGRAPH_SERVER='" + d.URL + "' BAROGRAPH_KEY_FILE=/etc/barograph-agent.key sh /usr/local/bin/barograph-agent.sh",
		"not heard yet",
	} {
		if !strings.Contains(made.text, want) {
			t.Errorf("%q is not in %s", want, made.text)
		}
	}
	if strings.Contains(made.text, "insecure") {
		t.Error("this machine is said to be insecure")
	}
	if again := in.post("/hosts/new", url.Values{"name": {"web-1"}}); again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, `id="name-problem"`) {
		t.Errorf("a name that is taken: %d %s", again.status, again.text)
	}
	path := regexp.MustCompile(`data-follow="(/hosts/[^"]+)"`).FindStringSubmatch(made.body)
	if path == nil {
		t.Fatal("the page does not follow the host")
	}
	in.see(path[1], "web-1", "os=debian", "never heard")
	d.Call(t, http.MethodPost, "/api/submit", barograph.Secret(key), map[string]any{"field": "load", "value": 1}, nil)
	harness.Eventually(t, time.Minute, func() string {
		switch heard := in.see(path[1]); {
		case strings.Contains(heard.text, key):
			t.Fatal("the key is shown again")
		case strings.Contains(heard.text, "never heard"):
			return "it is never heard"
		}
		return ""
	})
}

// The line is for a shell, whatever the address is by which we were reached.
func TestLineToPasteIsQuoted(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	send := func(host string, header http.Header) string {
		t.Helper()
		form := url.Values{"name": {"h" + barograph.NewID("x", time.Now())}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/hosts/new", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Header = host, header
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(in.cookie)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		root, err := html.Parse(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(textOf(root)), " ")
	}
	for _, test := range []struct {
		host   string
		header http.Header
		want   string
	}{
		{"baro.example:8443", http.Header{"Origin": {"https://baro.example:8443"}, "Sec-Fetch-Site": {"same-origin"}}, "--server 'https://baro.example:8443' --key-file /etc/barograph-agent.key It"},
		{"baro.example", http.Header{"X-Forwarded-Proto": {"https"}}, "--server 'https://baro.example' --key"},
		{"baro.example", http.Header{}, "--server 'http://baro.example' --key-file /etc/barograph-agent.key --insecure-http"},
		{"baro.example", http.Header{}, "BAROGRAPH_INSECURE_HTTP=1 sh"},
		{"[::1]:10130", http.Header{}, "--server 'http://[::1]:10130' --key-file /etc/barograph-agent.key It"},
		{"x';$(reboot);'", http.Header{}, `--server 'http://x'\'';$(reboot);'\''' --key`},
	} {
		if text := send(test.host, test.header); !strings.Contains(text, test.want) {
			t.Errorf("reached as %s: %q is not in %s", test.host, test.want, text)
		}
	}
}

func TestAgentScript(t *testing.T) {
	t.Parallel()
	d := open(t)
	answer := d.as("").get("/agent.sh")
	if answer.status != http.StatusOK || !strings.HasPrefix(answer.body, "#!/bin/sh\n") || strings.Contains(answer.header.Get("Content-Type"), "html") {
		t.Errorf("%d %s %.60s", answer.status, answer.header, answer.body)
	}
}

func TestHostPage(t *testing.T) {
	t.Parallel()
	d := openBrisk(t)
	h := d.enrol("web-1", map[string]string{"role": "web"})
	for _, c := range []map[string]any{
		{"name": "zombies", "command": "ps | grep -c Z", "matchers": `{role="web"}`},
		{"name": "queue", "command": "echo"},
		{"name": "age_seconds", "command": "echo 90"},
		{"name": "elsewhere", "command": "echo 1", "matchers": `{role="db"}`},
		{"name": "off", "command": "echo 1", "enabled": false},
	} {
		d.Call(t, http.MethodPost, "/api/v1/checks", d.Token, c, nil)
	}
	d.sends(h, map[string]float64{"age_seconds": 90, "temperature_celsius": 41.5, "cpu_usage_ratio": .25}, nil)
	d.sends(h, map[string]float64{"disk_used_ratio": .4, "disk_free_bytes": 6 << 30}, map[string]string{"mount": "/"})
	d.sends(h, map[string]float64{"disk_used_ratio": .9, "disk_inodes_used_ratio": .125}, map[string]string{"mount": "/var/<b>"},
		barograph.CheckStatus{Check: "zombies", State: barograph.CheckRefused, Since: time.Now().Add(-time.Hour)},
		barograph.CheckStatus{Check: "queue", State: barograph.CheckFailed, Message: "<script>alert(1)</script> gave no number", Since: time.Now().Add(-time.Hour)})
	d.hears(h)
	path := "/hosts/" + h.id
	answer := d.as(barograph.RoleOperator).see(path, "web-1", "role=web", "Disks", "90 %", "/var/<b>", "12.5 %", "6 GiB",
		"not allowed on this host", "--allow-commands", "ALLOW_COMMANDS=1", "allow_commands: true", "failed", "<script>alert(1)</script> gave no number",
		"2 min", "temperature_celsius", "41.5", "no value yet", "Assign a check to this host", "The last 7 days", "Processor", "25 %")
	for _, text := range []string{"elsewhere", "<b>", "<script>alert"} {
		if strings.Contains(answer.body, text) {
			t.Errorf("%q is on the page", text)
		}
	}
	if strings.Index(answer.text, "/var/<b>") > strings.Index(answer.text, "6 GiB") {
		t.Error("the fuller disk is not the first")
	}
	for _, link := range []string{`href="/checks/new?host=` + h.id, `href="/rules/new?from_series=disk_used_ratio%7Bhost%3D%22web-1%22`, path + `/edit`, path + `/delete`} {
		if !strings.Contains(answer.body, link) {
			t.Errorf("%s is not on the page", link)
		}
	}
	viewer := d.as(barograph.RoleViewer).see(path, "web-1", "not allowed on this host")
	for _, link := range []string{"/checks/new", "/edit", "/delete", "/key", "/rules/new"} {
		if strings.Contains(viewer.body, link) {
			t.Errorf("a viewer is shown %s", link)
		}
	}
	if answer := d.as(barograph.RoleViewer).get("/hosts/hst_none"); answer.status != http.StatusNotFound {
		t.Errorf("a host that there is not: %d", answer.status)
	}
}

func TestChangeHost(t *testing.T) {
	t.Parallel()
	d := open(t)
	h, in := d.enrol("web-1", map[string]string{"role": "web"}), d.as(barograph.RoleOperator)
	d.enrol("web-2", nil)
	path := "/hosts/" + h.id
	form := in.see(path + "/edit")
	if !strings.Contains(form.body, `value="web-1"`) || !strings.Contains(form.body, "role=web</textarea>") {
		t.Errorf("the form is not filled in: %s", form.body)
	}
	if bad := in.post(path+"/edit", url.Values{"name": {"web-2"}, "labels": {"a=b"}}); bad.status != http.StatusUnprocessableEntity ||
		!strings.Contains(bad.body, `id="name-problem"`) || !strings.Contains(bad.body, "a=b</textarea>") {
		t.Errorf("a name that is taken: %d %s", bad.status, bad.text)
	}
	if bad := in.post(path+"/edit", url.Values{"name": {"web-1"}, "labels": {"host=x"}}); bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `id="labels-problem"`) {
		t.Errorf("a label that is ours: %d %s", bad.status, bad.text)
	}
	if saved := in.do(path+"/edit", url.Values{"name": {"web-9"}, "labels": {"role=db\nos=debian"}}); !strings.Contains(saved.text, "The host was saved.") || !strings.Contains(saved.text, "os=debian") {
		t.Errorf("after saving: %s", saved.text)
	}
	renewed := in.post(path+"/key", nil)
	key := barograph.Secret(regexp.MustCompile(`baro_agt_[A-Za-z0-9]+`).FindString(renewed.text))
	if renewed.status != http.StatusOK || key == "" || key == h.key || !strings.Contains(renewed.text, "has a new key") {
		t.Fatalf("a new key: %d %s", renewed.status, renewed.text)
	}
	if status, _, err := d.Do(t.Context(), http.MethodGet, "/api/agent/config", h.key, nil); status != http.StatusUnauthorized || err != nil {
		t.Errorf("the old key: %d %v", status, err)
	}
	if status, _, err := d.Do(t.Context(), http.MethodGet, "/api/agent/config", key, nil); status != http.StatusOK || err != nil {
		t.Errorf("the new key: %d %v", status, err)
	}
	if gone := in.do(path+"/delete", nil); !strings.Contains(gone.text, "The host was deleted.") || strings.Contains(gone.text, "web-9") {
		t.Errorf("after deleting: %s", gone.text)
	}
	if answer := in.get(path); answer.status != http.StatusNotFound {
		t.Errorf("a deleted host: %d", answer.status)
	}
}

// What a form is filled in with is what is saved if nobody changes it.
func TestLabelsKeepTheirValues(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	want := barograph.NewLabels(map[string]string{"a": "x,y", "b": `"q"`, "c": " edge ", "d": "two\nlines", "e": `back\slash`, "f": "k=v", "g": "plain text", "h": `mid"dle`})
	h := d.enrol("web-1", want.Map())
	form := in.see("/hosts/" + h.id + "/edit")
	in.do("/hosts/"+h.id+"/edit", url.Values{"name": {"web-1"}, "labels": {form.field("labels")}})
	var got barograph.Host
	d.Call(t, http.MethodGet, "/api/v1/hosts/"+h.id, d.Token, nil, &got)
	if !got.Labels.Equal(want) {
		t.Errorf("labels after saving are %v, were %v; the form had %q", got.Labels, want, form.field("labels"))
	}
}

func TestHostileHosts(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleOperator)
	names := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "a\u202egnp.exe", `{{.}}`, `a|b.*(`}
	ids := map[string]string{}
	for _, name := range names {
		h := d.enrol(name, map[string]string{"x": name})
		ids[name] = h.id
		d.sends(h, map[string]float64{"os_updates": 7}, nil)
		d.sends(h, map[string]float64{"disk_used_ratio": .5}, map[string]string{"mount": name})
	}
	for _, path := range []string{"/hosts", "/checks/new"} {
		answer := in.see(path, names...)
		if got := strings.Count(answer.text, "7 pending"); path == "/hosts" && got != len(names) {
			t.Errorf("%d of %d hosts have updates: %s", got, len(names), answer.text)
		}
		harmless(t, answer)
	}
	for name, id := range ids {
		harmless(t, in.see("/hosts/"+id, name, "50 %"))
		harmless(t, in.see("/hosts/"+id+"/edit"))
		harmless(t, in.see("/checks/new?host="+id, "1 of 5 hosts"))
		harmless(t, in.post("/hosts/"+id+"/key", nil))
	}
	for _, name := range []string{"a\x00b", strings.Repeat("x", 10_000)} {
		bad := in.post("/hosts/new", url.Values{"name": {name}, "labels": {"a=" + strings.Repeat("<b>", 3000)}})
		if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, `id="name-problem"`) {
			t.Errorf("the name %.20q: %d", name, bad.status)
		}
		harmless(t, bad)
	}
}

// harmless fails the test if something that was said became a part of the page.
func harmless(t *testing.T, answer shown) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", "<b>", "\x00"} {
		if strings.Contains(answer.body, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
}

func TestPagesOfHostsAreForTheirRoles(t *testing.T) {
	t.Parallel()
	d := open(t)
	h := d.enrol("web-1", nil)
	reader := d.as(barograph.RoleViewer)
	for _, path := range []string{"/hosts/new", "/hosts/" + h.id + "/edit", "/checks/new"} {
		if answer := reader.get(path); answer.status != http.StatusForbidden {
			t.Errorf("a viewer gets %s: %d", path, answer.status)
		}
	}
	for _, path := range []string{"/hosts/new", "/hosts/" + h.id + "/edit", "/hosts/" + h.id + "/key", "/hosts/" + h.id + "/delete", "/checks/new"} {
		if answer := reader.post(path, url.Values{"name": {"x"}}); answer.status != http.StatusForbidden {
			t.Errorf("a viewer posts %s: %d", path, answer.status)
		}
		if answer := d.as("").post(path, nil); answer.status != http.StatusSeeOther {
			t.Errorf("a stranger posts %s: %d", path, answer.status)
		}
	}
}

// fillHosts has each host of a large fleet measure for an hour: updates, and five
// disks.
func fillHosts(tb testing.TB, d *desk) {
	tb.Helper()
	now := time.Now()
	var lines strings.Builder
	send := func() {
		tb.Helper()
		d.Call(tb, http.MethodPost, "/api/v2/write?precision=s", d.Token, lines.String(), nil)
		lines.Reset()
	}
	for _, h := range newFleet(now).hosts {
		for minute := 0; minute < 60; minute += 10 {
			at := now.Add(-time.Duration(minute) * time.Minute).Unix()
			for _, metric := range []string{"os_updates", "os_updates_security", "os_updates_index_age_seconds"} {
				fmt.Fprintf(&lines, "%s,host=%s value=%d %d\n", metric, h.Name, at%100, at)
			}
			for mount := range 5 {
				fmt.Fprintf(&lines, "disk_used_ratio,host=%s,mount=/data/%d value=0.%d %d\n", h.Name, mount, 1+(at/60+int64(mount))%9, at)
			}
		}
		if lines.Len() > 3<<20 {
			send()
		}
	}
	send()
}

func BenchmarkHosts(b *testing.B) {
	d := openLarge(b)
	fillHosts(b, d)
	in := d.as(barograph.RoleViewer)
	for b.Loop() {
		if status, size, _ := in.load(b.Context(), "/hosts?sort=disk"); status != http.StatusOK || size > mostBytes {
			b.Fatalf("status %d, %d bytes", status, size)
		}
	}
}
