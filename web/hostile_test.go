package web_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/web"
)

// hostile makes of a name a text that tries to be more than text, and has the name
// in it so that a test sees where it went.
func hostile(name string) string {
	return "\u202e" + mark(name) + "\u202c" + `"><script>pwned()</script>'onload='pwned()'<img src=x onerror=pwned()></title></textarea>{{.}}<!--`
}

// longHostile is one that also has what names may not have, and is very long: a
// megabyte where hosts and receivers say it.
func longHostile(name string) string {
	const tag = "<b onclick=pwned()>"
	size := 50_000
	if name == "status" || name == "response" || name == "answer" {
		size = 1 << 20
	}
	return hostile(name) + "\x00javascript:pwned()\u2028\r\n]]>" + strings.Repeat(tag, size/len(tag))
}

func mark(name string) string { return "evil-" + strings.ReplaceAll(name, " ", "-") }

const (
	mostPages = 500       // that are crawled
	largest   = 1_000_000 // bytes of a page
)

// TestHostileText: whatever was said by hosts, people, files and receivers is
// shown as text on all pages that links lead to, and each of those is a page as it
// should be.
func TestHostileText(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	shorter := func(name string) string { // a name has 200 bytes at most
		seen[mark(name)] = false
		return hostile(name)
	}
	longer := func(name string) string {
		seen[mark(name)] = false
		return longHostile(name)
	}
	s := newStock(time.Now().UTC().Truncate(time.Second), shorter, longer)
	d := openStocked(t, s, func(*app.Config) {})
	d.answerWith(longer)
	in := d.as(barograph.RoleAdmin)
	in.runFiles(shorter("run"), shorter("line")+strings.Repeat("<b>", 1<<15), seen)

	c := &crawl{browser: in, seen: seen, found: map[string]string{}}
	for _, r := range web.Routes() {
		if r.Method == http.MethodGet && leadsToPage(r.Path) {
			c.find(s.path(r.Path), "the table of routes")
		}
	}
	c.run()
	t.Logf("%d pages", c.visited)
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if !seen[name] {
			t.Errorf("%s is on no page: the test tests nothing of it", name)
		}
	}
}

// TestHostileForms: what is filled in is text, too, where it is shown again.
func TestHostileForms(t *testing.T) {
	t.Parallel()
	s := newStock(time.Now().UTC().Truncate(time.Second), asItIs, asItIs)
	d := openStocked(t, s, func(*app.Config) {})
	in := d.as(barograph.RoleAdmin)
	for _, r := range web.Routes() {
		if r.Method != http.MethodGet || !leadsToPage(r.Path) {
			continue
		}
		path := s.path(r.Path)
		for _, form := range all(in.get(path).root, "form") {
			action := attribute(form, "action")
			if attribute(form, "method") != "post" || strings.HasPrefix(action, "/sign") || len(all(form, "input"))+len(all(form, "textarea")) == 0 {
				continue
			}
			in.sendHostile(path, action, form)
		}
	}
}

// sendHostile fills in all fields and judges what comes back.
func (b *browser) sendHostile(page, action string, form *html.Node) {
	b.t.Helper()
	values := url.Values{}
	for _, kind := range []string{"input", "textarea", "select"} {
		for _, field := range all(form, kind) {
			if name := attribute(field, "name"); name != "" && attribute(field, "type") != "file" {
				values.Set(name, hostile("form")+"\x00")
			}
		}
	}
	answer := b.post(action, values)
	if answer.status >= http.StatusInternalServerError {
		b.t.Errorf("POST %s from %s: status %d: %s", action, page, answer.status, answer.text)
	}
	if strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") && answer.status != http.StatusSeeOther {
		judge(b.t, "POST "+action, answer, map[string]bool{})
	}
}

