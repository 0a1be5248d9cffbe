package api_test

import (
	"strings"
	"testing"

	"github.com/barograph/barograph"
)

// Every change of what people are told is noted down, with who made it, and
// without secrets.
func TestAudit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p, b := s.warn()
	at, endpoint, with := s.subscribe(hook)
	sub, ep := string(with.Subscription.ID), string(with.Subscription.Endpoints[0].ID)
	post := func(path string, body any) { s.call(barograph.RoleAdmin, "POST", path, body).want(t, 200) }
	post(endpoint+"/rotate", nil)
	post(endpoint+"/disable", nil)
	post(endpoint+"/enable", nil)
	post(at+"/pause", nil)
	post(at+"/pause", nil) // no change
	post(at+"/resume", nil)
	post(at+"/replay", `{"from":"2026-01-02T00:00:00Z"}`)
	s.call(barograph.RoleOperator, "PUT", at, subscription(`{"id":"`+ep+`","kind":"webhook","url":"https://example.com/b","secret":"`+newWebhookKey(3)+`"}`)).want(t, 200)
	silence, made := s.silence(`{"matchers":"{host=\"db-1\"}","duration":"2h","comment":"new disks"}`)
	s.call(barograph.RoleOperator, "PUT", silence, `{"matchers":"{host=\"db-1\"}","duration":"3h","comment":"new disks"}`).want(t, 200)
	s.call(barograph.RoleOperator, "DELETE", silence, nil).want(t, 204)
	post("/api/v1/predictions/"+string(p.ID)+"/acknowledge", nil)
	post("/api/v1/breaches/"+string(b.ID)+"/acknowledge", nil)
	s.call(barograph.RoleOperator, "DELETE", at, nil).want(t, 204)

	entries := func(query string) []barograph.AuditEntry {
		var list struct{ Items []barograph.AuditEntry }
		a := s.call(barograph.RoleAdmin, "GET", "/api/v1/audit?"+query, nil).want(t, 200)
		a.into(t, &list)
		if strings.Contains(string(a.body), "whsec_") {
			t.Errorf("a secret is in it: %s", a.body)
		}
		return list.Items
	}
	for query, want := range map[string]int{
		"kind=subscription&subject=" + sub: 6, // created, paused, resumed, replayed, changed, deleted
		"kind=endpoint&subject=" + ep:      3,
		"subject=" + string(made.ID):       3,
		"kind=silence":                     3,
		"kind=prediction":                  1,
		"kind=breach":                      1,
		"to=2026-01-01T00:00:00Z":          0,
		"limit=2":                          2,
	} {
		if got := entries(query); len(got) != want {
			t.Errorf("%s: %d entries, want %d: %+v", query, len(got), want, got)
		}
	}
	all := entries("")
	if len(all) != 14 || all[0].Action == all[len(all)-1].Action {
		t.Errorf("%d entries: %+v", len(all), all)
	}
	for _, e := range all {
		if e.By != "admin" && e.By != "operator" {
			t.Errorf("%s of %s by %q", e.Action, e.Subject, e.By)
		}
	}
	s.call(barograph.RoleAdmin, "GET", "/api/v1/audit?kind=token", nil).want(t, 400)
}
