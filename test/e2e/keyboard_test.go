package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyNamed returns what the browser is sent for the name of a key.
func keyNamed(name string) (string, bool) {
	named := map[string]string{
		"Tab": kb.Tab, "Enter": kb.Enter, "Space": " ", "Escape": kb.Escape, "Backspace": kb.Backspace, "Delete": kb.Delete,
		"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
		"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
	}
	if key, ok := named[name]; ok {
		return key, true
	}
	return name, len([]rune(name)) == 1
}

// Press presses keys, as "Tab", "Shift+Tab", "Enter", "ArrowDown", "Control+a", "/".
func (v *visitor) Press(keys ...string) {
	v.t.Helper()
	for _, name := range keys {
		key, modifiers := name, []chromedp.Modifier(nil)
		for {
			held, rest, more := strings.Cut(key, "+")
			modifier, known := map[string]chromedp.Modifier{
				"Shift": kb.ModifierShift, "Control": kb.ModifierCtrl, "Alt": kb.ModifierAlt,
			}[held]
			if !more || !known {
				break
			}
			key, modifiers = rest, append(modifiers, modifier)
		}
		sent, known := keyNamed(key)
		if !known {
			v.t.Fatalf("there is no key %q", key)
		}
		_, err := do(v, chromedp.KeyEvent(sent, chromedp.KeyModifiers(modifiers...)))
		v.must(err, "press %s", name)
	}
}

// Type types what has the focus a text, key by key.
func (v *visitor) Type(text string) {
	v.t.Helper()
	_, err := do(v, chromedp.KeyEvent(text))
	v.must(err, "type %q", text)
}

// TabTo presses Tab until what is called by the name has the focus. All that gets
// the focus on the way must show that it has it.
func (v *visitor) TabTo(name string) {
	v.t.Helper()
	const most = 200
	var passed []string
	for range most {
		v.Press("Tab")
		now := v.Focused()
		v.focusShows(now)
		if now == name {
			return
		}
		passed = append(passed, fmt.Sprintf("%q", now))
	}
	v.t.Fatalf("on %s, %d times Tab do not lead to %q but to %s", v.where(), most, name, strings.Join(passed[:30], ", "))
}

// Focused returns the name of what has the focus; "" if nothing has.
func (v *visitor) Focused() string {
	v.t.Helper()
	active, err := evaluate[*runtime.RemoteObject](v, "document.activeElement || document.body")
	v.must(err, "ask for the focus")
	none := false
	tree, err := try(v, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: active.ObjectID, FetchRelatives: &none})
	v.must(err, "ask what has the focus")
	if len(tree.Nodes) == 0 || text(tree.Nodes[0].Role) == "RootWebArea" {
		return ""
	}
	return text(tree.Nodes[0].Name)
}

// focusShows fails the test if nothing shows where the focus is.
func (v *visitor) focusShows(name string) {
	v.t.Helper()
	answer, err := evaluate[[]byte](v, `(() => {
		const e = document.activeElement;
		if (!e || e === document.body) return {Shows: true};
		const s = getComputedStyle(e), r = e.getBoundingClientRect();
		const outlined = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none";
		return {Shows: outlined && r.width > 0 && r.height > 0, Element: e.outerHTML.slice(0, 200)};
	})()`)
	v.must(err, "look at the focus")
	var focus struct {
		Shows   bool
		Element string
	}
	v.must(json.Unmarshal(answer, &focus), "look at the focus")
	if !focus.Shows {
		v.t.Errorf("on %s, nothing shows that %q has the focus: %s", v.where(), name, focus.Element)
	}
}