// answerWith subscribes a receiver that answers so, and has an event sent there.
func (d *desk) answerWith(text func(string) string) {
	d.t.Helper()
	answer := text("answer")
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, answer)
	}))
	d.t.Cleanup(receiver.Close)
	var made struct{ Subscription barograph.Subscription }
	d.Call(d.t, http.MethodPost, "/api/v1/subscriptions", d.Token, map[string]any{
		"name": "hostile receiver", "endpoints": []map[string]any{{"kind": "webhook", "url": receiver.URL}},
	}, &made)
	at := fmt.Sprintf("/api/v1/subscriptions/%s/endpoints/%s/test", made.Subscription.ID, made.Subscription.Endpoints[0].ID)
	if status, body, err := d.Do(d.t.Context(), http.MethodPost, at, d.Token, nil); err != nil || status >= http.StatusInternalServerError {
		d.t.Fatalf("test the endpoint: status %d, %v, %s", status, err, body)
	}
}

// runFiles runs a targets file of a hostile name, and then one that is hostile
// throughout, which is refused with its lines.
func (b *browser) runFiles(name, target string, seen map[string]bool) {
	b.t.Helper()
	b.do("/run", url.Values{"name": {name}, "yaml": {"targets: [127.0.0.1]\n"}})
	file := "global_settings: {probes: many}\ntargets:\n  - " + target
	for _, path := range []string{"/run", "/targets/import"} {
		answer := b.post(path, url.Values{"name": {name}, "yaml": {file}, "stop": {"yes"}})
		if answer.status != http.StatusUnprocessableEntity {
			b.t.Errorf("POST %s of a hostile file: status %d: %.300s", path, answer.status, answer.text)
		}
		judge(b.t, "POST "+path, answer, seen)
	}
}

// leadsToPage reports whether the path is that of a page of the site.
func leadsToPage(path string) bool {
	for _, other := range []string{"/assets/", "/api/", "/live", "/run/watch", "/run/output", "/agent.sh", "/signed-in", "/session", "/metrics", "/readyz"} {
		if strings.HasPrefix(path, other) {
			return false
		}
	}
	return !strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".svg") && path != "/events.json"
}

// crawl follows links.
type crawl struct {
	*browser

	seen    map[string]bool   // marks, and whether they were
	found   map[string]string // links, and the page that has them
	queue   []string
	visited int
}

func (c *crawl) find(path, on string) {
	path, _, _ = strings.Cut(path, "#")
	if _, known := c.found[path]; !known {
		c.found[path] = on
		c.queue = append(c.queue, path)
	}
}

func (c *crawl) run() {
	for len(c.queue) > 0 && c.visited < mostPages {
		path := c.queue[0]
		c.queue = c.queue[1:]
		c.visited++
		if !leadsToPage(strings.SplitN(path, "?", 2)[0]) {
			if got := c.open(http.MethodGet, path, nil); got.StatusCode >= http.StatusBadRequest && path != "/readyz" {
				c.t.Errorf("%s has a link to %s: %s", c.found[path], path, got.Status)
			}
			continue
		}
		answer := c.get(path)
		if answer.status != http.StatusOK {
			c.t.Errorf("%s has a link to %s: status %d: %s", c.found[path], path, answer.status, answer.text)
			continue
		}
		judge(c.t, path, answer, c.seen)
		for _, link := range all(answer.root, "a") {
			if to := attribute(link, "href"); strings.HasPrefix(to, "/") {
				c.find(to, path)
			}
		}
		for _, picture := range all(answer.root, "img") {
			c.find(attribute(picture, "src"), path)
		}
	}
}

