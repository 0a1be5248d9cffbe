package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/api"
)

// resource is what is tried on each of them.
type resource struct {
	path, wrap   string // wrap: the property of the creation's answer that holds the resource
	least, other string // the smallest input, and another one with the same name
	golden       string
}

func resources() []resource {
	return []resource{
		{
			"/api/v1/hosts", "host", `{"name":"db-1"}`,
			`{"name":"db-1","labels":{"role":"db"}}`, "host",
		},
		{
			"/api/v1/checks", "", `{"name":"queue_length","command":"echo 7"}`,
			`{"name":"queue_length","collector":"cpu","interval":"10s","labels":{"a":"b"},"matchers":"{os=\"debian\"}","enabled":false}`, "check",
		},
		{
			"/api/v1/targets", "", `{"name":"gateway","kind":"icmp","address":"192.0.2.1"}`,
			`{"name":"gateway","kind":"http","address":"https://example.com/","timeout":"3s","options":{"method":"HEAD","status_codes":[204]}}`, "target",
		},
		{
			"/api/v1/rules", "", `{"name":"disk fills up","series":"disk_used_ratio","operator":">","limit":0.9}`,
			`{"name":"disk fills up","series":"disk_used_ratio{mount=\"/\"}","operator":">=","limit":0.8,"for":"5m","horizon":"0s",
			  "open_at":0.9,"close_at":0.5,"bounds":{"min":0,"max":1},"severity":"critical","annotations":{"summary":"hm"}}`, "rule",
		},
		{
			"/api/v1/subscriptions", "subscription", `{"name":"on call","endpoints":[{"kind":"webhook","url":"https://example.com/"}]}`,
			`{"name":"on call","event_types":["breach.*"],"min_severity":"warning","min_probability":0.5,
			  "endpoints":[{"kind":"email","to":["ops@example.com"]},{"kind":"sms","to":["+4915112345678"]}]}`, "subscription",
		},
	}
}

func TestResourceLives(t *testing.T) {
	t.Parallel()
	for _, r := range resources() {
		t.Run(r.golden, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			created := s.call(barograph.RoleOperator, "POST", r.path, r.least).want(t, 201)
			created.golden(t, r.golden+"_created")
			at := created.header.Get("Location")
			if !strings.HasPrefix(at, r.path+"/") {
				t.Fatalf("Location is %q", at)
			}

			var shown, got map[string]any
			created.into(t, &shown)
			if r.wrap != "" {
				shown, _ = shown[r.wrap].(map[string]any)
			}
			s.call(barograph.RoleOperator, "GET", at, nil).want(t, 200).into(t, &got)
			delete(shown, "backtest") // only whoever saves a rule is told
			if diff := cmp.Diff(shown, got); diff != "" {
				t.Errorf("created and read differ:\n%s", diff)
			}

			taken := s.call(barograph.RoleOperator, "POST", r.path, r.other).want(t, 409)
			if !strings.Contains(string(taken.body), "name") {
				t.Errorf("conflict does not name the field: %s", taken.body)
			}
			s.call(barograph.RoleOperator, "PUT", at, r.other).want(t, 200).golden(t, r.golden+"_replaced")
			s.call(barograph.RoleViewer, "GET", r.path, nil).want(t, 200).golden(t, r.golden+"_list")
			s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)
			for _, method := range []string{"GET", "DELETE"} {
				s.call(barograph.RoleOperator, method, at, nil).want(t, 404)
			}
			s.call(barograph.RoleOperator, "PUT", at, r.least).want(t, 404).golden(t, r.golden+"_missing")
		})
	}
}

func TestReplacingRestoresDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, r := range resources() {
		at := s.call(barograph.RoleOperator, "POST", r.path, r.other).want(t, 201).header.Get("Location")
		replaced := s.call(barograph.RoleOperator, "PUT", at, r.least).want(t, 200)
		s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)
		fresh := s.call(barograph.RoleOperator, "POST", r.path, r.least).want(t, 201)
		var was, is map[string]any
		replaced.into(t, &is)
		fresh.into(t, &was)
		if r.golden == "host" {
			was, _ = was["host"].(map[string]any)
		}
		text := func(v any) string {
			b := strings.ReplaceAll(cmp.Diff(nil, v), "\u00a0", " ")
			return ids.ReplaceAllString(b, "ID")
		}
		// A database tells a later change by a later time.
		delete(was, "updated_at")
		delete(is, "updated_at")
		if r.golden != "subscription" && text(was) != text(is) {
			t.Errorf("%s: %s", r.golden, cmp.Diff(was, is))
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	names := []string{"a", "b", "c", "d", "e"}
	for _, n := range names {
		s.call(barograph.RoleOperator, "POST", "/api/v1/targets", `{"name":"`+n+`","kind":"icmp","address":"::1"}`).want(t, 201)
	}
	var seen []string
	path, pages := "/api/v1/targets?limit=2", 0
	for after := "-"; after != ""; pages++ {
		var page api.TargetList
		s.call(barograph.RoleViewer, "GET", path, nil).want(t, 200).into(t, &page)
		for _, x := range page.Items {
			seen = append(seen, x.Name)
		}
		after = page.Next
		path = "/api/v1/targets?limit=2&after=" + after
	}
	if len(seen) != len(names) || pages != 3 {
		t.Errorf("saw %v on %d pages", seen, pages)
	}
}

func TestHostKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var created api.HostWithKey
	s.call(barograph.RoleOperator, "POST", "/api/v1/hosts", `{"name":"db-1"}`).want(t, 201).into(t, &created)
	config := func(key string) int { return s.call("", "GET", "/api/agent/config", nil, "X-API-Key", key).status }
	if got := config(created.Key); got != 200 {
		t.Fatalf("new key: %d", got)
	}
	var renewed api.HostWithKey
	s.call(barograph.RoleOperator, "POST", "/api/v1/hosts/"+string(created.Host.ID)+"/key", nil).want(t, 200).into(t, &renewed)
	if renewed.Key == created.Key || config(created.Key) != 401 || config(renewed.Key) != 200 {
		t.Error("renewing a key must end the old one at once")
	}
	s.call(barograph.RoleOperator, "DELETE", "/api/v1/hosts/"+string(created.Host.ID), nil).want(t, 204)
	if got := config(renewed.Key); got != 401 {
		t.Errorf("key of a removed host: %d", got)
	}
}

