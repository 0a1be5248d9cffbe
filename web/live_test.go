package web_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
)

// told follows what happens as a page that has come to know that event does, and as
// a browser that comes again after the other; it returns a function that waits for
// the next line that begins so.
func (b *browser) told(heard, again string) (next func(prefix string) string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/live?heard="+url.QueryEscape(heard), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	if again != "" {
		r.Header.Set("Last-Event-ID", again)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func(prefix string) string {
		b.t.Helper()
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, prefix) {
				return strings.TrimPrefix(line, prefix)
			}
		}
		b.t.Fatalf("the stream ended before a line that begins with %q: %v", prefix, lines.Err())
		return ""
	}
}

// knows returns the event that a page knows as the newest.
func (s shown) knows() string { return attribute(all(s.root, "body")[0], "data-heard") }

// TestNothingIsMissed between the making of a page and its coming to follow, nor
// while its stream is broken off; and who has missed nothing is told nothing.
func TestNothingIsMissed(t *testing.T) {
	t.Parallel()
	d := openWith(t, func(c *app.Config) { c.Delivery.Watchdog.Interval = 0 })
	in := d.as(barograph.RoleOperator)
	endpoint := firstEndpoint(in, subscribe(in, webhook("on call", "http://127.0.0.1:1/")))
	before := in.see("/events").knows()
	following := in.told(before, "")
	following(": following")
	in.do(endpoint+"/disable", nil)
	first := following("id: ")
	if late := in.told(before, "")("id: "); late != first {
		t.Errorf("who comes late is told %q, not %q", late, first)
	}
	if known := in.see("/events").knows(); known != first {
		t.Errorf("a page that is made then knows %q, not %q", known, first)
	}
	nothing, again := in.told(first, ""), in.told(before, first)
	nothing(": following")
	again(": following")
	in.do(endpoint+"/enable", nil)
	second := following("id: ")
	for who, next := range map[string]func(string) string{"who knows it all": nothing, "who comes again": again} {
		if got := next("id: "); got != second {
			t.Errorf("%s is told %q, not %q alone", who, got, second)
		}
	}
	if got := in.told(before, first)("id: "); got != second {
		t.Errorf("who comes again late is told %q, not %q", got, second)
	}
	if out := d.as("").get("/sign-in"); out.knows() != "" {
		t.Errorf("a stranger is told %q", out.knows())
	}
}
