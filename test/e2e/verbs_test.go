package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Open goes to a page, and waits until all of it is there.
func (v *visitor) Open(path string) {
	v.t.Helper()
	if status := v.Ask(path); status >= http.StatusBadRequest {
		v.t.Fatalf("open %s: status %d", path, status)
	}
}

// Ask goes to a page that may be refused, and returns the status of the answer.
func (v *visitor) Ask(path string) (status int) {
	v.t.Helper()
	answer, err := do(v, chromedp.NavigateResponse(v.site+path))
	v.must(err, "open %s", path)
	return int(answer.Status)
}

// Reload asks for the page again.
func (v *visitor) Reload() {
	v.t.Helper()
	_, err := do(v, chromedp.Reload())
	v.must(err, "reload %s", v.where())
}

// At waits until all of the page with this path is there, whatever query it has.
func (v *visitor) At(path string) {
	v.t.Helper()
	v.until(func() error {
		ready, err := evaluate[bool](v, `document.readyState === "complete"`)
		here, _, _ := strings.Cut(v.where(), "?")
		switch {
		case err != nil:
			return err
		case here != path:
			return fmt.Errorf("this is %s, not %s", here, path)
		case !ready:
			return fmt.Errorf("%s is still loading", path)
		}
		return nil
	})
}

// Within looks only at the part of the page that is called so, as "Main" of the
// navigation, or else at the innermost row, item, form or section in which the text
// is seen.
func (v *visitor) Within(text string) *visitor {
	part := *v
	part.scope = text
	return &part
}

// Click clicks a link, a button, a box or a tab by its name, once it stands still:
// what comes above it while the page is made, or made anew, moves it.
func (v *visitor) Click(name string) {
	v.t.Helper()
	var x, y float64
	v.until(func() error {
		e, err := v.seek(clickable(), name)
		if err != nil {
			return err
		}
		wasX, wasY := x, y
		if x, y, err = e.reach(); err == nil && (x != wasX || y != wasY) {
			err = fmt.Errorf("%s %q moves", e.role, name)
		}
		return err
	})
	_, err := do(v, chromedp.MouseClickXY(x, y))
	v.must(err, "click %q", name)
}

// Fill types into a field in place of what is in it.
func (v *visitor) Fill(label, text string) {
	v.t.Helper()
	if onField[bool](v, label, emptied) {
		call(v, input.InsertText, input.InsertTextParams{Text: text})
	} else {
		onField[bool](v, label, picked, text)
	}
}

// emptied selects what is in a field, so that what is typed takes its place, and
// returns whether the field can be typed into as text.
const emptied = `function() {
	this.focus();
	if (/^(date|time|datetime-local|month|week|color|range)$/.test(this.type)) return false;
	if (this.select) this.select();
	if (this.value) document.execCommand("delete");
	return true;
}`

// picked gives a field its value as the browser's own picker does.
const picked = `function(value) {
	this.value = value;
	this.dispatchEvent(new Event("input", {bubbles: true}));
	this.dispatchEvent(new Event("change", {bubbles: true}));
	return true;
}`

// Choose chooses an option of a list by what is written on it.
func (v *visitor) Choose(label, option string) {
	v.t.Helper()
	if others := onField[[]string](v, label, chosen, option); len(others) > 0 {
		v.t.Fatalf("on %s, %q has no option %q, only %q", v.where(), label, option, others)
	}
}

// chosen chooses an option and returns nothing, or returns which there are.
const chosen = `function(text) {
	const option = [...this.options].find(o => o.label.trim() === text);
	if (!option) return [...this.options].map(o => o.label.trim());
	this.focus();
	option.selected = true;
	this.dispatchEvent(new Event("input", {bubbles: true}));
	this.dispatchEvent(new Event("change", {bubbles: true}));
	return [];
}`

