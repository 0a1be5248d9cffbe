package e2e_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
)

// kind is a kind of thing on a page, by the roles that are read out for it.
type kind struct {
	name  string
	roles []string
}

func clickable() kind {
	return kind{"nothing to click", []string{
		"button", "link", "checkbox", "radio", "switch", "tab", "menuitem", "option", "DisclosureTriangle", "togglebutton", "ToggleButton", "PopUpButton",
	}}
}

func field() kind {
	return kind{"no field", []string{
		"textbox", "searchbox", "spinbutton", "combobox", "listbox", "slider", "checkbox", "radio", "switch",
		"Date", "DateTime", "InputTime", "ColorWell", "PopUpButton", "button", // a button is a field for files
	}}
}

// element is something on the page.
type element struct {
	v      *visitor
	name   string
	role   string
	id     cdp.BackendNodeID
	object runtime.RemoteObjectID
}

// seek returns the one element of a kind that is called by the name: what is seen
// on it or read out for it, in full.
func (v *visitor) seek(k kind, name string) (found element, err error) {
	all, err := v.elements(k, name)
	switch {
	case err != nil:
		return found, err
	case len(all) == 0:
		return found, fmt.Errorf("%s is called %q, only %s", k.name, name, v.names(k))
	case len(all) > 1:
		return found, fmt.Errorf("%d things are called %q: say which by Within", len(all), name)
	}
	found = all[0]
	resolved, err := try(v, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: found.id})
	if err == nil {
		found.object = resolved.Object.ObjectID
	}
	return found, err
}

// onField waits for the field with the label, and returns what the function returns
// for it.
func onField[T any](v *visitor, label, function string, arguments ...any) (result T) {
	v.t.Helper()
	v.until(func() error {
		e, err := v.seek(field(), label)
		if err == nil {
			result, err = callOn[T](v, e.object, function, arguments...)
		}
		return err
	})
	return result
}

// elements returns those of a kind that have the name, or any name if it is "".
func (v *visitor) elements(k kind, name string) ([]element, error) {
	root, err := v.root()
	if err != nil {
		return nil, err
	}
	// The browser's own search by name misses some, such as fields for files.
	answer, err := try(v, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root})
	if err != nil {
		return nil, err
	}
	var all []element
	for _, n := range answer.Nodes {
		if n.Ignored || !slices.Contains(k.roles, text(n.Role)) || name != "" && text(n.Name) != name {
			continue
		}
		all = append(all, element{v: v, name: text(n.Name), role: text(n.Role), id: n.BackendDOMNodeID})
	}
	return all, nil
}

// text returns what a value of the accessibility tree says; a space is a space,
// whether a line may end there or not.
func text(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	var s string
	_ = json.Unmarshal([]byte(value.Value), &s) // another type is no text
	return strings.ReplaceAll(s, "\u00a0", " ")
}

// names lists what of a kind there is, for the message that something is not.
func (v *visitor) names(k kind) string {
	all, err := v.elements(k, "")
	if err != nil {
		return "what can't be listed: " + err.Error()
	}
	var names []string
	for _, e := range all {
		names = append(names, fmt.Sprintf("%q", e.name))
	}
	return cmp.Or(strings.Join(names, ", "), "nothing")
}

// whole finds the part of the page that is called so, or else the innermost part,
// such as a row, an item or a form, in which the text is seen.
const whole = `(text => {
	if (text === "") return document;
	const parts = "tr, li, section, article, form, fieldset, dialog, details, nav, aside, header, footer, main, [role=row], [role=listitem], [role=region], [role=group], [role=dialog]";
	const plain = s => (s || "").replace(/\s+/g, " ").trim().toLowerCase(), wanted = plain(text);
	const name = e => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby"))?.innerText;
	const all = [...document.querySelectorAll(parts)];
	const named = all.find(e => plain(name(e)) === wanted);
	if (named) return named;
	const having = all.filter(e => plain(e.innerText).includes(wanted));
	return having.find(e => !having.some(other => other !== e && e.contains(other))) || null;
})(%s)`

// root returns what the visitor looks at.
func (v *visitor) root() (runtime.RemoteObjectID, error) {
	quoted, err := json.Marshal(v.scope)
	if err != nil {
		return "", err
	}
	object, err := evaluate[*runtime.RemoteObject](v, fmt.Sprintf(whole, quoted))
	if err != nil {
		return "", err
	}
	if object.ObjectID == "" {
		return "", fmt.Errorf("no row, item or other part of the page has the text %q", v.scope)
	}
	return object.ObjectID, nil
}

// covered reports whether somebody who clicks there hits something else.
const covered = `function(x, y) {
	const hit = document.elementFromPoint(x, y);
	const label = hit && hit.closest("label");
	return !hit || !(this.contains(hit) || hit.contains(this) || label && label.control === this);
}`

// reach returns where to click it, or why that can't be done.
func (e element) reach() (x, y float64, err error) {
	if off, err := callOn[bool](e.v, e.object, "function() { return this.matches(':disabled, [aria-disabled=true]') }"); err != nil || off {
		return 0, 0, errors.Join(err, fmt.Errorf("%s %q is disabled", e.role, e.name))
	}
	if x, y, err = e.middle(); err != nil {
		return 0, 0, fmt.Errorf("%s %q can't be seen: %w", e.role, e.name, err)
	}
	if hidden, err := callOn[bool](e.v, e.object, covered, x, y); err != nil || hidden {
		return 0, 0, errors.Join(err, fmt.Errorf("%s %q is covered by something else", e.role, e.name))
	}
	return x, y, nil
}

// middle scrolls the element into view and returns where its middle is then.
func (e element) middle() (x, y float64, err error) {
	if _, err := try(e.v, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: e.id}); err != nil {
		return 0, 0, err
	}
	quads, err := try(e.v, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: e.id})
	if err != nil {
		return 0, 0, err
	}
	if len(quads.Quads) == 0 {
		return 0, 0, errors.New("it has no area")
	}
	for i := 0; i < 8; i += 2 { // the four corners of its first line
		x += quads.Quads[0][i] / 4
		y += quads.Quads[0][i+1] / 4
	}
	return x, y, nil
}