func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	created := s.call(barograph.RoleOperator, "POST", "/api/v1/subscriptions",
		`{"name":"hook","endpoints":[{"kind":"webhook","url":"https://example.com/a"}]}`).want(t, 201)
	var with api.SubscriptionWithSecrets
	created.into(t, &with)
	if len(with.Secrets) != 1 || with.Secrets[0].Secret != secret || with.Secrets[0].EndpointID != with.Subscription.Endpoints[0].ID {
		t.Fatalf("secrets: %s", created.body)
	}
	at := created.header.Get("Location")
	for _, path := range []string{at, "/api/v1/subscriptions"} {
		if a := s.call(barograph.RoleAdmin, "GET", path, nil).want(t, 200); strings.Contains(string(a.body), "whsec") {
			t.Errorf("%s shows a secret: %s", path, a.body)
		}
	}

	id := string(with.Subscription.Endpoints[0].ID)
	kept := s.call(barograph.RoleOperator, "PUT", at, `{"name":"hook","endpoints":[{"id":"`+id+`","kind":"webhook","url":"https://example.com/b"}]}`).want(t, 200)
	if strings.Contains(string(kept.body), "whsec") || !strings.Contains(string(kept.body), id) {
		t.Errorf("kept endpoint: %s", kept.body)
	}
	stored, err := s.db.Subscription(t.Context(), with.Subscription.ID)
	if err != nil || stored.Endpoints[0].Secret.Reveal() != secret {
		t.Errorf("the secret was lost: %v", err)
	}
	for name, body := range map[string]string{
		"unknown": `{"name":"hook","endpoints":[{"id":"ept_other","kind":"webhook","url":"https://example.com/b"}]}`,
		"twice":   `{"name":"hook","endpoints":[{"kind":"webhook","url":"https://example.com/"},{"id":"` + id + `","kind":"webhook","url":"https://example.com/b"},{"id":"` + id + `","kind":"webhook","url":"https://example.com/b"}]}`,
	} {
		a := s.call(barograph.RoleOperator, "PUT", at, body).want(t, 422)
		if !strings.Contains(string(a.body), "].id") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if strings.Contains(s.log.String(), "whsec") {
		t.Error("a secret is in the log")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	created := s.call(barograph.RoleAdmin, "POST", "/api/v1/tokens", `{"name":"Grafana","role":"viewer","expires_at":"2026-02-01T00:00:00Z"}`).want(t, 201)
	created.golden(t, "token_created")
	var with api.TokenWithKey
	created.into(t, &with)
	list := func() answer { return s.call("", "GET", "/api/v1/hosts", nil, "Authorization", "Token "+with.Key) }
	list().want(t, 200)
	if a := s.call(barograph.RoleAdmin, "GET", "/api/v1/tokens", nil).want(t, 200); strings.Contains(string(a.body), with.Key) {
		t.Error("the list shows a key")
	}
	s.clock.advance(31 * barograph.Day)
	if a := list().want(t, 401); !strings.Contains(string(a.body), "expired") {
		t.Errorf("expired: %s", a.body)
	}
	s.clock.advance(-31 * barograph.Day)
	list().want(t, 200)
	s.call(barograph.RoleAdmin, "DELETE", "/api/v1/tokens/"+string(with.Token.ID), nil).want(t, 204)
	list().want(t, 401)
	for _, bad := range []string{"2026-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "yesterday", "2026-02-31T00:00:00Z"} {
		a := s.call(barograph.RoleAdmin, "POST", "/api/v1/tokens", `{"name":"x","role":"viewer","expires_at":"`+bad+`"}`).want(t, 422)
		if !strings.Contains(string(a.body), "expires_at") {
			t.Errorf("%s: %s", bad, a.body)
		}
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct {
		name, path, body string
		fields           []string
	}{
		{"empty", "/api/v1/rules", `{}`, []string{"name", "operator", "limit", "series"}},
		{"source and series", "/api/v1/rules", `{"name":"a","series":"disk","source":"prometheus","query":"up","operator":">","limit":1}`, []string{"series"}},
		{"unknown source", "/api/v1/rules", `{"name":"a","source":"p2","query":"up","operator":">","limit":1}`, []string{"source"}},
		{"source without query", "/api/v1/rules", `{"name":"a","source":"prometheus","operator":">","limit":1}`, []string{"query"}},
		{"query without source", "/api/v1/rules", `{"name":"a","series":"disk","query":"up","operator":">","limit":1}`, []string{"source"}},
		{"query without both", "/api/v1/rules", `{"name":"a","query":"up","operator":">","limit":1}`, []string{"source"}},
		{"bad query", "/api/v1/rules", `{"name":"a","source":"prometheus","query":"up{","operator":">","limit":1}`, []string{"query"}},
		{"bad query and more", "/api/v1/rules", `{"name":"","source":"p2","query":"up{","operator":">","limit":1,"open_at":0.1}`, []string{"name", "close_at"}},
		{"long query", "/api/v1/rules", `{"name":"a","source":"prometheus","query":"` + strings.Repeat("x", 5000) + `","operator":">","limit":1}`, []string{"query"}},
		{"untested source", "/api/v1/rules/backtest", `{"rule":{"name":"a","source":"prometheus","query":"up","operator":">","limit":1}}`, []string{"rule.source"}},
		{"not JSON", "/api/v1/rules", `{"name":`, []string{"body"}},
		{"no body", "/api/v1/rules", ``, []string{"body"}},
		{"array", "/api/v1/rules", `[]`, []string{"body"}},
		{"null", "/api/v1/rules", `null`, []string{"body"}},
		{"unknown", "/api/v1/hosts", `{"name":"a","colour":"red"}`, []string{"colour"}},
		{"two documents", "/api/v1/hosts", `{"name":"x1"} {"name":"x2"}`, []string{"body"}},
		{"something behind", "/api/v1/hosts", `{"name":"x1"}x`, []string{"body"}},
		{"selector", "/api/v1/rules", `{"name":"a","series":"disk{","operator":">","limit":1}`, []string{"series"}},
		{"metric", "/api/v1/rules", `{"name":"a","series":"{a=\"b\"}","operator":">","limit":1}`, []string{"series"}},
		{"operator", "/api/v1/rules", `{"name":"a","series":"disk","operator":"=","limit":1}`, []string{"operator"}},
		{"huge", "/api/v1/rules", `{"name":"a","series":"disk","operator":">","limit":1e999}`, []string{"limit"}},
		{"duration", "/api/v1/rules", `{"name":"a","series":"disk","operator":">","limit":1,"horizon":"3 days","for":"-1s"}`, []string{"horizon", "for"}},
		{"horizon", "/api/v1/rules", `{"name":"a","series":"disk","operator":">","limit":1,"horizon":"1000d","for":"8d","open_at":0.3}`, []string{"for", "horizon", "close_at"}},
		{"probability", "/api/v1/rules", `{"name":"a","series":"disk","operator":">","limit":1,"open_at":1,"close_at":0}`, []string{"close_at", "open_at"}},
		{"label", "/api/v1/hosts", `{"name":"a","labels":{"a b":"c","host":"d"}}`, []string{"labels.a b", "labels.host"}},
		{"label type", "/api/v1/hosts", `{"name":"a","labels":{"a":1}}`, []string{"labels.a"}},
		{"name", "/api/v1/hosts", `{"name":" a"}`, []string{"name"}},
		{"no command", "/api/v1/checks", `{"name":"a"}`, []string{"command"}},
		{"check name", "/api/v1/checks", `{"name":"a-b","command":"true","timeout":"2m","interval":"1m"}`, []string{"name", "timeout"}},
		{"matchers", "/api/v1/checks", `{"name":"a","command":"true","matchers":"{a=~\"(\"}"}`, []string{"matchers"}},
		{"collector", "/api/v1/checks", `{"name":"a","collector":"gpu"}`, []string{"collector"}},
		{"address", "/api/v1/targets", `{"name":"a","kind":"tcp","address":"nowhere","count":0}`, []string{"count"}},
		{"port", "/api/v1/targets", `{"name":"a","kind":"tcp","address":"nowhere"}`, []string{"address"}},
		{"option", "/api/v1/targets", `{"name":"a","kind":"http","address":"http://a/","options":{"status_codes":[9],"body_match":"("}}`, []string{"options.body_match", "options.status_codes[0]"}},
		{"count", "/api/v1/targets", `{"name":"a","kind":"icmp","address":"::1","count":2.5}`, []string{"count"}},
		{"endpoint", "/api/v1/subscriptions", `{"name":"a","event_types":["nope.*"],"endpoints":[{"kind":"email"},{"kind":"fax"}]}`, []string{"endpoints[1].kind", "event_types[0]", "endpoints[0].to"}},
		{"endpoints", "/api/v1/subscriptions", `{"name":"a","endpoints":[{"kind":"email"},{"kind":"webhook","url":"ftp://x"},{"kind":"webhook","url":"https://x","secret":"short"}]}`, []string{"endpoints[0].to", "endpoints[1].url", "endpoints[2].secret"}},
		{"role", "/api/v1/tokens", `{"name":"a","role":"agent"}`, []string{"role"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status := 422
			if unread := []string{"not JSON", "no body", "two documents", "something behind"}; slices.Contains(unread, tt.name) {
				status = 400
			}
			a := s.call(barograph.RoleAdmin, "POST", tt.path, tt.body).want(t, status)
			var p api.Problem
			a.into(t, &p)
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Field)
				if e.Message == "" {
					t.Errorf("%s has no message", e.Field)
				}
			}
			if diff := cmp.Diff(tt.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%s", diff, a.body)
			}
		})
	}
}

func TestQueryRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for path, field := range map[string]string{
		"/api/v1/hosts?limit=0":                 "limit",
		"/api/v1/series":                        "match[]",
		"/api/v1/series?match[]=a%7B":           "match[][0]",
		"/api/v1/series?match=a":                "match",
		"/api/v1/series?match[]=a&limit=100000": "limit",
		"/api/v1/series?match[]=a&from=now":     "from",
		"/api/v1/series?match[]=a&from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "from",
		"/api/v1/hosts?limit=1001":                    "limit",
		"/api/v1/hosts?limit=many":                    "limit",
		"/api/v1/hosts?limit=":                        "limit",
		"/api/v1/hosts?after=%00":                     "after",
		"/api/v1/events?type=nope":                    "type",
		"/api/v1/events?min_severity=bad":             "min_severity",
		"/api/v1/events?from=monday":                  "from",
		"/api/v1/predictions?state=pending":           "state",
		"/api/v1/breaches?state=confirmed":            "state",
		"/api/v1/forecasts?state=maybe":               "state",
		"/api/v1/scorecard?from=2027-01-01T00:00:00Z": "from",
		"/api/v1/events/stream?type=nope":             "type",
		"/api/v1/events/stream?types=nope":            "types",
		"/api/v1/hosts?lmit=1":                        "lmit",
		"/api/v1/hosts?limit=1;after=x":               "query",
	} {
		a := s.call(barograph.RoleViewer, "GET", path, nil).want(t, 400)
		var p api.Problem
		a.into(t, &p)
		if len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Field, field) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

