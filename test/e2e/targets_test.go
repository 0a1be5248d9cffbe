package e2e_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/probes"
	"github.com/barograph/barograph/test/harness"
)

// alone starts a server of a test's own, with targets files to run.
func alone(t *testing.T, files map[string]string) *harness.Server {
	t.Helper()
	needBrowser(t)
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	cfg.Web.Configs = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(cfg.Web.Configs, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return harness.Start(t, app.Options{Config: cfg, Bare: true})
}

// TestAddTarget adds a target and sees it measured, without loading the page again.
func TestAddTarget(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(site.Close)
	s := alone(t, nil)
	v := visit(t, on(s.URL))
	v.SignIn(s.Token)
	v.Click("Targets")
	v.See("There are no targets yet")
	v.Click("Add the first target")
	v.See("Options of icmp")
	v.NotSee("Options of dns", "Options of http")
	v.Choose("Kind", "http")
	v.See("Options of http", "Options of tls and https")
	v.NotSee("Options of icmp", "Options of dns")
	v.Fill("Every", "1s")
	v.Fill("Address", "127.0.0.1")
	v.Click("Add the target")
	v.See("is not an http or https URL")
	if described := v.Described("Address"); !strings.Contains(described, "is not an http or https URL") || v.Value("Every") != "1s" {
		t.Errorf("beside the address: %q; the interval is %q", described, v.Value("Every"))
	}
	v.Fill("Address", site.URL)
	v.Fill("Name", "the site")
	v.Click("Options of http")
	v.Fill("Status codes that are good", "204")
	v.Click("Add the target")
	v.See("The target was created.", "the site", "up", "round trip", "make a rule for the round trip")
	v.Click("Pause")
	v.See("The target was paused.", "paused")
	v.Click("1 d")
	v.See("In the last day")
	v.FitsWidth()
	v.Accessible()
	v.Click("Delete")
	v.Click("Yes, delete the target")
	v.See("The target was deleted.", "There are no targets yet")
}

// TestBrokenTargetsFile pastes a file with mistakes, sees them at their lines,
// corrects them, looks at what would be added, and adds it.
func TestBrokenTargetsFile(t *testing.T) {
	for name, options := range map[string][]option{"laptop": nil, "phone, without script": {phone(), withoutScript()}} {
		t.Run(name, func(t *testing.T) {
			s := alone(t, nil)
			v := visit(t, append(options, on(s.URL))...)
			v.SignIn(s.Token)
			v.Open("/targets/import")
			v.Fill("Paste a targets file", "global_settings:\n  interval: often\ntargets:\n  - 127.0.0.1\n  - https://example.com/\n")
			v.Click("Look at it first")
			v.See("2 mistakes in what was pasted", "5 - https://example.com/ Column 5", "write its host alone", "Column 13")
			v.FitsWidth()
			v.Accessible()
			if text := v.Value("Paste a targets file"); !strings.Contains(text, "- https://example.com/") {
				t.Errorf("the text comes back as %q", text)
			}
			v.Fill("Paste a targets file", "global_settings:\n  interval: 3600\ntargets:\n  - 127.0.0.1\n  - 127.0.0.2\n")
			v.Click("Look at it first")
			v.See("2 targets to add", "new")
			v.NotSee("mistakes")
			v.FitsWidth()
			v.Accessible()
			v.Click("Add 2 targets")
			v.See("The targets were added.", "127.0.0.2")
			v.Open("/targets/import")
			v.Fill("Paste a targets file", "targets: [127.0.0.2]")
			v.Click("Look at it first")
			v.See("Nothing to add", "there already")
		})
	}
}

const (
	lively = "global_settings: {probes: 1, interval: 100ms}\ntargets: [127.0.0.1, 127.0.0.2, 127.0.0.3]\n"
	calm   = "global_settings: {probes: 1, interval: 1h}\ntargets: [127.0.0.9]\n"
)

// runnable starts a server that may ping.
func runnable(t *testing.T) *harness.Server {
	t.Helper()
	if err := probes.NewICMP(probes.DefaultConfig(), probes.Env{}).Check(t.Context()); err != nil {
		t.Skipf("this machine does not let the test ping: %s", err)
	}
	return alone(t, map[string]string{"lively.yaml": lively, "calm.yaml": calm, "broken.yaml": "targets: [http://x/]\n"})
}

// TestRun runs a file with one click and watches; what was printed is there when
// one comes back; it is stopped, cleared after a question, and another one is run.
func TestRun(t *testing.T) {
	s := runnable(t)
	v := visit(t, on(s.URL))
	v.SignIn(s.Token)
	v.Click("Run")
	v.See("Nothing has run yet", "lively.yaml")
	v.Click("Run lively.yaml")
	v.See("Output of lively.yaml", "running", "started by", "pinging 3 targets", "127.0.0.3")
	before := linesOf(v)
	v.until(func() error { return moreLines(v, before+30) })
	if end := scrolled(v); !end {
		t.Error("the end is not in view, though nobody went away from it")
	}
	v.FitsWidth()
	v.Accessible()
	// Who reads further up is left there.
	_, err := evaluate[float64](v, `document.getElementById("run-output").scrollTop = 0`)
	v.must(err, "scroll up")
	before = linesOf(v)
	v.until(func() error { return moreLines(v, before+10) })
	if scrolled(v) {
		t.Error("the output jumped to its end")
	}

	other := visit(t, on(s.URL), phone(), dark())
	other.SignIn(s.Token)
	other.Open("/run")
	other.See("pinging 3 targets", "Live")
	other.FitsWidth()
	v.Open("/targets")
	v.Open("/run")
	v.See("pinging 3 targets", "Live")

	v.Click("Clear")
	v.See("still runs. Clearing stops it")
	v.Click("Stop")
	for _, one := range []*visitor{v, other} {
		one.See("stopped by", "over", "summary of")
	}
	v.Click("Clear")
	for _, one := range []*visitor{v, other} {
		one.See("Nothing has run yet")
	}
	v.Click("Run calm.yaml")
	for _, one := range []*visitor{v, other} {
		one.See("Output of calm.yaml", "pinging 1 target", "127.0.0.9")
	}
	// Another one while it goes on: it asks, and a wrong one stops nothing.
	v.Click("Run broken.yaml")
	v.Click("Stop it and run broken.yaml")
	v.See("1 mistake in broken.yaml", "write its host alone", "calm.yaml", "running")
	v.Click("Run lively.yaml")
	v.Click("Stop it and run lively.yaml")
	other.See("Output of lively.yaml")
	v.Click("Stop")
	v.See("over")
	v.Fill("Paste a targets file", calm)
	v.Within("Your own targets").Click("Run")
	v.See("Output of what was pasted", "127.0.0.9")
	v.Upload("or upload one", writeFile(t, "mine.yaml", lively))
	v.Within("Your own targets").Click("Run")
	v.Click("Stop it and run this")
	v.See("Output of mine.yaml", "127.0.0.3")
}

// TestRunWithoutScript sees the output so far, and more of it after Refresh.
func TestRunWithoutScript(t *testing.T) {
	s := runnable(t)
	v := visit(t, on(s.URL), withoutScript())
	v.SignIn(s.Token)
	v.Open("/run")
	v.Click("Run lively.yaml")
	v.See("Output of lively.yaml", "running", "Refresh")
	before := linesOf(v)
	v.until(func() error {
		v.Open("/run") // which is where Refresh leads
		return moreLines(v, before+3)
	})
	v.Click("Refresh")
	v.See("pinging 3 targets", "running")
	v.Click("Stop")
	v.See("over")
	v.Accessible()
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// linesOf returns how many lines of output are shown.
func linesOf(v *visitor) int {
	v.t.Helper()
	n, err := evaluate[int](v, `document.getElementById("run-output").textContent.split("\n").length - 1`)
	v.must(err, "count lines")
	return n
}

var errTooFew = errors.New("the output has too few lines")

func moreLines(v *visitor, than int) error {
	if n := linesOf(v); n <= than {
		return errTooFew
	}
	return nil
}

// scrolled reports whether the end of the output is in view.
func scrolled(v *visitor) bool {
	v.t.Helper()
	end, err := evaluate[bool](v, `(o => o.scrollHeight - o.scrollTop - o.clientHeight < 60)(document.getElementById("run-output"))`)
	v.must(err, "see where the output is")
	return end
}
