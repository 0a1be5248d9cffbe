package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/barograph/barograph"
)

// Defaulter is what knows its own defaults. Decode asks for those of the items
// of a list, which come from nowhere else.
type Defaulter interface {
	SetDefaults()
}

// Lines returns a function that tells in which line the YAML of data has the
// field at a path, as "rules[2].limit", or what holds the field if it is missing;
// 0 if nothing does.
func Lines(data []byte) func(path string) int {
	known := map[string]int{}
	if root, err := parse(data); err == nil && root != nil {
		addLines(known, root, "")
	}
	return func(path string) int {
		for {
			if line, ok := known[path]; ok || path == "" {
				return line
			}
			path = path[:max(0, strings.LastIndexAny(path, ".["))]
		}
	}
}

// Join joins what is wrong with the text of a thing, as of Decode, and with its
// values. What can't be read has no value to speak of.
func Join(thing string, unread, invalid error) error {
	var p barograph.Problems
	p.Merge("", unread)
	for _, f := range fieldErrors(invalid) {
		told := func(u barograph.FieldError) bool { return within(f.Field, u.Field) }
		if !slices.ContainsFunc(fieldErrors(unread), told) {
			p.Addf(f.Field, "%s", f.Message)
		}
	}
	return p.Err(thing)
}

func fieldErrors(err error) []barograph.FieldError {
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		return e.Fields
	}
	return nil
}

// within reports whether a path is the other one, or below it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func addLines(known map[string]int, n *yaml.Node, path string) {
	if known[path] == 0 {
		known[path] = n.Line
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			sub := n.Content[i].Value
			if path != "" {
				sub = path + "." + sub
			}
			known[sub] = n.Content[i].Line
			addLines(known, n.Content[i+1], sub)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			addLines(known, item, fmt.Sprintf("%s[%d]", path, i))
		}
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
}
