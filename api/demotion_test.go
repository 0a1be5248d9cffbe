package api_test

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func TestDemotedRule(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := s.call(barograph.RoleOperator, "POST", "/api/v1/rules", `{"name":"disk","series":"disk_used_ratio","operator":">","limit":0.9}`).
		want(t, 201).header.Get("Location")
	var rule barograph.Rule
	get := func() barograph.Rule {
		t.Helper()
		var r barograph.Rule
		s.call(barograph.RoleViewer, "GET", at, nil).want(t, 200).into(t, &r)
		return r
	}
	rule = get()
	demote := func() {
		t.Helper()
		err := s.db.Record(t.Context(), barograph.Change{Standings: []barograph.RuleStanding{{RuleID: rule.ID, Demoted: &barograph.Demotion{
			At: epoch.Add(time.Minute), Confirmed: 4, Scored: 20, Reason: "4 of its last 20 scored predictions came true",
		}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	demote()
	s.call(barograph.RoleViewer, "GET", at, nil).want(t, 200).golden(t, "rule_demoted")

	var told barograph.Rule
	reworded := `{"name":"disk","series":"disk_used_ratio","operator":">","limit":0.9,"severity":"critical"}`
	s.call(barograph.RoleOperator, "PUT", at, reworded).want(t, 200).into(t, &told)
	if told.Demoted == nil || get().Demoted == nil {
		t.Error("a rule in other words is not demoted any more")
	}
	another := `{"name":"disk","series":"disk_used_ratio","operator":">","limit":0.95}`
	told = barograph.Rule{}
	s.call(barograph.RoleOperator, "PUT", at, another).want(t, 200).into(t, &told)
	if told.Demoted != nil {
		t.Error("another rule is told to be demoted")
	}

	demote()
	s.call(barograph.RoleViewer, "POST", at+"/restore", nil).want(t, 403)
	s.call(barograph.RoleOperator, "POST", at+"/restore", nil).want(t, 200).golden(t, "rule_restored")
	if get().Demoted != nil {
		t.Error("still demoted")
	}
	s.call(barograph.RoleOperator, "POST", "/api/v1/rules/rul_none/restore", nil).want(t, 404)
}