// What is misspelt is answered with what there is, and what is of another kind with
// what is allowed.
func TestQueryRefusalsSayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for path, want := range map[string]string{
		"/api/v1/hosts?limit=many":                          `limit: "many" is not a whole number from 1 to 1000. `,
		"/api/v1/hosts?lmit=1&limit=2&x=3":                  "lmit: is not known here; known are after, limit. x: is not known here; known are after, limit. ",
		"/api/v1/hosts/" + string(s.host.ID) + "?limit=1":   "limit: is not known here; there are no parameters. ",
		"/api/v1/hosts/" + string(s.host.ID) + "?after=%zz": `query: can't be read: invalid URL escape "%zz". `,
	} {
		var p api.Problem
		s.call(barograph.RoleViewer, "GET", path, nil).want(t, 400).into(t, &p)
		got := ""
		for _, e := range p.Errors {
			got += e.Field + ": " + e.Message + ". "
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestOtherRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.call(barograph.RoleViewer, "GET", "/api/v1/nothing", nil).want(t, 404)
	s.call(barograph.RoleViewer, "GET", "/api/v1/hosts/", nil).want(t, 404)
	s.call(barograph.RoleViewer, "GET", "/api//v1/hosts", nil).want(t, 404)
	s.call(barograph.RoleViewer, "GET", "/api/v1/hosts/a%2Fb", nil).want(t, 404)
	a := s.call(barograph.RoleViewer, "PATCH", "/api/v1/hosts", nil).want(t, http.StatusMethodNotAllowed)
	if got := a.header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow is %q", got)
	}
	r := s.request("POST", "/api/v1/hosts", `name=a`, "Content-Type", "application/x-www-form-urlencoded",
		"Authorization", "Bearer "+s.keys[barograph.RoleOperator].Reveal())
	if a := s.do(r).want(t, 400); !strings.Contains(string(a.body), "Content-Type") {
		t.Errorf("content type: %s", a.body)
	}
}
