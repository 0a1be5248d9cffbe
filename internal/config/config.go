// Package config reads configuration: strict YAML into structs that already
// hold their defaults, and secrets from files or the environment.
//
// Every problem of a file is reported at once, each with its path, line and
// column: unknown and repeated keys, wrong types, secrets written into the file.
// What values mean is for the structs' own Validate.
//
//	cfg := app.DefaultConfig()
//	err := config.Decode(data, &cfg, os.LookupEnv)
//
// A field of type barograph.Secret with the key "password" is never written
// into the file itself: it comes from the file named by "password_file", or from
// the environment variable BAROGRAPH_<PATH>_PASSWORD, which wins.
package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
)

// EnvPrefix begins the names of environment variables that hold secrets.
const EnvPrefix = "BAROGRAPH"

// Decode reads the YAML of data into the struct that into points to. Fields
// that the YAML does not name keep their values. The error is a
// *barograph.Error of KindInvalid that lists all problems.
func Decode(data []byte, into any, lookupEnv func(string) (string, bool)) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode configuration into %T, want a pointer to a struct", into)
	}
	root, err := parse(data)
	if err != nil {
		return err
	}
	d := decoder{lookupEnv: lookupEnv}
	if root != nil {
		d.value(root, target.Elem(), "")
	}
	d.secretsFromEnv(target.Elem(), nil)
	return d.problems.Err("configuration")
}

// parse returns the root node of the only document, nil if it is empty.
func parse(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // an empty file is a configuration: all defaults
		}
		return nil, barograph.Errorf(barograph.KindInvalid, "this is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, barograph.Errorf(barograph.KindInvalid, "the file holds more than one YAML document; keep one")
	}
	return doc.Content[0], nil
}

type decoder struct {
	lookupEnv func(string) (string, bool)
	problems  barograph.Problems
}

func (d *decoder) addf(n *yaml.Node, path, format string, args ...any) {
	if path == "" {
		path = "configuration"
	}
	d.problems.Addf(path, "line %d, column %d: %s", n.Line, n.Column, fmt.Sprintf(format, args...))
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if isNull(n) {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if _, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.scalar(n, v, path)
		return
	}
	switch v.Kind() { //nolint:exhaustive // all other kinds are scalars
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.addf(n, path, "is %s, want keys with values", describe(n))
		return
	}
	fields := fieldsOf(v.Type())
	d.eachKey(n, path, func(key, value *yaml.Node, sub string) {
		if f, ok := fields[key.Value]; ok {
			if f.secret {
				d.addf(key, sub, "is a secret and does not belong into this file: put it into a file of its own and name that by %s_file, or set %s",
					key.Value, envName(sub))
				return
			}
			d.value(value, v.FieldByIndex(f.index), sub)
			return
		}
		if f, ok := fields[strings.TrimSuffix(key.Value, "_file")]; ok && f.secret {
			d.secretFile(value, v.FieldByIndex(f.index), sub)
			return
		}
		d.addf(key, sub, "unknown key; allowed here: %s", strings.Join(keysOf(fields), ", "))
	})
}

func (d *decoder) eachKey(n *yaml.Node, path string, fn func(key, value *yaml.Node, sub string)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		sub := key.Value
		if path != "" {
			sub = path + "." + sub
		}
		if line, twice := seen[key.Value]; twice {
			d.addf(key, sub, "is given twice, first in line %d", line)
			continue
		}
		seen[key.Value] = key.Line
		fn(key, value, sub)
	}
}

func (d *decoder) secretFile(n *yaml.Node, v reflect.Value, path string) {
	var name string
	if n.Decode(&name) != nil || name == "" {
		d.addf(n, path, "is %s, want the name of a file", describe(n))
		return
	}
	if strings.Contains(name, "://") {
		d.addf(n, path, "%q is an address, want the name of a file that holds it", name)
		return
	}
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		d.addf(n, path, "%s", err)
		return
	}
	v.SetString(strings.TrimRight(string(text), "\r\n"))
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.addf(n, path, "is %s, want keys with values", describe(n))
		return
	}
	m := reflect.MakeMap(v.Type())
	d.eachKey(n, path, func(key, value *yaml.Node, sub string) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, item, sub)
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	})
	v.Set(m)
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.addf(n, path, "is %s, want a list", describe(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if v, ok := reflect.TypeAssert[Defaulter](list.Index(i).Addr()); ok {
			v.SetDefaults()
		}
		d.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(list)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.addf(n, path, "is %s, want %s", describe(n), want(v))
		return
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			d.addf(n, path, "%s", err)
		}
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(n.Value)
		return
	}
	if n.Decode(v.Addr().Interface()) != nil || v.CanFloat() && !finite(v.Float()) {
		d.addf(n, path, "%q is not %s", n.Value, want(v))
	}
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func want(v reflect.Value) string {
	switch {
	case v.CanInt(), v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	case v.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a text"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of keys"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	return fmt.Sprintf("%q", n.Value)
}

// secretsFromEnv sets every Secret below v whose variable is in the environment.
func (d *decoder) secretsFromEnv(v reflect.Value, path []string) {
	for name, f := range fieldsOf(v.Type()) {
		field, sub := v.FieldByIndex(f.index), append(slices.Clone(path), name)
		switch {
		case f.secret:
			if text, ok := d.lookupEnv(envName(strings.Join(sub, "."))); ok {
				field.SetString(text)
			}
		case field.Kind() == reflect.Struct:
			d.secretsFromEnv(field, sub)
		}
	}
}

func envName(path string) string {
	return EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

type field struct {
	index  []int
	secret bool
}

// fieldsOf returns the fields that have a yaml tag, by their key.
func fieldsOf(t reflect.Type) map[string]field {
	fields := map[string]field{}
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fields[key] = field{f.Index, f.Type == reflect.TypeFor[barograph.Secret]()}
	}
	return fields
}

func keysOf(fields map[string]field) []string {
	var keys []string
	for key, f := range fields {
		if f.secret {
			key += "_file"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Encode returns the configuration as YAML, secrets redacted.
func Encode(cfg any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(cfg); err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return b.Bytes(), nil
}
