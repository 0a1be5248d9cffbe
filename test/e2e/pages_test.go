package e2e_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// webPage is a page that is looked at in all kinds of windows.
type webPage struct {
	name string // of its subtest, and of its pictures
	path func(testing.TB, *world) string
	see  string // what is seen when all of it is there
	role role   // who looks; "": a viewer
}

// pages are all pages that the tests look at. A new page is added here.
func pages() []webPage {
	return []webPage{
		{name: "next", path: fixed("/"), see: "What breaks next"},
		{name: "hosts", path: fixed("/hosts"), see: "db-1"},
		{name: "host", path: first("hosts", "", "db-1"), see: "db-1"},
		{name: "host-new", path: fixed("/hosts/new"), see: "Add", role: operator},
		{name: "checks", path: fixed("/checks"), see: "os_updates"},
		{name: "check", path: first("checks", "", "disk"), see: "db-1"},
		{name: "check-new", path: fixed("/checks/new"), see: "New check", role: operator},
		{name: "targets", path: fixed("/targets"), see: "office-berlin"},
		{name: "target", path: first("targets", "", "office-berlin"), see: "office-berlin"},
		{name: "target-new", path: fixed("/targets/new"), see: "Add", role: operator},
		{name: "target-edit", path: func(tb testing.TB, w *world) string {
			tb.Helper()
			return first("targets", "", "own pages")(tb, w) + "/edit"
		}, see: "Options of http", role: operator},
		{name: "targets-import", path: fixed("/targets/import"), see: "targets file", role: operator},
		{name: "run", path: fixed("/run"), see: "Run", role: operator},
		{name: "rules", path: fixed("/rules"), see: "Disk space"},
		{name: "rule", path: first("rules", "", "Disk space"), see: "Its series"},
		{name: "rule-new", path: fixed("/rules/new?from_series=disk_used_ratio"), see: "It looks at", role: operator},
		{name: "predictions", path: fixed("/predictions"), see: "files-1"},
		{name: "prediction", path: first("predictions", "state=confirmed", ""), see: "db-1"},
		{name: "breach", path: first("breaches", "state=open", ""), see: "db-1"},
		{name: "events", path: fixed("/events"), see: "db-1"},
		{name: "event", path: first("events", "type=host.silent", ""), see: "silent"},
		{name: "subscriptions", path: fixed("/subscriptions"), see: "demo receiver"},
		{name: "subscription", path: first("subscriptions", "", "demo broken receiver"), see: "demo broken receiver"},
		{name: "subscription-new", path: fixed("/subscriptions/new"), see: "subscri", role: operator},
		{name: "settings", path: fixed("/settings"), see: "Settings", role: admin},
		{name: "silences", path: fixed("/settings/silences"), see: "Silences"},
		{name: "silence-new", path: fixed("/settings/silences/new?matchers=host%3Ddb-1"), see: "What is silenced", role: operator},
		{name: "tokens", path: fixed("/settings/tokens"), see: "Tokens", role: admin},
		{name: "token-new", path: fixed("/settings/tokens/new"), see: "New token", role: admin},
		{name: "audit", path: fixed("/settings/audit"), see: "Audit log", role: admin},
	}
}

// fixed is a path that is known.
func fixed(path string) func(testing.TB, *world) string {
	return func(testing.TB, *world) string { return path }
}

// first is the path of the newest thing of a kind of the API's that the query
// chooses and that has the name, as first("hosts", "", "db-1") or
// first("predictions", "state=open", ""): "/hosts/hst_…".
func first(kind, query, name string) func(testing.TB, *world) string {
	return func(tb testing.TB, w *world) string {
		tb.Helper()
		return "/" + kind + "/" + url.PathEscape(w.idOf(tb, kind, query, name))
	}
}

// idOf returns the ID of a thing that the API lists.
func (w *world) idOf(tb testing.TB, kind, query, name string) string {
	tb.Helper()
	var list struct {
		Items []struct{ ID, Name string }
	}
	if err := w.send(context.Background(), http.MethodGet, "/api/v1/"+kind+"?limit=1000&"+query, w.Token, nil, &list); err != nil {
		tb.Fatal(err)
	}
	for _, item := range list.Items {
		if name == "" || item.Name == name {
			return item.ID
		}
	}
	tb.Fatalf("none of the %d %s that %q chooses has the name %q", len(list.Items), kind, query, name)
	return ""
}

