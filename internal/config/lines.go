package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
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
