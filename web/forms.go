package web

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/barograph/barograph"
)

// form is what somebody filled in, and what is wrong with it.
type form struct {
	Values  url.Values
	Problem map[string]string // by the name of the field; "": with none of them
	Changed *changed          // nil: nobody else changed what it is about
}

func newForm(values url.Values) form {
	if values == nil {
		values = url.Values{}
	}
	return form{Values: values, Problem: map[string]string{}}
}

// readForm reads the form that a request brings, with its uploads. All of it is
// kept in memory: no request is larger than maxForm.
func readForm(r *http.Request) (form, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	if kind == "multipart/form-data" {
		// What is larger than this would go to a file that nobody deletes: the server
		// deletes those of its own request only, and this one is a copy of it.
		err = r.ParseMultipartForm(maxForm) //nolint:gosec // the body is bounded by shield
	} else {
		err = r.ParseForm()
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return form{}, err
	}
	if err != nil {
		return form{}, barograph.Errorf(barograph.KindInvalid, "The form can't be read: %s", err)
	}
	return newForm(r.PostForm), nil
}

// Value returns what the field holds, its first value.
func (f form) Value(name string) string { return f.Values.Get(name) }

// All returns all values of the field.
func (f form) All(name string) []string { return f.Values[name] }

// Has reports whether the field has the value: of a box that is ticked.
func (f form) Has(name, value string) bool {
	return slices.Contains(f.Values[name], value)
}

// General returns what is wrong with none of its fields.
func (f form) General() string { return f.Problem[""] }

// Wrong reports whether something is wrong.
func (f form) Wrong() bool { return len(f.Problem) > 0 }

// set fills in the field.
func (f form) set(name string, values ...string) { f.Values[name] = values }

// forget empties a field that is not to be shown again.
func (f form) forget(name string) { delete(f.Values, name) }

// addf records a problem with the field, unless it has one.
func (f form) add(name, problem string) {
	if _, known := f.Problem[name]; !known {
		f.Problem[name] = problem
	}
}

// refuse records the error as a problem of the field.
func (f form) refuse(name string, err error) {
	if told, ok := errors.AsType[*barograph.Error](err); ok {
		f.add(name, told.Message)
		return
	}
	f.add(name, err.Error())
}

// take records what is wrong by the names of the fields, which are those of the
// API; problems of fields that the form doesn't have, as known tells, are general
// ones. It returns the error if it is not about what was filled in.
func (f form) take(err error, known func(field string) bool) error {
	if err == nil {
		return nil
	}
	told, ok := errors.AsType[*barograph.Error](err)
	if !ok || told.Kind != barograph.KindInvalid && told.Kind != barograph.KindConflict && told.Kind != barograph.KindTooLarge {
		return err
	}
	switch conflict, _, _ := strings.Cut(told.Message, " "); {
	case len(told.Fields) > 0:
	case told.Kind == barograph.KindConflict && known(conflict): // name "web-1" is taken …
		f.add(conflict, told.Message)
	default:
		f.Problem[""] = told.Message
	}
	for _, p := range told.Fields {
		switch name := p.Field; {
		case known(name):
			f.add(name, p.Message)
		case known(ownerOf(name, known)):
			owner := ownerOf(name, known)
			f.add(owner, strings.TrimPrefix(strings.TrimPrefix(name, owner), ".")+": "+p.Message)
		default:
			f.Problem[""] = strings.TrimPrefix(f.General()+"; "+name+": "+p.Message, "; ")
		}
	}
	return nil
}

// ownerOf returns the field that the path leads into, "" if none is known.
func ownerOf(path string, known func(field string) bool) string {
	for path != "" && !known(path) {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return path
}

// fields returns a func that knows these names.
func fields(names ...string) func(string) bool {
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	return func(name string) bool { return known[name] }
}
