package web

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Two people who edit the same thing at the same time: a form carries the version
// of what it was made from, and whoever saves second is shown what the first made
// of it, beside what they typed themselves. The store compares in the change itself.

// edited is a thing as it is stored, for the form that it is edited with.
type edited struct {
	Noun    string // rule
	Path    string // of its page
	Version manage.Version
	Form    form      // that leaves it as it is
	At      time.Time // of its last change; zero: not known

	Kind, ID string // by which the audit log has it; "": it has not
}

// filled returns the form that begins with what is stored.
func (e edited) filled() form {
	e.Form.set("version", string(e.Version))
	return e.Form
}

// changed is what somebody else made of a thing while a form was filled in.
type changed struct {
	Noun, Path string
	Version    manage.Version // by which what is stored now can be replaced
	By         string         // "": not known
	When       moment
	Fields     []changedField // in which what was typed is not what is stored
}

// changedField is a field as it is stored and as it was typed.
type changedField struct{ Label, Stored, Typed string }

// basis returns the version that the form was made from, or the one that is to be
// replaced all the same.
func (f form) basis() manage.Version {
	if anyway := f.Value("overwrite"); anyway != "" {
		f.set("version", anyway)
		f.forget("overwrite")
	}
	return manage.Version(f.Value("version"))
}

// status is that of an answer that shows the form again.
func (f form) status() int {
	if f.Changed != nil {
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// noticeChange takes the error of saving the form if it came because the thing is
// another one by now, and has the form tell what it is. All other errors it
// returns.
func (s *Site) noticeChange(r *http.Request, f *form, err error, read func(*http.Request) (edited, error)) error {
	if barograph.KindOf(err) != barograph.KindConflict || f.Value("version") == "" {
		return err
	}
	now, gone := read(r)
	if gone != nil {
		return gone
	}
	if string(now.Version) == f.Value("version") {
		return err // it is about something else, as a name that is taken
	}
	who := visitorOf(r)
	f.Changed = &changed{Noun: now.Noun, Path: now.Path, Version: now.Version, When: who.At(now.At), Fields: differences(now.Form, *f)}
	f.Changed.By, err = s.changedBy(r.Context(), now)
	return err
}

// changedBy returns who made the last change, as far as the audit log tells.
func (s *Site) changedBy(ctx context.Context, e edited) (string, error) {
	if e.Kind == "" {
		return "", nil
	}
	const some = 20 // among which is the change, as a rule
	last, err := s.Audit.Audit(ctx, barograph.AuditFilter{Kind: e.Kind, Subject: e.ID}, barograph.Page{Limit: some})
	for _, a := range last {
		if a.Action != "replayed" { // which changes nothing
			return a.By, err
		}
	}
	return "", err
}

// differences returns the fields of which what was typed is not what is stored.
func differences(stored, typed form) []changedField {
	was, is := plainFields(stored), plainFields(typed)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	var all []changedField
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was[name] != is[name] {
			all = append(all, changedField{fieldLabel(name), onOrOff(was[name], is[name]), onOrOff(is[name], was[name])})
		}
	}
	return all
}

// onOrOff says off of a box that is not ticked, which holds nothing.
func onOrOff(value, other string) string {
	if value == "" && other == "on" {
		return "off"
	}
	return value
}

// plainFields returns what each field says, whose text may be of several; secrets
// are not among them.
func plainFields(f form) map[string]string {
	all := map[string]string{}
	for name, values := range f.Values {
		switch name {
		case "id", "version", "overwrite", "annotation_name", "annotation_text":
			continue
		}
		if strings.HasSuffix(name, ".id") || strings.HasSuffix(name, ".secret") {
			continue
		}
		said := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return strings.TrimSpace(v) == "" })
		all[name] = strings.TrimSpace(strings.ReplaceAll(strings.Join(said, ", "), "\r\n", "\n"))
	}
	var notes []string
	annotations := readAnnotations(&form{Values: f.Values, Problem: map[string]string{}})
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		notes = append(notes, name+": "+annotations[name])
	}
	all["annotations"] = strings.Join(notes, "\n")
	return all
}

// fieldLabel names a field in the words of the form.
func fieldLabel(name string) string {
	switch name {
	case "open_at":
		return "Warn from"
	case "close_at":
		return "Take back below"
	case "horizon":
		return "Look ahead"
	case "for":
		return "Has to last"
	case "matchers":
		return "Chosen by labels"
	case "interval":
		return "Every"
	case "comment":
		return "Why"
	case "starts_at":
		return "Begins"
	case "ends_at":
		return "Ends"
	case "bounds.min":
		return "Can't be below"
	case "bounds.max":
		return "Can't be above"
	}
	if rest, of := strings.CutPrefix(name, "endpoints["); of {
		number, field, _ := strings.Cut(rest, "].")
		if i, err := strconv.Atoi(number); err == nil {
			return "Endpoint " + strconv.Itoa(i+1) + ", " + field
		}
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "recurs."), "options.")
	return capital(strings.ReplaceAll(name, "_", " "))
}
