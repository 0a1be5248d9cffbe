package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/web"
)

// least is the least role that each route needs, "" for none: who adds a route
// says here, too, who may use it.
func least() map[string]barograph.Role {
	const anybody, viewer, operator, admin = "", barograph.RoleViewer, barograph.RoleOperator, barograph.RoleAdmin
	return map[string]barograph.Role{
		"GET /assets/{file}": anybody,
		"GET /sign-in":       anybody,
		"POST /sign-in":      anybody,
		"GET /signed-in":     anybody,
		"GET /session":       anybody,
		"POST /sign-out":     anybody,
		"GET /agent.sh":      anybody,
		"GET /live":          viewer,

		"GET /":                              viewer,
		"GET /predictions":                   viewer,
		"GET /predictions/{id}":              viewer,
		"GET /predictions/{id}/spark.svg":    viewer,
		"POST /predictions/{id}/acknowledge": operator,
		"GET /breaches/{id}":                 viewer,
		"POST /breaches/{id}/acknowledge":    operator,

		"GET /hosts":                viewer,
		"GET /hosts/new":            operator,
		"POST /hosts/new":           operator,
		"GET /hosts/{id}":           viewer,
		"GET /hosts/{id}/edit":      operator,
		"POST /hosts/{id}/edit":     operator,
		"POST /hosts/{id}/key":      operator,
		"POST /hosts/{id}/delete":   operator,
		"GET /checks":               viewer,
		"GET /checks/new":           operator,
		"POST /checks/new":          operator,
		"GET /checks/preview":       viewer,
		"GET /checks/{id}":          viewer,
		"GET /checks/{id}/edit":     operator,
		"POST /checks/{id}/edit":    operator,
		"POST /checks/{id}/enable":  operator,
		"POST /checks/{id}/disable": operator,
		"POST /checks/{id}/delete":  operator,

		"GET /targets":              viewer,
		"GET /targets/new":          operator,
		"POST /targets/new":         operator,
		"GET /targets/import":       operator,
		"POST /targets/import":      operator,
		"GET /targets/{id}":         viewer,
		"GET /targets/{id}/edit":    operator,
		"POST /targets/{id}/edit":   operator,
		"POST /targets/{id}/pause":  operator,
		"POST /targets/{id}/resume": operator,
		"POST /targets/{id}/delete": operator,
		"GET /run":                  viewer,
		"POST /run":                 operator,
		"POST /run/stop":            operator,
		"POST /run/clear":           operator,
		"GET /run/watch":            viewer,
		"GET /run/output":           viewer,

		"GET /rules":               viewer,
		"GET /rules/new":           operator,
		"POST /rules/new":          operator,
		"POST /rules/preview":      operator,
		"GET /rules/{id}":          viewer,
		"GET /rules/{id}/edit":     operator,
		"POST /rules/{id}/edit":    operator,
		"POST /rules/{id}/enable":  operator,
		"POST /rules/{id}/disable": operator,
		"POST /rules/{id}/restore": operator,
		"POST /rules/{id}/delete":  operator,

		"GET /events":           viewer,
		"GET /events.json":      viewer,
		"GET /events/{id}":      viewer,
		"GET /events/{id}.json": viewer,

		"GET /subscriptions":                                    viewer,
		"GET /subscriptions/new":                                operator,
		"POST /subscriptions/new":                               operator,
		"GET /subscriptions/{id}":                               viewer,
		"GET /subscriptions/{id}/edit":                          operator,
		"POST /subscriptions/{id}/edit":                         operator,
		"POST /subscriptions/{id}/pause":                        operator,
		"POST /subscriptions/{id}/resume":                       operator,
		"POST /subscriptions/{id}/delete":                       operator,
		"GET /subscriptions/{id}/replay":                        operator,
		"POST /subscriptions/{id}/replay":                       operator,
		"GET /subscriptions/{id}/deliveries/{delivery}":         viewer,
		"POST /subscriptions/{id}/endpoints/{endpoint}/test":    operator,
		"POST /subscriptions/{id}/endpoints/{endpoint}/enable":  operator,
		"POST /subscriptions/{id}/endpoints/{endpoint}/disable": operator,
		"GET /subscriptions/{id}/endpoints/{endpoint}/rotate":   operator,
		"POST /subscriptions/{id}/endpoints/{endpoint}/rotate":  operator,

		"GET /settings":                     viewer,
		"GET /settings/tokens":              admin,
		"GET /settings/tokens/new":          admin,
		"POST /settings/tokens/new":         admin,
		"POST /settings/tokens/{id}/revoke": admin,
		"GET /settings/silences":            viewer,
		"GET /settings/silences/new":        operator,
		"POST /settings/silences/new":       operator,
		"GET /settings/silences/preview":    viewer,
		"GET /settings/silences/{id}":       viewer,
		"GET /settings/silences/{id}/edit":  operator,
		"POST /settings/silences/{id}/edit": operator,
		"POST /settings/silences/{id}/end":  operator,
		"GET /settings/audit":               admin,
	}
}

