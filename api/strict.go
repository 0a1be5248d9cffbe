package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"

	"github.com/barograph/barograph"
)

// strict refuses what the middleware overlooks: parameters that the operation
// does not have, which are mostly misspelt, and text behind the JSON document.
func (v *validator) strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		item, op := v.operation(r)
		if op == nil {
			next.ServeHTTP(w, r) // the middleware says that there is nothing
			return
		}
		err := onlyParameters(r.URL.RawQuery, slices.Concat(item.Parameters, op.Parameters))
		if err == nil && op.RequestBody != nil {
			err = onlyDocument(r)
		}
		if err != nil {
			v.failures.write(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// operation returns the operation of the route that the router chose, nil if
// the document has none.
func (v *validator) operation(r *http.Request) (*openapi3.PathItem, *openapi3.Operation) {
	route := mux.CurrentRoute(r)
	if route == nil {
		return nil, nil
	}
	path, _ := route.GetPathTemplate() // "" is no path of the document
	item := v.doc.Paths.Value(path)
	if item == nil {
		return nil, nil
	}
	return item, item.GetOperation(r.Method)
}

// onlyParameters refuses a query with parameters that are not known.
func onlyParameters(query string, parameters openapi3.Parameters) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return refusal("query", "can't be read: "+barograph.Clip(err.Error()))
	}
	var known []string
	for _, p := range parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			known = append(known, p.Value.Name)
		}
	}
	slices.Sort(known)
	message := "is not known here; known are " + strings.Join(known, ", ")
	if len(known) == 0 {
		message = "is not known here; there are no parameters"
	}
	var fields []barograph.FieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, name) && len(fields) < maxFieldErrors {
			fields = append(fields, barograph.FieldError{Field: barograph.Clip(name), Message: message})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &barograph.Error{Kind: barograph.KindInvalid, Message: "invalid request", Fields: fields}
}

// onlyDocument refuses a body that goes on behind its first JSON document. A
// body whose document can't be read is left to the middleware, which explains it.
func onlyDocument(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return unreadable(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	decoder := json.NewDecoder(bytes.NewReader(body))
	if decoder.Decode(new(json.RawMessage)) == nil && goesOn(decoder) {
		return refusal("body", "goes on after its JSON document; send one document a request")
	}
	return nil
}

func goesOn(d *json.Decoder) bool {
	_, err := d.Token()
	return !errors.Is(err, io.EOF)
}

func refusal(field, message string) error {
	return &barograph.Error{
		Kind: barograph.KindInvalid, Message: "invalid request",
		Fields: []barograph.FieldError{{Field: field, Message: message}},
	}
}
