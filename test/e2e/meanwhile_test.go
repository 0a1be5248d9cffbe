package e2e_test

import (
	"net/http"
	"testing"

	"github.com/barograph/barograph"
)

// TestChangedMeanwhile: whoever saves second sees both, and overwrites by a button
// of its own only, not by Enter.
func TestChangedMeanwhile(t *testing.T) {
	v, w := visit(t, as(operator)), theWorld(t)
	said := map[string]any{"name": "Edited by two", "series": "e2e_edited_by_two", "operator": ">", "limit": 10, "horizon": "0s"}
	var rule struct{ ID barograph.RuleID }
	w.Call(t, http.MethodPost, "/api/v1/rules", w.Token, said, &rule)
	path := "/rules/" + string(rule.ID)
	v.Open(path + "/edit")
	said["limit"] = 20
	w.Call(t, http.MethodPut, "/api/v1/rules/"+string(rule.ID), w.Token, said, nil)
	v.Fill("Limit", "30")
	v.Press("Enter")
	v.See("Somebody changed this rule since you opened the form", "Stored now", "You typed")
	v.Accessible()
	v.FitsWidth()
	v.Fill("Limit", "40")
	v.Press("Enter")
	v.Within("Limit").See("20", "40")
	v.Click("Save mine anyway")
	v.At(path)
	v.See("The rule was saved.", "40")
}
