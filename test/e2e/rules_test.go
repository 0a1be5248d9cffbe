package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestRulePreview types a rule: the preview follows, and the focus stays.
func TestRulePreview(t *testing.T) {
	v := visit(t, as(operator))
	v.Open("/rules/new")
	v.Fill("Series", "disk_used_ratio")
	v.See("It looks at", "A share of 1")
	v.NotSee("limit of")
	v.Fill("Series", `disk_used_ratio{host="db-1"}`)
	v.Fill("Limit", "90 %")
	v.See("Means above 90 %.", "and the limit of 90 %", "In the last 30 days: ", "What it would have said, newest first")
	if got := v.Focused(); got != "Limit" {
		t.Errorf("the focus is on %q: the preview took it", got)
	}
	v.Fill("Series", `disk_used_ratio{host="web-3"}`)
	v.See("It looks at 1 series")
	v.Fill("Limit", "95 per cent")
	v.See("is not a share: write 90 % or 0.9")
	v.Accessible()
}

// TestRuleByKeyboard makes, changes and deletes a rule without a mouse.
func TestRuleByKeyboard(t *testing.T) {
	v := visit(t, as(operator))
	v.Open("/rules")
	v.TabTo("New rule")
	v.Press("Enter")
	v.At("/rules/new")
	v.TabTo("Name")
	v.Type("Inodes of the keyboard")
	v.TabTo("Series")
	v.Type(`disk_inodes_used_ratio{host="db-1"}`)
	v.TabTo("Limit")
	v.Type("0.9")
	v.TabTo("Create the rule")
	v.Press("Enter")
	v.See("The rule was created.", "Warns when disk_inodes_used_ratio will be above 90 %")
	path, _, _ := strings.Cut(v.where(), "?")
	t.Cleanup(func() { forgetRule(t, path) })
	v.TabTo("Edit")
	v.Press("Enter")
	v.At(path + "/edit")
	v.TabTo("Limit")
	v.Press("Control+A")
	v.Type("85 %")
	v.Press("Enter")
	v.See("The rule was saved.", "above 85 %")
	v.TabTo("Delete")
	v.Press("Enter")
	v.TabTo("Yes, delete the rule")
	v.Press("Enter")
	v.At("/rules")
	v.See("The rule was deleted.")
	v.NotSee("Inodes of the keyboard")
}

func forgetRule(t *testing.T, path string) {
	t.Helper()
	_ = theWorld(t).send(context.Background(), http.MethodDelete, "/api/v1"+path, theWorld(t).Token, nil, nil)
}

// TestRuleWithoutScript has the preview made by a button.
func TestRuleWithoutScript(t *testing.T) {
	v := visit(t, as(operator), withoutScript(), phone())
	v.Open("/rules/new?from_series=disk_used_ratio{host=%22db-1%22}")
	v.See("It looks at")
	v.Fill("Limit", "0.9")
	v.Click("Preview")
	v.At("/rules/preview")
	v.See("Means above 90 %.", "In the last 30 days: ")
	if got := v.Value("Limit"); got != "0.9" {
		t.Errorf("the limit is %q after the preview", got)
	}
	v.FitsWidth()
	v.Accessible()
}

// TestRulePreviewIsInterrupted types on while it is counted: the older answer is
// not shown, and nothing is complained about.
func TestRulePreviewIsInterrupted(t *testing.T) {
	v := visit(t, as(operator))
	v.Open("/rules/new?from_series=disk_used_ratio{host=%22db-1%22}")
	for _, limit := range []string{"10 %", "20 %", "91 %"} {
		v.Fill("Limit", limit)
		v.See("Means above " + limit + ".")
	}
	v.until(func() error {
		busy, err := evaluate[bool](v, `document.querySelector("#preview [aria-busy=true]") !== null`)
		if err == nil && busy {
			err = errors.New("it is still being counted")
		}
		return err
	})
	v.See("and the limit of 91 %", "Counted.")
	v.NotSee("limit of 20 %")
}

// TestRulePages are those of a rule with a history.
func TestRulePages(t *testing.T) {
	v := visit(t)
	v.signInAs(viewer)
	v.Open(first("rules", "", "Disk space")(t, theWorld(t)))
	v.See("What it says", "How good it was", "Its series", "goes on")
	v.Choose("Forecast", "does not move")
	v.Click("Show")
	v.until(func() error {
		if got := v.where(); !strings.Contains(got, "state=flat") {
			return fmt.Errorf("at %s", got)
		}
		return nil
	})
	v.See("the limit is")
	v.NotSee("Delete", "Edit", "Disable")
}
