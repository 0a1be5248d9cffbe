package transfer

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// nodeOf returns an item of the document as YAML. The library would write some
// texts of several lines so that it can't read them: how texts are written is
// decided here, see textNode.
func nodeOf(v reflect.Value) (*yaml.Node, error) {
	if v.Kind() == reflect.Pointer {
		return nodeOf(v.Elem())
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		text, err := m.MarshalText()
		return textNode(string(text)), err
	}
	switch v.Kind() { //nolint:exhaustive // all other kinds are scalars
	case reflect.Struct:
		return structNode(v)
	case reflect.Map:
		return mapNode(v)
	case reflect.Slice:
		return listNode(v)
	case reflect.String:
		return textNode(v.String()), nil
	}
	node := new(yaml.Node)
	if err := node.Encode(v.Interface()); err != nil {
		return nil, fmt.Errorf("write %s: %w", v.Type(), err)
	}
	return node, nil
}

func structNode(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for field, value := range v.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if strings.Contains(options, "omitempty") && empty(value) {
			continue
		}
		child, err := nodeOf(value)
		if err != nil {
			return nil, err
		}
		if strings.Contains(options, "flow") {
			child.Style = yaml.FlowStyle
		}
		node.Content = append(node.Content, textNode(name), child)
	}
	return node, nil
}

// empty reports whether there is nothing to tell.
func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Map || v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

func mapNode(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		child, err := nodeOf(v.MapIndex(key))
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, textNode(key.String()), child)
	}
	return node, nil
}

func listNode(v reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
	}
	for _, item := range v.Seq2() {
		child, err := nodeOf(item)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, child)
	}
	return node, nil
}

// textNode has scripts and templates written as blocks, and whatever is not
// plainly readable with escapes.
func textNode(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case readableBlock(text):
		node.Style = yaml.LiteralStyle
	case strings.ContainsFunc(text, unreadable):
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// readableBlock reports whether the text has several lines that a block shows as
// they are.
func readableBlock(text string) bool {
	if strings.Count(text, "\n") == 0 || strings.TrimSpace(text) == "" {
		return false
	}
	if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unreadable) {
		return false
	}
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		if strings.TrimRight(bare, " ") != bare {
			return false
		}
	}
	return !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, "\n") && !strings.HasSuffix(text, "\n\n")
}

func unreadable(r rune) bool {
	return r == utf8.RuneError || r == '\uFEFF' || r != ' ' && !unicode.IsGraphic(r) || unicode.IsSpace(r) && r != ' '
}