// TestPages looks at each page in windows of all kinds: nothing is cut off and
// nobody is kept out.
func TestPages(t *testing.T) {
	windows := []struct {
		name    string
		options []option
	}{
		{"laptop", nil},
		{"dark", []option{dark()}},
		{"phone", []option{phone()}},
		{"phone, dark, without script", []option{phone(), dark(), withoutScript()}},
		{"wall", []option{at(3840, 2160)}},
	}
	for _, p := range pages() {
		t.Run(p.name, func(t *testing.T) {
			for _, w := range windows {
				t.Run(w.name, func(t *testing.T) {
					v := visit(t, append(w.options, as(cmp.Or(p.role, viewer)))...)
					v.Open(p.path(t, theWorld(t)))
					v.See(p.see)
					v.FitsWidth()
					v.Accessible()
				})
			}
		})
	}
}

// TestSignInPage is looked at by who is not signed in.
func TestSignInPage(t *testing.T) {
	for name, options := range map[string][]option{
		"laptop": nil, "dark": {dark()}, "phone": {phone()}, "without script": {withoutScript()},
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, options...)
			v.Open("/sign-in")
			v.See("Sign in")
			v.Value("Token") // there is such a field
			v.FitsWidth()
			v.Accessible()
		})
	}
}

// TestNewServer is of no use yet, and says what to do first.
func TestNewServer(t *testing.T) {
	needBrowser(t)
	server := harness.Start(t, app.Options{Config: harness.Config(), Bare: true})
	v := visit(t, on(server.URL), phone(), dark())
	v.SignIn(server.Token)
	v.See("What to do first", "Add a host", "Subscribe")
	v.FitsWidth()
	v.Accessible()
}

// TestTimesInZone shows times as the visitor's clock does, which the server learns
// from the script.
func TestTimesInZone(t *testing.T) {
	v := visit(t, as(viewer), inZone("Asia/Tokyo"))
	v.Open("/")
	v.See("times in Asia/Tokyo")
}

// TestNavigation goes to each page that the navigation names, as a reader who
// holds a phone and runs no script.
func TestNavigation(t *testing.T) {
	v := visit(t, phone(), dark(), withoutScript(), as(admin))
	v.Open("/")
	labels, err := evaluate[[]string](v, `[...document.querySelectorAll("nav a")].map(a => a.innerText.trim())`)
	v.must(err, "read the navigation")
	if len(labels) < 8 {
		t.Errorf("the navigation has only %q", labels)
	}
	for _, label := range labels {
		t.Run(label, func(t *testing.T) {
			v := v.by(t)
			v.Open("/")
			v.Within("Main").Click(label)
			v.until(func() error {
				current, err := evaluate[string](v, `document.querySelector("nav [aria-current=page]")?.innerText.trim() || ""`)
				if err == nil && current != label {
					err = fmt.Errorf("the navigation says that this is %q", current)
				}
				return err
			})
			v.FitsWidth()
			v.Accessible()
		})
	}
}

// where pictures are written to; "": none are taken.
var screenshots = flag.String("screenshots", "", "folder that TestScreenshots writes pictures of all pages to")

// TestScreenshots takes pictures of all pages, for people to look at.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("make screenshots takes pictures")
	}
	theWorld(t).Await(t, "events?type=endpoint.disabled") // all that there is to be seen
	for name, options := range map[string][]option{"light": nil, "dark": {dark()}, "phone": {phone()}} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, options...)
			v.Open("/sign-in")
			v.Screenshot(picture("sign-in", name))
			v.SignIn(theWorld(t).token(admin))
			for _, p := range pages() {
				v.Open(p.path(t, theWorld(t)))
				v.See(p.see)
				v.Screenshot(picture(p.name, name))
			}
		})
	}
}

func picture(page, window string) string {
	return filepath.Join(*screenshots, page+"-"+window+".png")
}
