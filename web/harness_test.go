package web_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/test/harness"
)

// TestMain lets more tests run at once than there are processors, as many of them
// wait for each other's servers, and spares them half of the collections of garbage.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// desk is a server, and a browser of each role before it.
type desk struct {
	*harness.Server

	t testing.TB
}

// open starts a server without hosts and targets.
func open(tb testing.TB) *desk {
	tb.Helper()
	return openWith(tb, func(*app.Config) {})
}

func openWith(tb testing.TB, change func(*app.Config)) *desk {
	tb.Helper()
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	change(&cfg)
	return &desk{harness.Start(tb, app.Options{Config: cfg, Bare: true}), tb}
}

// openBrisk is open, and what the server does now and then it does soon.
func openBrisk(tb testing.TB) *desk {
	tb.Helper()
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	return &desk{harness.Start(tb, app.Options{Config: cfg, Bare: true, Clock: brisk{}}), tb}
}

// brisk is the wall clock, with ticks that come twenty times as often.
type brisk struct{ barograph.WallClock }

// Ticker returns a channel that receives the time so often.
func (b brisk) Ticker(d time.Duration) (ticks <-chan time.Time, stop func()) {
	return b.WallClock.Ticker(max(d/20, 50*time.Millisecond))
}

// browser keeps the cookie of a session, and follows no redirect.
type browser struct {
	t      testing.TB
	url    string
	cookie *http.Cookie // nil: signed out
	zone   string
}

// as returns a browser that is signed in with a new token of the role; without a
// role it is not signed in.
func (d *desk) as(role barograph.Role) *browser {
	d.t.Helper()
	b := &browser{t: d.t, url: d.URL}
	if role == "" {
		return b
	}
	var made struct{ Key string }
	d.Call(d.t, http.MethodPost, "/api/v1/tokens", d.Token, map[string]any{"name": string(role), "role": role}, &made)
	b.signIn(made.Key)
	return b
}

func (b *browser) signIn(key string) {
	b.t.Helper()
	answer := b.post("/sign-in", url.Values{"token": {key}})
	for _, c := range answer.cookies {
		if strings.HasPrefix(c.Name, "__Host-") && c.Value != "" {
			b.cookie = c
		}
	}
	if answer.status != http.StatusSeeOther || b.cookie == nil {
		b.t.Fatalf("signing in: status %d, %s", answer.status, answer.text)
	}
}

// shown is what a browser was sent.
type shown struct {
	status   int
	header   http.Header
	cookies  []*http.Cookie
	location string
	body     string
	text     string // of the body, without markup, white space made single
	root     *html.Node
}

func (b *browser) get(path string) shown {
	b.t.Helper()
	return b.send(http.MethodGet, path, "", nil)
}

// post sends a form.
func (b *browser) post(path string, values url.Values) shown {
	b.t.Helper()
	return b.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// do posts a form and fails the test unless it leads to another page, which it
// returns.
func (b *browser) do(path string, values url.Values) shown {
	b.t.Helper()
	answer := b.post(path, values)
	if answer.status != http.StatusSeeOther {
		b.t.Fatalf("POST %s: status %d: %s", path, answer.status, answer.text)
	}
	return b.see(answer.location)
}

// see gets a page and fails the test unless it is shown.
func (b *browser) see(path string, texts ...string) shown {
	b.t.Helper()
	answer := b.get(path)
	if answer.status != http.StatusOK {
		b.t.Fatalf("GET %s: status %d: %s", path, answer.status, answer.text)
	}
	for _, text := range texts {
		if !strings.Contains(answer.text, text) {
			b.t.Errorf("GET %s: %q is not in: %s", path, text, answer.text)
		}
	}
	return answer
}

// awaits is see, for what the server comes to say within a while.
func (b *browser) awaits(path string, texts ...string) shown {
	b.t.Helper()
	var answer shown
	harness.Eventually(b.t, time.Minute, func() string {
		answer = b.see(path)
		for _, text := range texts {
			if !strings.Contains(answer.text, text) {
				return fmt.Sprintf("GET %s: %q is not in: %s", path, text, answer.text)
			}
		}
		return ""
	})
	return answer
}

func (b *browser) send(method, path, contentType string, body io.Reader) shown {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if b.cookie != nil {
		r.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	}
	if b.zone != "" {
		r.AddCookie(&http.Cookie{Name: "barograph-zone", Value: b.zone})
	}
	client := http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	answer := shown{
		status: res.StatusCode, header: res.Header, cookies: res.Cookies(), location: res.Header.Get("Location"), body: string(text),
	}
	if answer.root, err = html.Parse(strings.NewReader(answer.body)); err != nil {
		b.t.Fatal(err)
	}
	answer.text = strings.Join(strings.Fields(textOf(answer.root)), " ")
	return answer
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data + " "
	}
	var text strings.Builder
	for child := range n.ChildNodes() {
		text.WriteString(textOf(child))
	}
	return text.String()
}
