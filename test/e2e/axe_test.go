package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core, which judges how accessible a page is.
var axe = sync.OnceValues(func() (string, error) {
	path := os.Getenv("BAROGRAPH_TEST_AXE")
	if path == "" {
		path = repository("bin", "axe", "node_modules", "axe-core", "axe.min.js")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		err = errors.Join(errors.New("no axe-core: make e2e installs it, or set BAROGRAPH_TEST_AXE to the path of its axe.min.js"), err)
	}
	return string(source), err
})

// finding is one rule of axe-core's that a page breaks.
type finding struct {
	ID      string
	Impact  string
	Help    string
	HelpURL string `json:"helpUrl"`
	Nodes   []struct {
		Target         []any
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	}
}

// Accessible fails the test if the page keeps people out: by what axe-core finds
// critical or serious. What it finds less than that is only logged.
func (v *visitor) Accessible() {
	v.t.Helper()
	source, err := axe()
	if err != nil {
		if os.Getenv("BAROGRAPH_TEST_BROWSER") == "require" {
			v.t.Fatal(err)
		}
		v.t.Log(err)
		return
	}
	findings, err := v.judge(source)
	v.must(err, "have axe-core judge %s", v.where())
	for _, f := range findings {
		if f.Impact == "serious" || f.Impact == "critical" {
			v.t.Errorf("%s: %s", v.where(), f)
		} else {
			v.t.Logf("%s: %s", v.where(), f)
		}
	}
}

// judge runs axe-core beside the page: in a world of its own, which neither the
// page's scripts nor its content security policy reach.
func (v *visitor) judge(source string) ([]finding, error) {
	if v.scriptless { // axe-core needs its promises; what of the page was not run when it was loaded is not run now
		call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
		defer call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	frame := cdp.FrameID(chromedp.FromContext(v.ctx).Target.TargetID)
	world, err := try(v, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: "axe"})
	if err != nil {
		return nil, err
	}
	there := func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID }
	if _, err := do(v, chromedp.Evaluate[chromedp.Void](source, there)); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	answer, err := do(v, chromedp.Evaluate[string](`axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
		resultTypes: ["violations"],
	}).then(r => JSON.stringify(r.violations))`, there, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	var findings []finding
	return findings, json.Unmarshal([]byte(answer), &findings)
}

// String says what is wrong, where, and how it is mended.
func (f finding) String() string {
	const most = 5
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (%s, %d times; %s)", f.Impact, f.Help, f.ID, len(f.Nodes), f.HelpURL)
	for i, n := range f.Nodes {
		if i == most {
			fmt.Fprintf(&b, "\n  … and %d more", len(f.Nodes)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %v  %s\n    %s", n.Target, shortened(n.HTML), strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
	}
	return b.String()
}

func shortened(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
