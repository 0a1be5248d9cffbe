package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.AddHost(t, "never-heard-1")
	page := d.as(barograph.RoleViewer).awaits("/settings", "Stations all work", "database", "never-heard-1", "Versions", "none is active")
	if strings.Contains(page.body, "/settings/tokens") || strings.Contains(page.body, "/settings/audit") {
		t.Error("a viewer is shown what only an administrator may see")
	}
	d.as(barograph.RoleAdmin).see("/settings", "Tokens", "Audit log")
}

// TestStationThatFails is told on each page, with the reason on this one.
func TestStationThatFails(t *testing.T) {
	t.Parallel()
	d := openWith(t, func(cfg *app.Config) { cfg.Store.Embedded.MinFreeSpace = 1 << 60 })
	in := d.as(barograph.RoleViewer)
	in.awaits("/settings", "1 of 11 not working", "does not work", "free")
	note := all(in.awaits("/rules", "The series store is not working").root, "a")
	for _, link := range note {
		if strings.Contains(textOf(link), "not working") && attribute(link, "href") != "/settings" {
			t.Errorf("the note leads to %s", attribute(link, "href"))
		}
	}
	if out := d.as("").get("/sign-in"); strings.Contains(out.text, "not working") {
		t.Error("a stranger is told what does not work")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleAdmin)
	in.see("/settings/tokens", "admin you", "never")

	for field, bad := range map[string]url.Values{
		"name":       {"name": {" "}, "role": {"viewer"}},
		"role":       {"name": {"x"}, "role": {"agent"}},
		"expires_at": {"name": {"kept"}, "role": {"viewer"}, "expires_at": {"tomorrow"}},
	} {
		answer := in.post("/settings/tokens/new", bad)
		if answer.status != http.StatusUnprocessableEntity || answer.problemOf(field) == "" {
			t.Errorf("%s: status %d, %q beside the field; %s", field, answer.status, answer.problemOf(field), answer.text)
		}
		if field == "expires_at" && (answer.kept("name") != "kept" || answer.kept("expires_at") != "tomorrow") {
			t.Error("what was filled in is lost")
		}
	}
	if got := in.post("/settings/tokens/new", url.Values{"name": {"x"}, "role": {"root"}}); got.status != http.StatusUnprocessableEntity || got.problemOf("role") == "" {
		t.Errorf("an unknown role: status %d, %s", got.status, got.text)
	}

	made := in.post("/settings/tokens/new", url.Values{"name": {"<b>grafana"}, "role": {"viewer"}, "expires_at": {"30d"}})
	key := secretIn(made)
	if made.status != http.StatusCreated || !strings.HasPrefix(key, "baro_vwr_") || !strings.Contains(made.text, "<b>grafana") {
		t.Fatalf("status %d, key %q: %s", made.status, key, made.text)
	}
	list := in.see("/settings/tokens", "<b>grafana", "viewer")
	if strings.Contains(list.body, key) {
		t.Error("the key is shown a second time")
	}
	guest := &browser{t: t, url: d.URL}
	guest.signIn(key)
	guest.see("/", "What breaks next")

	in.do(revokePath(t, list, "<b>grafana"), nil)
	if answer := guest.get("/"); answer.location != "/sign-in" {
		t.Errorf("whose token was revoked: status %d to %q", answer.status, answer.location)
	}
	if got := in.get("/settings/tokens?done=token-revoked"); !strings.Contains(got.text, "The token was revoked.") {
		t.Errorf("it does not say that it is done: %s", got.text)
	}
	// One's own, in the end.
	if answer := in.post(revokePath(t, in.see("/settings/tokens"), "you"), nil); answer.location != "/sign-in" {
		t.Errorf("revoking one's own leads to %q", answer.location)
	}
	if answer := in.get("/"); answer.location != "/sign-in" {
		t.Errorf("still signed in: status %d", answer.status)
	}
}

// secretIn returns the key that a page shows.
func secretIn(page shown) string {
	for n := range page.root.Descendants() {
		if attribute(n, "class") == "secret" {
			return strings.TrimSpace(textOf(n))
		}
	}
	return ""
}

