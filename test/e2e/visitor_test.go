package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// patience is how long a visitor waits for what should be there, on a machine
	// that has other things to do.
	patience = 30 * time.Second
	// lookEvery is how often he looks.
	lookEvery = 30 * time.Millisecond
)

// visitor is somebody with a browser window of his own: no other visitor's cookies
// are in it.
type visitor struct {
	t       testing.TB
	ctx     context.Context
	site    string
	scope   string // text of what he looks at; "": the whole page
	console *console

	scriptless bool
	width      int64
}

// visit opens a window, of a laptop's size and in light colours unless the options
// say otherwise. It is closed when the test ends.
func visit(tb testing.TB, options ...option) *visitor {
	tb.Helper()
	parent := needBrowser(tb)
	var w window
	for _, set := range append([]option{at(1280, 900)}, options...) {
		set(&w)
	}
	v := &visitor{t: tb, site: w.site, console: &console{}, scriptless: w.scriptless, width: w.width}
	if v.site == "" {
		v.site = theWorld(tb).URL
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(v.console.listen))
	tb.Cleanup(cancel)
	v.ctx = ctx
	v.console.ctx = ctx
	v.must(chromedp.Do(ctx), "open a window")
	v.furnish(w)
	tb.Cleanup(v.leave)
	if w.role != "" {
		v.signInAs(w.role)
	}
	return v
}

// by is the same visitor in a subtest.
func (v *visitor) by(tb testing.TB) *visitor {
	tb.Helper()
	u := *v
	u.t = tb
	tb.Cleanup(func() {
		if tb.Failed() {
			u.keepEvidence()
		}
	})
	return &u
}

// leave reports what the console complained of, and keeps what is seen if the
// test failed.
func (v *visitor) leave() {
	for _, complaint := range v.console.complaints() {
		v.t.Errorf("the browser's console: %s", complaint)
	}
	if v.t.Failed() {
		v.keepEvidence()
	}
}

// furnish makes the window what the options say. Nothing moves in it, so that
// pictures and contrasts are those of a page at rest.
func (v *visitor) furnish(w window) {
	v.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}
	scheme := "light"
	if w.dark {
		scheme = "dark"
	}
	features = append(features, &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme})
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	call(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: w.width, Height: w.height, DeviceScaleFactor: 1, Mobile: w.touch,
	})
	call(v, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: w.touch})
	call(v, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(v, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: w.zone})
	call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: w.scriptless})
}

// window is what a visitor looks through.
type window struct {
	site          string
	role          role
	width, height int64
	touch         bool
	dark          bool
	scriptless    bool
	zone          string
}

// option is one property of a window.
type option func(*window)

// at gives the window a size in CSS pixels.
func at(width, height int64) option { return func(w *window) { w.width, w.height = width, height } }

// phone is the narrowest window that the pages are made for.
func phone() option { return func(w *window) { w.width, w.height, w.touch = 360, 740, true } }

// dark prefers dark colours.
func dark() option { return func(w *window) { w.dark = true } }

// withoutScript runs no script of the page's.
func withoutScript() option { return func(w *window) { w.scriptless = true } }

// inZone is where the visitor's clock is, as "Asia/Tokyo"; otherwise it is UTC's.
func inZone(name string) option { return func(w *window) { w.zone = name } }

// as is somebody who has signed in with a token of that role.
func as(r role) option { return func(w *window) { w.role = r } }

// on visits another server than the world's.
func on(site string) option { return func(w *window) { w.site = site } }

// call sends the browser a command for the window, which must succeed.
func call[P, R any](v *visitor, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	result, err := try(v, command, params)
	v.must(err, "%s", command.Method)
	return result
}

// try sends the browser a command for the window.
func try[P, R any](v *visitor, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

// do performs an action in the window.
func do[T any](v *visitor, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, a)
}

// evaluate returns the value of an expression in the page. It works where the
// page's own scripts don't run, too.
func evaluate[T any](v *visitor, expression string) (T, error) {
	return do(v, chromedp.Evaluate[T](expression))
}

// callOn calls a function with an object of the page as this.
func callOn[T any](v *visitor, object runtime.RemoteObjectID, function string, arguments ...any) (T, error) {
	return do(v, chromedp.CallFunctionOn[T](function, func(p *runtime.CallFunctionOnParams) { p.ObjectID = object }, arguments...))
}

func (v *visitor) must(err error, doing string, arguments ...any) {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("%s: %v", fmt.Sprintf(doing, arguments...), err)
	}
}

// until looks again and again until look returns nil, and fails the test with
// what it returned last.
func (v *visitor) until(look func() error) {
	v.t.Helper()
	v.must(v.await(look), "on %s", v.where())
}

func (v *visitor) await(look func() error) error {
	v.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := look()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", patience, err)
		}
		select {
		case <-v.ctx.Done():
			return fmt.Errorf("%w; before: %w", context.Cause(v.ctx), err)
		case <-time.After(lookEvery):
		}
	}
}

// where returns the path of the page.
func (v *visitor) where() string {
	address, err := do(v, chromedp.Location())
	if err != nil {
		return "a page that is not known: " + err.Error()
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, v.site) {
		return address
	}
	return u.RequestURI()
}
