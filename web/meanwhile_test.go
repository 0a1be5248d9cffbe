package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/barograph/barograph"
)

// things are one of each that can be edited: how it is made, and a field of its
// form with three things to say in it.
func things() map[string]struct {
	path, field string
	made        url.Values
	said        [3]string
	told        bool // the audit log knows who changes it
} {
	type thing = struct {
		path, field string
		made        url.Values
		said        [3]string
		told        bool
	}
	return map[string]thing{
		"host":   {"/hosts", "labels", url.Values{"name": {"db-1"}}, [3]string{"role=first", "role=second", "role=third"}, false},
		"check":  {"/checks", "interval", url.Values{"name": {"zombies"}, "command": {"echo 1"}, "enabled": {"on"}}, [3]string{"2m", "3m", "4m"}, false},
		"target": {"/targets", "address", url.Values{"name": {"away"}, "kind": {"icmp"}, "address": {"192.0.2.1"}}, [3]string{"192.0.2.2", "192.0.2.3", "192.0.2.4"}, false},
		"rule": {
			"/rules", "annotation_text",
			url.Values{"name": {"Full"}, "series": {"disk_used_ratio"}, "operator": {">"}, "limit": {"0.9"}, "severity": {"warning"}, "annotation_name": {"runbook"}, "annotation_text": {"zero"}},
			[3]string{"first", "second", "third"},
			false,
		},
		"subscription": {
			"/subscriptions", "min_probability",
			url.Values{"name": {"on call"}, "endpoints[0].kind": {"webhook"}, "endpoints[0].url": {"https://example.com/hook"}, "enabled": {"on"}},
			[3]string{"60 %", "70 %", "80 %"},
			true,
		},
		"silence": {
			"/settings/silences", "comment",
			url.Values{"kind": {"once"}, "matchers": {"host=db-1"}, "comment": {"zero"}, "ends_at": {"2h"}},
			[3]string{"first", "second", "third"},
			true,
		},
	}
}

// Whoever saves second is told what the first made of it, loses nothing of what
// they typed, and overwrites only what they were shown.
func TestNobodyOverwritesUnknowingly(t *testing.T) {
	d := open(t)
	operator, admin := d.as(barograph.RoleOperator), d.as(barograph.RoleAdmin)
	all := things()
	for _, noun := range slices.Sorted(maps.Keys(all)) {
		thing := all[noun]
		t.Run(noun, func(t *testing.T) {
			path := pathOfMade(t, operator, thing.path, thing.made)
			with := func(form shown, said string) url.Values {
				values := filledIn(form)
				values[thing.field][0] = said
				return values
			}
			first, second := operator.see(path+"/edit"), admin.see(path+"/edit")
			admin.do(path+"/edit", with(second, thing.said[0]))

			stale := with(first, thing.said[1])
			refused := operator.post(path+"/edit", stale)
			by := "Somebody"
			if thing.told {
				by = "admin"
			}
			for _, text := range []string{by + " changed this " + noun, thing.said[0], "Save mine anyway"} {
				if !strings.Contains(refused.text, text) {
					t.Errorf("%q is not in: %s", text, refused.text)
				}
			}
			if got := filledIn(refused)[thing.field][0]; refused.status != http.StatusConflict || got != thing.said[1] {
				t.Fatalf("an old form: status %d, kept %q", refused.status, got)
			}
			if again := operator.post(path+"/edit", filledIn(refused)); again.status != http.StatusConflict {
				t.Errorf("saved once more as it is: status %d", again.status)
			}

			// What was not shown is not overwritten either.
			anyway := filledIn(refused)
			anyway.Set("overwrite", offered(t, refused))
			admin.do(path+"/edit", with(admin.see(path+"/edit"), thing.said[2]))
			refused = operator.post(path+"/edit", anyway)
			if refused.status != http.StatusConflict || !strings.Contains(refused.text, thing.said[2]) {
				t.Fatalf("changed again: status %d: %s", refused.status, refused.text)
			}
			anyway.Set("overwrite", offered(t, refused))
			operator.do(path+"/edit", anyway)
			if got := filledIn(operator.see(path + "/edit"))[thing.field][0]; got != thing.said[1] {
				t.Errorf("after saving anyway it says %q", got)
			}
		})
	}
}

// A name that is taken is told as that, and what two people typed alike is no
// conflict to be solved.
func TestOtherConflicts(t *testing.T) {
	d := open(t)
	in := d.as(barograph.RoleOperator)
	in.do("/rules/new", url.Values{"name": {"Taken"}, "series": {"up"}, "operator": {"<"}, "limit": {"1"}})
	path := pathOfMade(t, in, "/rules", url.Values{"name": {"Free"}, "series": {"up"}, "operator": {"<"}, "limit": {"1"}})
	old := filledIn(in.see(path + "/edit"))
	taken := maps.Clone(old)
	taken.Set("name", "Taken")
	if answer := in.post(path+"/edit", taken); answer.status != http.StatusUnprocessableEntity || strings.Contains(answer.text, "Somebody changed") {
		t.Errorf("a taken name: status %d: %s", answer.status, answer.text)
	}
	alike := maps.Clone(old)
	alike.Set("limit", "2")
	in.do(path+"/edit", alike)
	if answer := in.post(path+"/edit", alike); answer.status != http.StatusConflict || !strings.Contains(answer.text, "nothing left to save") || strings.Contains(answer.text, "Save mine anyway") {
		t.Errorf("the same again: status %d: %s", answer.status, answer.text)
	}
	odd := maps.Clone(old)
	for _, name := range []string{"", "options.", "recurs.", "endpoints["} { // which no form of ours has
		odd.Set(name, "x")
	}
	if answer := in.post(path+"/edit", odd); answer.status != http.StatusConflict {
		t.Errorf("fields without a name: status %d: %s", answer.status, answer.text)
	}
}

// pathOfMade makes a thing and returns the path of its page.
func pathOfMade(t *testing.T, in *browser, list string, values url.Values) string {
	t.Helper()
	answer := in.post(list+"/new", values)
	if answer.status == http.StatusSeeOther {
		path, _, _ := strings.Cut(answer.location, "?")
		return path
	}
	for n := range answer.root.Descendants() { // what is shown once leads on
		if path := attribute(n, "href"); strings.HasPrefix(path, list+"/") && !strings.HasSuffix(path, "/new") {
			path, _, _ = strings.Cut(path, "?")
			return path
		}
	}
	t.Fatalf("making one of %s: status %d: %s", list, answer.status, answer.text)
	return ""
}

// offered returns the version that a page offers to overwrite.
func offered(t *testing.T, page shown) string {
	t.Helper()
	for n := range page.root.Descendants() {
		if attribute(n, "name") == "overwrite" {
			return attribute(n, "value")
		}
	}
	t.Fatalf("nothing is offered to be overwritten: %s", page.text)
	return ""
}
