package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// judge says what is wrong with the document of a request beyond its schema.
type judge func(r *http.Request, document []byte) error

// alsoWrong returns what the operation's judge says about the document once all
// that was refused is taken out of it.
func (v *validator) alsoWrong(r *http.Request, refused []barograph.FieldError) []barograph.FieldError {
	_, op := v.operation(r)
	if op == nil || v.judges[op.OperationID] == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body) // the middleware has put it back
	var document any
	if err != nil || json.Unmarshal(body, &document) != nil {
		return nil
	}
	if _, object := document.(map[string]any); !object {
		return nil
	}
	for _, f := range refused {
		blank(document, f.Field)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil
	}
	e, ok := errors.AsType[*barograph.Error](v.judges[op.OperationID](r, text))
	if !ok {
		return nil // it has no fields to name: what was refused is told in any case
	}
	return slices.DeleteFunc(e.Fields, func(f barograph.FieldError) bool {
		return slices.ContainsFunc(refused, func(r barograph.FieldError) bool { return below(f.Field, r.Field) })
	})
}

// blank sets what is at the path to null, as if it had not been given.
func blank(document any, path string) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	for i, part := range parts {
		last := i == len(parts)-1
		switch node := document.(type) {
		case map[string]any:
			if last {
				node[part] = nil
			}
			document = node[part]
		case []any:
			at, err := strconv.Atoi(part)
			if err != nil || at < 0 || at >= len(node) {
				return
			}
			if last {
				node[at] = nil
			}
			document = node[at]
		}
	}
}

// below reports whether the field is the other one, or a part of it.
func below(field, other string) bool {
	rest, ok := strings.CutPrefix(field, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