// Upload gives a field files.
func (v *visitor) Upload(label string, files ...string) {
	v.t.Helper()
	v.until(func() error {
		e, err := v.seek(field(), label)
		if err == nil {
			_, err = try(v, dom.SetFileInputFiles, dom.SetFileInputFilesParams{BackendNodeID: e.id, Files: files})
		}
		return err
	})
}

// Value returns what is in a field.
func (v *visitor) Value(label string) string {
	v.t.Helper()
	return onField[string](v, label, "function() { return this.value }")
}

// Described returns what is read out with a field beside its label, such as a
// hint or what is wrong with what was filled in.
func (v *visitor) Described(label string) string {
	v.t.Helper()
	return onField[string](v, label, `function() {
		const ids = (this.getAttribute("aria-describedby") || "") + " " + (this.getAttribute("aria-errormessage") || "");
		return ids.split(/\s+/).map(id => id && document.getElementById(id)).filter(Boolean).map(e => e.innerText).join(" ");
	}`)
}

// See waits until each of the texts is seen. Neither case nor line breaks count.
func (v *visitor) See(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		v.until(func() error { return v.sees(text) })
	}
}

// NotSee waits until none of the texts is seen.
func (v *visitor) NotSee(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		v.until(func() error {
			switch err := v.sees(text); {
			case err == nil:
				return fmt.Errorf("%q is seen", text)
			case errors.Is(err, errUnseen):
				return nil
			default:
				return err
			}
		})
	}
}

var errUnseen = errors.New("is not seen")

func (v *visitor) sees(text string) error {
	seen, err := v.text()
	if err != nil {
		return err
	}
	plain := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	if !strings.Contains(plain(seen), plain(text)) {
		const most = 1500
		return fmt.Errorf("%q %w in: %s", text, errUnseen, seen[:min(most, len(seen))])
	}
	return nil
}

// text returns all that is seen.
func (v *visitor) text() (string, error) {
	root, err := v.root()
	if err != nil {
		return "", err
	}
	return callOn[string](v, root, "function() { return (this.body || this).innerText }")
}

// Text returns all that is seen now.
func (v *visitor) Text() string {
	v.t.Helper()
	var text string
	v.until(func() (err error) {
		text, err = v.text()
		return err
	})
	return text
}

// Screenshot writes a picture of the whole page to a file.
func (v *visitor) Screenshot(file string) {
	v.t.Helper()
	picture, err := do(v, chromedp.FullScreenshot(100))
	v.must(err, "take a picture of %s", v.where())
	v.must(os.MkdirAll(filepath.Dir(file), 0o755), "make the folder of pictures")
	v.must(os.WriteFile(file, picture, 0o644), "keep the picture")
}

// FitsWidth fails the test if one has to scroll sideways to see all.
func (v *visitor) FitsWidth() {
	v.t.Helper()
	answer, err := evaluate[[]byte](v, fmt.Sprintf(tooWide, v.width))
	v.must(err, "measure %s", v.where())
	var wide struct {
		Page, Window float64
		Elements     []string
	}
	v.must(json.Unmarshal(answer, &wide), "measure %s", v.where())
	if wide.Page > wide.Window {
		v.t.Errorf("%s is %v pixels wide in a window of %v:\n  %s", v.where(), wide.Page, wide.Window, strings.Join(wide.Elements, "\n  "))
	}
}

// tooWide measures the page in a window of a width, which phones widen for a page
// that does not fit, and names the innermost elements that stick out.
const tooWide = `(width => {
	const page = document.scrollingElement.scrollWidth;
	const out = e => e.getBoundingClientRect().right > width + 0.5;
	const scrolls = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
	const elements = page <= width ? [] : [...document.body.querySelectorAll("*")].filter(e => out(e) && !scrolls(e) && ![...e.children].some(out))
		.slice(0, 8).map(e => e.outerHTML.slice(0, 160) + " ends at " + Math.round(e.getBoundingClientRect().right));
	return {Page: page, Window: width, Elements: elements};
})(%d)`
