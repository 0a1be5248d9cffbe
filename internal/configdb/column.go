package configdb

import (
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// column binds a column to a field, both ways: its value is a pointer that a
// statement takes as an argument and a row is scanned into.
type column struct {
	name  string
	value any
}

func names(columns []column) []string {
	ns := make([]string, len(columns))
	for i, c := range columns {
		ns[i] = c.name
	}
	return ns
}

func values(columns []column) []any {
	vs := make([]any, len(columns))
	for i, c := range columns {
		vs[i] = c.value
	}
	return vs
}

// binding is a field whose form in the database differs from that in Go.
type binding interface {
	driver.Valuer
	sql.Scanner
}

var (
	_ binding = instant{}
	_ binding = jsonText{}
	_ binding = plainText{}
	_ binding = keyHash{}
	_ binding = derived{}
)

// instant is a time as Unix microseconds; the zero time is NULL.
type instant struct{ time *time.Time }

// Value returns the microseconds.
func (i instant) Value() (driver.Value, error) {
	if i.time.IsZero() {
		return nil, nil //nolint:nilnil // nil is NULL
	}
	return i.time.UnixMicro(), nil
}

// Scan sets the time, in UTC.
func (i instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.time = time.Time{}
		return nil
	case int64:
		*i.time = time.UnixMicro(v).UTC()
		return nil
	}
	return fmt.Errorf("%T is not a time", src)
}

// stored returns the time as it would come back from the database, for those
// that are kept within JSON.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// jsonText is a value as JSON.
type jsonText struct{ pointer any }

// Value returns the JSON.
func (j jsonText) Value() (driver.Value, error) {
	text, err := json.Marshal(j.pointer)
	return string(text), err
}

// Scan sets the value.
func (j jsonText) Scan(src any) error {
	text, err := textOf(src)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, j.pointer)
}

// plainText is a value that has a text form of its own.
type plainText struct {
	pointer interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}
}

// Value returns the text.
func (p plainText) Value() (driver.Value, error) {
	text, err := p.pointer.MarshalText()
	return string(text), err
}

// Scan sets the value.
func (p plainText) Scan(src any) error {
	text, err := textOf(src)
	if err != nil {
		return err
	}
	return p.pointer.UnmarshalText(text)
}

// keyHash is the hash of a key in hexadecimal; no key is NULL.
type keyHash struct{ hash *barograph.KeyHash }

// Value returns the hexadecimal text.
func (k keyHash) Value() (driver.Value, error) {
	if *k.hash == (barograph.KeyHash{}) {
		return nil, nil //nolint:nilnil // nil is NULL
	}
	return hex.EncodeToString(k.hash[:]), nil
}

// Scan sets the hash.
func (k keyHash) Scan(src any) error {
	*k.hash = barograph.KeyHash{}
	if src == nil {
		return nil
	}
	text, err := textOf(src)
	if err != nil {
		return err
	}
	_, err = hex.Decode(k.hash[:], text)
	return err
}

// derived is a value that is written to be searched by, and told by other
// columns when read.
type derived struct{ value driver.Value }

// Value returns the value.
func (d derived) Value() (driver.Value, error) { return d.value, nil }

// Scan does nothing.
func (derived) Scan(any) error { return nil }

func textOf(src any) ([]byte, error) {
	switch v := src.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	return nil, fmt.Errorf("%T is not text", src)
}
