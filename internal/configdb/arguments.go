package configdb

import (
	"database/sql/driver"
	"errors"
	"math"
	"strings"
)

// errNaN: no number that is kept is none, though some databases would take it.
var errNaN = errors.New("a value is not a number")

// arguments returns the arguments of a statement in the few types that all
// drivers take, with texts that all databases take.
func arguments(args []any) ([]any, error) {
	plain := make([]any, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		switch v := value.(type) {
		case string:
			value = cleanText(v)
		case float64:
			if math.IsNaN(v) {
				return nil, errNaN
			}
		}
		plain[i] = value
	}
	return plain, nil
}

// cleanText replaces what is not UTF-8, and NUL, which PostgreSQL refuses. It is
// the same for SQLite, so that a database can be moved.
func cleanText(s string) string {
	const unknown = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(s, unknown), "\x00", unknown)
}
