package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/barograph/barograph"
)

const maxFieldErrors = 50

// unreadable turns the errors of validator and generated code into one that
// names every bad field.
func unreadable(err error) error {
	if _, ok := errors.AsType[*routers.RouteError](err); ok {
		return barograph.Errorf(barograph.KindNotFound, "there is nothing at this path; GET /api/openapi.yaml says what there is")
	}
	return invalidRequest(fieldErrors(err, ""), err)
}

func invalidRequest(fields []barograph.FieldError, cause error) error {
	if len(fields) > maxFieldErrors {
		fields = fields[:maxFieldErrors]
	}
	return &barograph.Error{Kind: barograph.KindInvalid, Message: "invalid request", Fields: fields, Err: cause}
}

// aboutDocument reports whether the request's document could be read, and holds
// values that its schema does not allow; everything else is right.
func aboutDocument(err error) bool {
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case openapi3.MultiError:
		return !slices.ContainsFunc(e, func(inner error) bool { return !aboutDocument(inner) })
	case *openapi3filter.RequestError:
		return e.Parameter == nil && aboutDocument(e.Err)
	case *openapi3.SchemaError:
		return true
	}
	return false
}

// fieldErrors returns what is wrong where. The name is that of the parameter in
// which it is, "" for the body.
func fieldErrors(err error, name string) []barograph.FieldError {
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case openapi3.MultiError:
		var all []barograph.FieldError
		for _, inner := range e {
			all = append(all, fieldErrors(inner, name)...)
		}
		return all
	case *openapi3filter.RequestError:
		return requestErrors(e)
	case *openapi3.SchemaError:
		return schemaErrors(e, name)
	}
	return bindErrors(err, name)
}

// requestErrors explains what is wrong with a parameter or with the whole body.
func requestErrors(e *openapi3filter.RequestError) []barograph.FieldError {
	name := "body"
	if e.Parameter != nil {
		name = e.Parameter.Name
	}
	var parse *openapi3filter.ParseError
	switch {
	case errors.Is(e.Err, openapi3filter.ErrInvalidRequired):
		return []barograph.FieldError{{Field: name, Message: "is missing"}}
	case errors.Is(e.Err, openapi3filter.ErrInvalidEmptyValue):
		return []barograph.FieldError{{Field: name, Message: "is empty"}}
	case e.Err == nil && e.RequestBody != nil:
		return []barograph.FieldError{{Field: "Content-Type", Message: "is not application/json"}}
	case errors.As(e.Err, &parse) && e.RequestBody != nil:
		return []barograph.FieldError{{Field: name, Message: "is not JSON: " + jsonMessage(parse.RootCause())}}
	case errors.As(e.Err, &parse):
		return []barograph.FieldError{{Field: name, Message: quoted(parse.Value) + "is not " + kindOf(e.Parameter)}}
	case e.Err == nil:
		return []barograph.FieldError{{Field: name, Message: "is wrong"}}
	}
	if e.Parameter == nil {
		name = ""
	}
	return fieldErrors(e.Err, name)
}

// kindOf says what the parameter takes, in words: a whole number from 1 to 1000.
func kindOf(p *openapi3.Parameter) string {
	if p.Schema == nil || p.Schema.Value == nil {
		return "what is expected here"
	}
	schema := p.Schema.Value
	switch {
	case schema.Type.Is(openapi3.TypeInteger):
		return "a whole number" + rangeOf(schema)
	case schema.Type.Is(openapi3.TypeNumber):
		return "a number" + rangeOf(schema)
	case schema.Type.Is(openapi3.TypeBoolean):
		return "true or false"
	}
	return "what is expected here"
}

func rangeOf(schema *openapi3.Schema) string {
	if schema.Min == nil || schema.Max == nil {
		return ""
	}
	return fmt.Sprintf(" from %v to %v", *schema.Min, *schema.Max)
}

