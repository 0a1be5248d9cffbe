package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates, each with the layout around it.
type pages struct{ byName map[string]*template.Template }

// loadPages parses layout.html and parts.html with each other file.
func loadPages() (*pages, error) {
	base, err := template.New("").Funcs(funcs()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{byName: map[string]*template.Template{}}
	for _, file := range files {
		clone, err := base.Clone()
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(path.Base(file), ".html")
		if p.byName[name], err = clone.ParseFS(templateFiles, file); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// page is what a handler shows.
type page struct {
	Title    string
	Section  string // path of its entry in the navigation
	Template string // name of the file below templates/, without its ending
	Data     any
}

// view is what a template gets.
type view struct {
	page

	Visitor visitor
	Nav     []navEntry
	Done    string // what was just done
	Lack    string // what is missing from the page; "": nothing
	Failing string // which station does not work, as last seen; "": all do
	SignIn  string // URL to sign in and come back
	Path    string // of the request, with its query
	Version string
	Style   string // URL
	Script  string // URL
}

// navEntry is one entry of the navigation.
type navEntry struct {
	Path, Label string
	Current     bool
}

func navigation(section string) []navEntry {
	entries := []navEntry{
		{Path: "/", Label: "What breaks next"},
		{Path: "/hosts", Label: "Hosts"},
		{Path: "/targets", Label: "Targets"},
		{Path: "/run", Label: "Run"},
		{Path: "/rules", Label: "Rules"},
		{Path: "/predictions", Label: "Predictions"},
		{Path: "/events", Label: "Events"},
		{Path: "/subscriptions", Label: "Subscriptions"},
		{Path: "/settings", Label: "Settings"},
	}
	for i := range entries {
		entries[i].Current = entries[i].Path == section
	}
	return entries
}

// show writes the page. Nothing is sent of a page that fails halfway.
func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, p page) error {
	t := s.pages.byName[p.Template]
	if t == nil {
		return fmt.Errorf("there is no template %q", p.Template)
	}
	who := visitorOf(r)
	if who.Zone == nil { // nobody asked who it is
		who = visitor{Zone: zoneOf(r), Now: s.Clock.Now()}
	}
	v := view{
		page: p, Visitor: who, Lack: lackOf(r.Context()), Done: doneText(r.URL.Query().Get("done")), Path: r.URL.RequestURI(),
		Version: s.Version, Style: s.assets.style, Script: s.assets.script,
	}
	if who.Role != "" {
		v.Nav, v.SignIn = navigation(p.Section), signInPath(r)
		v.Failing = failing(s.stations.lately(r.Context(), noteWaits))
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("template %s: %w", p.Template, err)
	}
	text := unbroken(b.Bytes())
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
	return nil
}

// showPart writes one part of a template, for a script that puts it in place.
func (s *Site) showPart(w http.ResponseWriter, r *http.Request, file, part string, data any) error {
	var b bytes.Buffer
	v := view{page: page{Data: data}, Visitor: visitorOf(r), Path: r.URL.RequestURI()}
	if err := s.pages.byName[file].ExecuteTemplate(&b, part, v); err != nil {
		return fmt.Errorf("part %s of template %s: %w", part, file, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(unbroken(b.Bytes())) // the client may be gone
	return nil
}

// redirect leads to a page that says what was done: done is a key of doneText.
func redirect(w http.ResponseWriter, r *http.Request, to, done string) error {
	if done != "" {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		to += separator + "done=" + done
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a path that the caller made
	return nil
}

// doneText returns the text for a key in an address, where no text may stand
// that others make up.
func doneText(key string) string {
	thing, what, _ := strings.Cut(key, "-")
	things := map[string]string{
		"host": "host", "check": "check", "target": "target", "targets": "targets", "rule": "rule", "subscription": "subscription",
		"endpoint": "endpoint", "silence": "silence", "token": "token", "prediction": "prediction", "breach": "breach",
	}
	whats := map[string]string{
		"created": "was created", "saved": "was saved", "deleted": "was deleted", "paused": "was paused", "resumed": "was resumed",
		"restored": "was restored", "enabled": "was enabled", "disabled": "was disabled", "ended": "was ended", "acknowledged": "was acknowledged", "revoked": "was revoked",
		"added": "were added", "replayed": "gets these events again",
	}
	if things[thing] == "" || whats[what] == "" {
		return ""
	}
	return "The " + things[thing] + " " + whats[what] + "."
}

// funcs are what templates can call beside the methods of what they get.
func funcs() template.FuncMap {
	return template.FuncMap{
		"dict":    dict,
		"percent": barograph.Percent,
		"reading": barograph.Reading,
		"words":   barograph.Words,
		"list":    func(items ...any) []any { return items },
		"clip":    clip,

		"hundredfold": func(p float64) float64 { return 100 * p },
	}
}

// dict makes a map of names and values, so that a part gets several things.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict has %d arguments, not names with values", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// clipped is a text of any length, and its beginning.
type clipped struct {
	Begin, Whole string
	Rest         bool // there is more than the beginning
}

// clip cuts a text for a line.
func clip(most int, text string) clipped {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "")
	}
	runes := []rune(text)
	if len(runes) <= most {
		return clipped{Begin: text, Whole: text}
	}
	return clipped{string(runes[:most]), text, true}
}

const maxShown = 10_000 // bytes of any one text on a page
