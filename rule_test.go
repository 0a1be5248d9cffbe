package barograph_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func TestRuleAnnotationsMustRun(t *testing.T) {
	t.Parallel()
	rule := barograph.Rule{
		Name: "disk full", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning,
	}
	for name, tc := range map[string]struct{ text, says string }{
		"plain":            {"call the storage team", ""},
		"every field":      {`{{.Rule}} {{.Series}} {{.Metric}} {{.Labels}} {{.Value}} {{.Limit}} {{.Operator}} {{.Probability}} {{.ETA.Median}} {{.Lead}}`, ""},
		"any label":        {`{{.Labels.host}} {{.Labels.no_such_label}}`, ""},
		"guarded":          {`{{with .ETA}}between {{.Early.Format "15:04"}} and {{.Late.Format "15:04"}}{{end}}`, ""},
		"not closed":       {"{{.X", "unclosed action"},
		"unknown field":    {"on {{.Nope}}", "can't evaluate field Nope"},
		"unknown function": {"{{shout .Rule}}", `function "shout" not defined`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rule
			r.Annotations = map[string]string{"runbook": tc.text, "summary": "{{.Rule}}"}
			err := r.Validate()
			if tc.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*barograph.Error](err)
			if !ok || len(e.Fields) != 1 || e.Fields[0].Field != "annotations.runbook" || !strings.Contains(e.Fields[0].Message, tc.says) {
				t.Errorf("%v, want %q of annotations.runbook", err, tc.says)
			}
		})
	}
}

func TestRuleNamesBadAnnotationsInOrder(t *testing.T) {
	t.Parallel()
	r := barograph.Rule{Annotations: map[string]string{"c": "{{", "a": "{{.A}}", "b": "{{.B}}"}}
	e, _ := errors.AsType[*barograph.Error](r.Validate())
	var got []string
	for _, f := range e.Fields {
		if strings.HasPrefix(f.Field, "annotations") {
			got = append(got, f.Field)
		}
	}
	if diff := cmp.Diff([]string{"annotations.a", "annotations.b", "annotations.c"}, got); diff != "" {
		t.Error(diff)
	}
}
