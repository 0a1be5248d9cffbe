package barograph_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
)

func soundRule() barograph.Rule {
	return barograph.Rule{
		Name: "disk full", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning,
	}
}

func TestRuleAnnotationsMustRun(t *testing.T) {
	t.Parallel()
	rule := soundRule()
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

func TestRuleLimitsAnnotations(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range barograph.MaxAnnotations + 1 {
		many[fmt.Sprintf("a%d", i)] = ""
	}
	for name, tc := range map[string]struct {
		annotations map[string]string
		field       string
		says        []string
	}{
		"as long as can be":     {map[string]string{"runbook": strings.Repeat("x", barograph.MaxAnnotationBytes)}, "", nil},
		"too long":              {map[string]string{"runbook": strings.Repeat("x", barograph.MaxAnnotationBytes+1)}, "annotations.runbook", []string{"4097", "4096"}},
		"too long, not as text": {map[string]string{"runbook": strings.Repeat("{{", barograph.MaxAnnotationBytes)}, "annotations.runbook", []string{"8192", "4096"}},
		"bytes count":           {map[string]string{"runbook": strings.Repeat("ü", barograph.MaxAnnotationBytes/2+1)}, "annotations.runbook", []string{"4098", "4096"}},
		"name too long":         {map[string]string{strings.Repeat("n", barograph.MaxNameBytes+1): "x"}, "annotations", []string{"nnn", "257", "256"}},
		"too many":              {many, "annotations", []string{"33", "32"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := soundRule()
			r.Annotations = tc.annotations
			e, _ := errors.AsType[*barograph.Error](r.Validate())
			if tc.field == "" {
				if e != nil {
					t.Error(e)
				}
				return
			}
			if e == nil || len(e.Fields) != 1 || e.Fields[0].Field != tc.field {
				t.Fatalf("%v, want one problem of %s", e, tc.field)
			}
			for _, text := range tc.says {
				if !strings.Contains(e.Fields[0].Message, text) {
					t.Errorf("%q is not in: %s", text, e.Fields[0].Message)
				}
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