// judge fails the test if the page is not as it should be, and notes which marks
// are on it.
func judge(tb testing.TB, path string, page shown, seen map[string]bool) {
	tb.Helper()
	wrong := func(format string, args ...any) {
		tb.Helper()
		tb.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	// A form has what is edited as a whole.
	if len(page.body) > largest && !strings.HasSuffix(path, "/edit") {
		wrong("%d bytes", len(page.body))
	}
	if strings.ContainsRune(page.body, 0) {
		wrong("there is a NUL in it")
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") {
		wrong("the policy is %q", policy)
	}
	for name := range seen {
		seen[name] = seen[name] || strings.Contains(page.body, name)
	}
	if n := len(all(page.root, "h1")); n != 1 {
		wrong("%d headings of the first order", n)
	}
	if title := all(page.root, "title"); len(title) == 0 || textOf(title[0]) == "" {
		wrong("no title")
	}
	ids := map[string]bool{}
	for n := range page.root.Descendants() {
		if id := attribute(n, "id"); id != "" && n.Type == html.ElementNode {
			if ids[id] {
				wrong("two elements have the id %q", id)
			}
			ids[id] = true
		}
	}
	for n := range page.root.Descendants() {
		switch n.Type { //nolint:exhaustive // all others are of no interest
		case html.ElementNode:
			judgeElement(wrong, n, page.root, ids)
		case html.TextNode:
			if strings.ContainsRune(n.Data, '\u202e') && !isolated(n) && !strings.ContainsRune(n.Data, '\u2068') {
				wrong("a text that turns the direction is not isolated in <%s>: %.60q", n.Parent.Data, n.Data)
			}
		}
	}
}

type complain func(format string, args ...any)

func judgeElement(wrong complain, n, root *html.Node, ids map[string]bool) {
	switch n.Data {
	case "script":
		if src := attribute(n, "src"); !strings.HasPrefix(src, "/assets/") || n.FirstChild != nil {
			wrong("a script of %q: %.60s", src, textOf(n))
		}
	case "style", "iframe", "object", "embed", "base", "frame", "applet", "animate", "set", "foreignobject":
		wrong("there is a <%s>", n.Data)
	case "input", "select", "textarea":
		if kind := attribute(n, "type"); kind != "hidden" && kind != "submit" && !labelled(n, root) {
			wrong("the field %q (%s) has no label", attribute(n, "name"), attribute(n, "id"))
		}
	case "a":
		if to := attribute(n, "href"); strings.HasPrefix(to, "#") && len(to) > 1 && !ids[to[1:]] {
			wrong("nothing has the id that %s leads to", to)
		}
		if strings.TrimSpace(textOf(n)) == "" && attribute(n, "aria-label") == "" && attribute(n, "tabindex") != "-1" {
			wrong("the link to %s has no text", attribute(n, "href"))
		}
	case "img":
		if !hasAttribute(n, "alt") {
			wrong("the picture %s has no text", attribute(n, "src"))
		}
	}
	for _, a := range n.Attr {
		judgeAttribute(wrong, n, a, ids)
	}
}

func judgeAttribute(wrong complain, n *html.Node, a html.Attribute, ids map[string]bool) {
	switch name := strings.ToLower(a.Key); name {
	case "style", "srcdoc", "http-equiv":
		wrong("<%s> has %s=%q", n.Data, a.Key, a.Val)
	case "href", "src", "action", "formaction", "poster", "data", "xlink:href", "srcset", "ping", "background":
		local := strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") || strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "?")
		if !local {
			wrong("<%s %s=%q> leads elsewhere", n.Data, a.Key, a.Val)
		}
	case "aria-describedby", "aria-labelledby", "for", "list":
		for id := range strings.FieldsSeq(a.Val) {
			if !ids[id] {
				wrong("<%s %s=%q>: nothing has that id", n.Data, a.Key, id)
			}
		}
	default:
		if strings.HasPrefix(name, "on") {
			wrong("<%s> has %s=%q", n.Data, a.Key, a.Val)
		}
	}
}

// isolated reports whether the text can't turn what is around it.
func isolated(n *html.Node) bool {
	for up := n.Parent; up != nil; up = up.Parent {
		switch up.Data {
		case "bdi", "pre", "textarea", "option", "title", "desc", "text":
			return true
		}
		if hasAttribute(up, "dir") {
			return true
		}
	}
	return false
}

func labelled(n, root *html.Node) bool {
	if attribute(n, "aria-label") != "" || attribute(n, "aria-labelledby") != "" {
		return true
	}
	for up := n.Parent; up != nil; up = up.Parent {
		if up.Data == "label" {
			return true
		}
	}
	id := attribute(n, "id")
	return id != "" && slices.ContainsFunc(all(root, "label"), func(label *html.Node) bool { return attribute(label, "for") == id && textOf(label) != "" })
}

// all returns the elements of the kind.
func all(root *html.Node, kind string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == kind {
			found = append(found, n)
		}
	}
	return found
}

func hasAttribute(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}