// TestTableOfRoutes: the table and the test's list are the same.
func TestTableOfRoutes(t *testing.T) {
	t.Parallel()
	want := least()
	for _, r := range web.Routes() {
		name := r.Method + " " + r.Path
		role, listed := want[name]
		switch {
		case !listed:
			t.Errorf("%s is new: say in this test who may use it", name)
		case string(role) != r.Access:
			t.Errorf("%s is for %q, not %q", name, r.Access, role)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			t.Errorf("%s: a browser without script sends GET and POST only", name)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is gone: take it out of this test", name)
	}
}

// TestRolesOnAllRoutes: on each route each role gets what it may, and no more; and
// whoever only reads, or is refused, changes nothing.
func TestRolesOnAllRoutes(t *testing.T) {
	t.Parallel()
	for _, anonymous := range []bool{false, true} {
		t.Run(fmt.Sprintf("anonymous viewer %t", anonymous), func(t *testing.T) {
			t.Parallel()
			s := newStock(time.Now().UTC().Truncate(time.Second), asItIs, asItIs)
			d := openStocked(t, s, func(cfg *app.Config) { cfg.Web.AnonymousViewer = anonymous })
			roles := []barograph.Role{"", barograph.RoleViewer, barograph.RoleOperator, barograph.RoleAdmin}
			browsers := map[barograph.Role]*browser{}
			for _, role := range roles {
				browsers[role] = d.as(role)
			}
			before := d.stored()
			// What they may do comes last, as it changes something.
			for _, refused := range []bool{true, false} {
				for _, r := range inOrder(web.Routes()) {
					for _, role := range roles {
						if may(r, role, anonymous) == !refused {
							browsers[role].checkRoute(r, s.path(r.Path), refused, role)
						}
					}
				}
				if refused {
					sameAs(t, d, before, "what was refused")
				}
			}
		})
	}
}

// TestReadingChangesNothing: GET is safe on all routes.
func TestReadingChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStock(time.Now().UTC().Truncate(time.Second), asItIs, asItIs)
	d := openStocked(t, s, func(*app.Config) {})
	in := d.as(barograph.RoleAdmin)
	before := d.stored()
	for _, r := range web.Routes() {
		if r.Method == http.MethodGet {
			in.open(http.MethodGet, s.path(r.Path), nil)
			in.open(http.MethodHead, s.path(r.Path), nil)
		}
	}
	sameAs(t, d, before, "reading")
}

// TestNoRouteObeysOtherSites: whatever a page of another site sends is refused,
// and so it is where a browser is too old to say more than the origin.
func TestNoRouteObeysOtherSites(t *testing.T) {
	t.Parallel()
	s := newStock(time.Now().UTC().Truncate(time.Second), asItIs, asItIs)
	d := openStocked(t, s, func(*app.Config) {})
	in := d.as(barograph.RoleAdmin)
	before := d.stored()
	for _, r := range web.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			if got := in.open(r.Method, s.path(r.Path), header[:]); got.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %s: %s", r.Path, header, got.Status)
			}
		}
	}
	sameAs(t, d, before, "pages of other sites")
	in.see("/", "What breaks next")
}

func sameAs(t *testing.T, d *desk, before, what string) {
	t.Helper()
	after := d.stored()
	if after == before {
		return
	}
	was := strings.Split(before, "\n")
	for line := range strings.SplitSeq(after, "\n") {
		if !slices.Contains(was, line) {
			t.Errorf("%s changed something: there is now %s", what, line)
		}
	}
	if len(after) < len(before) {
		t.Errorf("%s removed something", what)
	}
}

// may reports whether the role, "" for somebody unknown, may use the route.
func may(r web.Route, role barograph.Role, anonymous bool) bool {
	if role == "" && anonymous {
		role = barograph.RoleViewer
	}
	return r.Access == "" || role.Allows(barograph.Role(r.Access))
}

// inOrder returns first what only reads, then what changes, then what removes and
// signs out.
func inOrder(routes []web.Route) []web.Route {
	rank := func(r web.Route) int {
		switch {
		case r.Path == "/sign-out":
			return 3
		case strings.HasSuffix(r.Path, "/delete"), strings.HasSuffix(r.Path, "/revoke"), strings.HasSuffix(r.Path, "/end"):
			return 2
		case r.Method == http.MethodPost:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(routes, func(a, b web.Route) int { return rank(a) - rank(b) })
	return routes
}

func (b *browser) checkRoute(r web.Route, path string, refused bool, role barograph.Role) {
	b.t.Helper()
	got := b.open(r.Method, path, nil)
	name := fmt.Sprintf("%s %s as %q: %s, to %q", r.Method, r.Path, role, got.Status, got.Header.Get("Location"))
	toSignIn := got.StatusCode == http.StatusSeeOther && strings.HasPrefix(got.Header.Get("Location"), "/sign-in")
	if got.StatusCode >= http.StatusInternalServerError {
		b.t.Error(name)
	}
	switch {
	case refused && role == "" && (r.Path == "/live" || r.Path == "/run/watch"):
		if got.StatusCode != http.StatusNoContent {
			b.t.Errorf("%s; want nothing to follow", name)
		}
	case refused && role == "" && !toSignIn:
		b.t.Errorf("%s; want to be asked to sign in", name)
	case refused && role != "" && got.StatusCode != http.StatusForbidden:
		b.t.Errorf("%s; want 403", name)
	case refused:
	case r.Access == "": // what comes of it is another test's
	case toSignIn, got.StatusCode == http.StatusForbidden, got.StatusCode == http.StatusUnauthorized:
		b.t.Errorf("%s; want to be let in", name)
	case r.Method == http.MethodGet && got.StatusCode != http.StatusOK:
		b.t.Errorf("%s; want the page", name)
	}
}

// open sends a request without a form and returns the head of the answer: what
// comes after that may have no end.
func (b *browser) open(method, path string, header []string) head {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(""))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if len(header) > 0 {
		r.Header.Set(header[0], header[1])
	}
	if b.cookie != nil {
		r.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		_, _ = io.Copy(io.Discard, res.Body) // so that the connection may be used again
	}
	_ = res.Body.Close()
	return head{res.StatusCode, res.Status, res.Header}
}

// head is that of an answer.
type head struct {
	StatusCode int
	Status     string
	Header     http.Header
}