// jsonMessage returns what is wrong with a JSON text; the standard library's
// errors hold nothing but that.
func jsonMessage(err error) string {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

// schemaErrors explains what is wrong with a value.
func schemaErrors(e *openapi3.SchemaError, name string) []barograph.FieldError {
	var several openapi3.MultiError
	if e.SchemaField == "allOf" && errors.As(e.Origin, &several) {
		return fieldErrors(several, name)
	}
	field := pathOf(name, e.JSONPointer())
	if told, ok := errors.AsType[*barograph.Error](e.Origin); ok {
		return []barograph.FieldError{{Field: field, Message: told.Message}}
	}
	switch e.SchemaField {
	case "required":
		return []barograph.FieldError{{Field: field, Message: "is missing"}}
	case "properties":
		return []barograph.FieldError{unknownProperty(e, field)}
	case "enum":
		return []barograph.FieldError{{Field: field, Message: fmt.Sprintf("%sis not one of %s", quoted(e.Value), options(e.Schema.Enum))}}
	}
	if field == "" {
		field = "body"
	}
	switch {
	case e.SchemaField == "nullable":
		return []barograph.FieldError{{Field: field, Message: "is null; give a value or leave it out"}}
	case strings.Contains(e.Reason, "json.Number"):
		return []barograph.FieldError{{Field: field, Message: quoted(e.Value) + "is too large for a number"}}
	}
	value := quoted(e.Value)
	if value != "" {
		value = strings.TrimSuffix(value, " ") + ": "
	}
	if e.Schema.Format == "password" {
		value = ""
	}
	return []barograph.FieldError{{Field: field, Message: value + e.Reason + suchAs(e)}}
}

// suchAs shows what would be right where something of another type was given.
func suchAs(e *openapi3.SchemaError) string {
	if e.SchemaField != "type" || e.Schema.Example == nil {
		return ""
	}
	example, err := json.Marshal(e.Schema.Example)
	if err != nil {
		return ""
	}
	return ", such as " + string(example)
}

// unknownProperty names the property, which the validator tells only in words.
func unknownProperty(e *openapi3.SchemaError, parent string) barograph.FieldError {
	known := strings.Join(slices.Sorted(maps.Keys(e.Schema.Properties)), ", ")
	name := parent
	if _, rest, ok := strings.Cut(e.Reason, "property "); ok {
		if q, err := strconv.QuotedPrefix(rest); err == nil {
			property, _ := strconv.Unquote(q) // QuotedPrefix checked it
			name = pathOf(parent, []string{barograph.Clip(property)})
		}
	}
	return barograph.FieldError{Field: name, Message: "is not known here; known are " + known}
}

// bindErrors explains what the generated code could not read.
func bindErrors(err error, name string) []barograph.FieldError {
	var (
		format   *InvalidParamFormatError
		tooMany  *TooManyValuesForParamError
		required *RequiredParamError
		kind     *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &format):
		return []barograph.FieldError{{Field: format.ParamName, Message: "can't be read"}}
	case errors.As(err, &tooMany):
		return []barograph.FieldError{{Field: tooMany.ParamName, Message: "is given more than once"}}
	case errors.As(err, &required):
		return []barograph.FieldError{{Field: required.ParamName, Message: "is missing"}}
	case errors.As(err, &kind):
		return []barograph.FieldError{{Field: kind.Field, Message: barograph.Clip(kind.Value) + " does not fit"}}
	}
	if told, ok := errors.AsType[*barograph.Error](err); ok {
		return []barograph.FieldError{{Field: name, Message: told.Message}}
	}
	if name == "" {
		name = "body"
	}
	return []barograph.FieldError{{Field: name, Message: "can't be read"}}
}

// pathOf returns the path of a field, as endpoints[0].url.
func pathOf(name string, pointer []string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, part := range pointer {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// quoted returns a value that is short enough to repeat, followed by a space;
// "" if it is not.
func quoted(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(barograph.Clip(v)) + " "
	case bool, float64, int, int64, json.Number:
		return barograph.Clip(fmt.Sprint(v)) + " "
	}
	return ""
}

func options(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}
