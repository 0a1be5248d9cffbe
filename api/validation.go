package api

import (
	"context"
	_ "embed" // openapi.yaml
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	nethttpmiddleware "github.com/oapi-codegen/nethttp-middleware"

	"github.com/barograph/barograph"
)

//go:embed openapi.yaml
var document []byte

// validator refuses requests that openapi.yaml does not allow.
type validator struct {
	doc        *openapi3.T
	middleware func(http.Handler) http.Handler
	failures   failures
	judges     map[string]judge // by operation
}

func newValidator(f failures) (*validator, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	doc.SetStringFormatValidators(formats())
	v := &validator{doc: doc, failures: f}
	v.middleware = nethttpmiddleware.OapiRequestValidatorWithOptions(doc, &nethttpmiddleware.Options{
		Options: openapi3filter.Options{
			MultiError:              true,
			SkipSettingDefaults:     true, // defaults that depend on other fields are set in code, so all are
			AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: doc.GetSchemaValidationOptions(),
		},
		DoNotValidateServers: true,
		ErrorHandlerWithOpts: func(_ context.Context, err error, w http.ResponseWriter, r *http.Request, _ nethttpmiddleware.ErrorHandlerOpts) {
			v.refuse(w, r, err)
		},
	})
	return v, nil
}

// validate lets through what the document allows.
func (v *validator) validate(next http.HandlerFunc) http.Handler {
	return v.strict(v.middleware(next))
}

// refuse answers a request that could not be read.
func (v *validator) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		v.failures.write(w, r, err)
		return
	}
	if !aboutDocument(err) {
		v.failures.write(w, r, unreadable(err))
		return
	}
	told := fieldErrors(err, "")
	v.failures.reject(w, r, invalidRequest(append(told, v.alsoWrong(r, told)...), err))
}

// formats are the texts that the root package reads; a text that it can't read
// is refused with what it says.
func formats() map[string]openapi3.StringFormatValidator {
	parse := openapi3.NewCallbackValidator[string]
	return map[string]openapi3.StringFormatValidator{
		"barograph-duration": parse(func(s string) error {
			_, err := barograph.ParseDuration(s)
			return err
		}),
		"selector": parse(func(s string) error {
			_, err := barograph.ParseSelector(s)
			return err
		}),
		"matchers": parse(func(s string) error {
			var m barograph.Matchers
			return m.UnmarshalText([]byte(s))
		}),
		"event-pattern": parse(func(s string) error {
			matches := func(t barograph.EventType) bool { return barograph.MatchEventType(s, t) }
			if !slices.ContainsFunc(barograph.EventTypes(), matches) {
				return barograph.Errorf(barograph.KindInvalid, "%q matches none of %v", s, barograph.EventTypes())
			}
			return nil
		}),
		"regexp": parse(func(s string) error {
			if _, err := regexp.Compile(s); err != nil {
				return barograph.Errorf(barograph.KindInvalid, "%q is not a regular expression: %s", s, err)
			}
			return nil
		}),
		"date-time": parse(func(s string) error {
			if t, err := time.Parse(time.RFC3339, s); err != nil || t.Year() < 1 {
				return barograph.Errorf(barograph.KindInvalid, "%q is not a time as 2026-01-31T12:00:00Z (RFC 3339)", s)
			}
			return nil
		}),
	}
}
