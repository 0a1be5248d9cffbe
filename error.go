package barograph

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an error is, so that a caller can decide and
// the API can choose a status without reading text.
type Kind uint8

// The kinds. An error without a kind is KindInternal.
const (
	KindInternal     Kind = iota // our fault; the text never reaches a user
	KindInvalid                  // the input is wrong and will stay wrong
	KindUnauthorized             // no valid key was shown
	KindForbidden                // the key is valid but does not allow this
	KindNotFound                 // the named thing does not exist
	KindConflict                 // the name is taken, or the thing changed meanwhile
	KindTooLarge                 // the input is beyond a size limit
	KindRateLimited              // too many requests for now
	KindUnavailable              // a station is down or full; trying again later may help
)

// String returns the kind as one lower-case word.
func (k Kind) String() string {
	switch k {
	case KindInternal:
		return "internal"
	case KindInvalid:
		return "invalid"
	case KindUnauthorized:
		return "unauthorized"
	case KindForbidden:
		return "forbidden"
	case KindNotFound:
		return "not_found"
	case KindConflict:
		return "conflict"
	case KindTooLarge:
		return "too_large"
	case KindRateLimited:
		return "rate_limited"
	case KindUnavailable:
		return "unavailable"
	}
	return "internal"
}

// Error is an error meant for whoever caused it: its message names the thing,
// the value, what is allowed and the way out. Err is for the log only.
type Error struct {
	Kind       Kind
	Message    string
	Fields     []FieldError  // what is wrong where; only with KindInvalid
	RetryAfter time.Duration // when trying again makes sense; 0 means unknown
	Err        error         // the cause, never shown to a user
}

// FieldError is one problem with one field of an input.
type FieldError struct {
	Field   string `json:"field"`   // path of the field, as "endpoints[0].url"
	Message string `json:"message"` // what is wrong and what is allowed
}

// Error returns the message with its field problems, and the cause if any.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		switch {
		case i > 0:
			b.WriteString("; ")
		case b.Len() > 0:
			b.WriteString(": ")
		}
		b.WriteString(f.Field + ": " + f.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of the given kind with a message for the user. It
// wraps nothing: set Err to keep a cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first *Error in err's chain, KindInternal if
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// Problems collects what is wrong with one input, so that all of it can be
// told at once.
type Problems struct{ fields []FieldError }

// Addf records a problem with the field at path. An address that is quoted (%q)
// is told without its password.
func (p *Problems) Addf(path, format string, args ...any) {
	p.fields = append(p.fields, FieldError{path, withoutPasswords(fmt.Sprintf(format, args...))})
}

// Merge takes over the field problems of err, each path prefixed with prefix.
// An error without field problems becomes a problem of the prefix itself; nil
// is ignored.
func (p *Problems) Merge(prefix string, err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*Error](err); ok && len(e.Fields) > 0 {
		for _, f := range e.Fields {
			p.fields = append(p.fields, FieldError{joinPath(prefix, f.Field), f.Message})
		}
		return
	}
	p.Addf(prefix, "%s", err)
}

func joinPath(prefix, path string) string {
	if prefix == "" || path == "" || strings.HasPrefix(path, "[") {
		return prefix + path
	}
	return prefix + "." + path
}

// Err returns nil if there are no problems, else an *Error of KindInvalid that
// says which thing is wrong and lists them all.
func (p *Problems) Err(thing string) error {
	if len(p.fields) == 0 {
		return nil
	}
	return &Error{Kind: KindInvalid, Message: "invalid " + thing, Fields: p.fields}
}