// revokePath returns where the token in the row with the text is revoked.
func revokePath(t *testing.T, list shown, text string) string {
	t.Helper()
	for _, row := range all(list.root, "tr") {
		if forms := all(row, "form"); len(forms) > 0 && strings.Contains(textOf(row), text) {
			return attribute(forms[0], "action")
		}
	}
	t.Fatalf("no row has %q", text)
	return ""
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleAdmin)
	in.see("/settings/audit", "Nobody has changed anything yet")
	at := in.do("/settings/silences/new", url.Values{"matchers": {"host=db-1"}, "comment": {"new disks"}, "ends_at": {"2h"}})
	id := silenceIn(t, at)
	in.do("/settings/silences/"+id+"/edit", url.Values{"matchers": {"host=db-1"}, "comment": {"older disks"}, "ends_at": {"3h"}})
	in.see("/settings/audit", "silence changed", "silence created", `comment : "new disks" → "older disks"`, "admin")
	in.see("/settings/audit?kind=subscription", "No entry is like that")
	if page := in.see("/settings/audit?subject="+id, "silence created"); !strings.Contains(page.body, `href="/settings/silences/`+id) {
		t.Error("there is no way to what the entries are about")
	}
	for range 51 {
		d.Call(t, http.MethodPost, "/api/v1/silences", d.Token, map[string]any{"matchers": `{host="x"}`, "comment": "one of many", "duration": "1h"}, nil)
	}
	first := in.see("/settings/audit?kind=silence")
	more := ""
	for _, link := range all(first.root, "a") {
		if attribute(link, "rel") == "next" {
			more = attribute(link, "href")
		}
	}
	in.see(more, "silence created", "new disks")
}

// TestAnonymousViewer reads everything and is asked to sign in for the rest.
func TestAnonymousViewer(t *testing.T) {
	t.Parallel()
	d := openWith(t, func(cfg *app.Config) { cfg.Web.AnonymousViewer = true })
	out := d.as("")
	page := out.see("/rules?a=b", "Sign in", "Rules")
	if !strings.Contains(page.body, `href="/sign-in?next=%2Frules%3Fa%3Db"`) {
		t.Error("signing in does not lead back to the page")
	}
	for _, text := range []string{"Sign out", "New rule", "anonymous"} {
		if strings.Contains(page.text, text) {
			t.Errorf("%q is shown to who is not signed in", text)
		}
	}
	if answer := out.get("/rules/new"); answer.status != http.StatusSeeOther || answer.location != "/sign-in?next=%2Frules%2Fnew" {
		t.Errorf("for what needs a role: status %d to %q", answer.status, answer.location)
	}
	out.see("/sign-in", "Go on reading")
}

func TestPagesOfErrors(t *testing.T) {
	t.Parallel()
	d := open(t)
	in := d.as(barograph.RoleViewer)
	for _, c := range []struct {
		method, path string
		status       int
		texts        []string
	}{
		{http.MethodGet, "/nothing/here", http.StatusNotFound, []string{"Nothing is here", "What breaks next", "Sign out"}},
		{http.MethodGet, "/rules/rul_none", http.StatusNotFound, []string{"Nothing is here"}},
		{http.MethodGet, "/settings/audit", http.StatusForbidden, []string{"This is not for you", "This needs the role admin; yours is viewer", "Sign in with another token"}},
		{http.MethodPost, "/rules", http.StatusMethodNotAllowed, []string{"Not in this way"}},
		{http.MethodGet, "/settings/silences/x/end", http.StatusMethodNotAllowed, []string{"Not in this way"}},
	} {
		answer := in.send(c.method, c.path, "application/x-www-form-urlencoded", strings.NewReader(""))
		if answer.status != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, answer.status, c.status)
		}
		for _, text := range c.texts {
			if !strings.Contains(answer.text, text) {
				t.Errorf("%s %s: %q is not in: %s", c.method, c.path, text, answer.text)
			}
		}
		judge(t, c.path, answer, nil)
	}
	if allow := in.send(http.MethodPost, "/rules", "", nil).header.Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("it allows %q", allow)
	}
	if answer := d.as("").get("/nothing/here"); answer.status != http.StatusNotFound || strings.Contains(answer.text, "Hosts") {
		t.Errorf("a stranger at an unknown address: %d %s", answer.status, answer.text)
	}
	if answer := in.post("/sign-in", url.Values{"token": {strings.Repeat("x", 6<<20)}}); answer.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form that is too large: status %d", answer.status)
	}
}
