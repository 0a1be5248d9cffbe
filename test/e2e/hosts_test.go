package e2e_test

import (
	"context"
	"net/http"
	"regexp"
	"testing"

	"github.com/barograph/barograph"
)

// remove deletes what a test made.
func (w *world) remove(tb testing.TB, path string) {
	tb.Helper()
	tb.Cleanup(func() {
		if status, text, err := w.Do(context.WithoutCancel(tb.Context()), http.MethodDelete, "/api/v1"+path, w.Token, nil); err != nil || status/100 != 2 {
			tb.Errorf("delete %s: %d %s %v", path, status, text, err)
		}
	})
}

// TestAddHost adds a host, copies nothing but reads its key, and is told when it
// was heard without doing anything.
func TestAddHost(t *testing.T) {
	w := theWorld(t)
	v := visit(t, as(operator))
	v.Open("/hosts")
	v.Click("Add a host")
	v.At("/hosts/new")
	v.Fill("Name", "db-1")
	v.Click("Add the host")
	v.See("db-1") // it is taken, and stays in the field
	if got := v.Value("Name"); got != "db-1" {
		t.Errorf("the name is %q now", got)
	}
	v.Fill("Name", "new-1")
	v.Fill("Labels", "role=web, os=debian")
	v.Click("Add the host")
	v.See("Paste this there", "not heard yet")
	v.FitsWidth()
	v.Accessible()
	key := regexp.MustCompile(`baro_agt_[A-Za-z0-9]+`).FindString(v.Text())
	if key == "" {
		t.Fatalf("no key in %s", v.Text())
	}
	w.remove(t, "/hosts/"+w.idOf(t, "hosts", "", "new-1"))
	if status, text, err := w.Do(t.Context(), http.MethodPost, "/api/submit", barograph.Secret(key), map[string]any{"field": "disk_used_ratio", "value": .5, "labels": map[string]string{"mount": "/"}}); err != nil || status/100 != 2 {
		t.Fatalf("%d %s %v", status, text, err)
	}
	v.Within("Is it there?").See("heard")
	v.Within("Is it there?").NotSee("not heard yet")
	v.Click("The page of new-1")
	v.See("role=web", "50 %")
}

// TestCheckForm shows which hosts a check would run on while one types, and then
// makes it for one host, from that host's page.
func TestCheckForm(t *testing.T) {
	w := theWorld(t)
	v := visit(t, as(operator))
	v.Open(first("hosts", "", "mail-1")(t, w))
	v.Click("Assign a check to this host")
	v.At("/checks/new")
	v.See(`1 of`)
	v.Within("Where it runs").See("mail-1")
	v.Fill("Hosts with these labels", `{host=~"mail-1|db-.*"}`)
	v.Within("Where it runs").See("3 of")
	v.Fill("Hosts with these labels", `{host=`)
	v.Within("Where it runs").See("expected a quoted value")
	v.Fill("Hosts with these labels", `{host="mail-1"}`)
	v.Fill("Name", "mail_queue_length")
	v.Fill("Command", "mailq | grep -c '^[A-F0-9]'")
	v.Fill("Every", "5m")
	v.Click("Make the check")
	v.See("The check was created.", "mail_queue_length", "1 host", "mail-1")
	w.remove(t, "/checks/"+w.idOf(t, "checks", "", "mail_queue_length"))
	v.FitsWidth()
	v.Accessible()
	v.Click("Disable")
	v.Click("Yes, disable it")
	v.See("The check was disabled.")
	v.Click("Enable")
	v.See("The check was enabled.")
}
