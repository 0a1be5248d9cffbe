package probes

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlProblem is a mistake of syntax and where it is, from 1.
type yamlProblem struct {
	line, column int
	text         string
}

// lookahead is how many characters the YAML scanner reads beyond the one that
// it looks at.
const lookahead = 4

var (
	yamlPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)
	ipv6Token  = regexp.MustCompile(`[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[0-9A-Za-z_.-]+)?`)
)

// parseYAML returns the root node of the only document, nil if there is none.
func parseYAML(data []byte) (*yaml.Node, *yamlProblem) {
	data, hidden := hideColons(data)
	source := &countingReader{rest: append(bytes.Clone(data), bytes.Repeat([]byte("\n"), lookahead)...)}
	decoder := yaml.NewDecoder(source)
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, locate(data, source.count, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, &yamlProblem{second.Line, second.Column, "a second document begins; a targets file has one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, locate(data, source.count, err)
	}
	if hidden {
		showColons(&doc)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// locate tells where the parser was when it gave up. Its own errors name a line
// at best, and often that of the surrounding list; but it reads no further
// than it has to, so that what it has read says where it is.
func locate(data []byte, read int, err error) *yamlProblem {
	text := yamlPrefix.ReplaceAllString(err.Error(), "")
	end := min(read, len(data)+lookahead) - lookahead
	if strings.Contains(text, "control characters") || strings.Contains(text, "UTF-") {
		end = read - 1 // the reader stops at the bad byte itself
	}
	end = max(0, min(end, len(bytes.TrimRight(data, " \t\r\n"))))
	before := data[:end]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &yamlProblem{
		line:   bytes.Count(before, []byte("\n")) + 1,
		column: utf8.RuneCount(before[lineStart:]) + 1,
		text:   text,
	}
}

// countingReader gives one byte at a time and counts them.
type countingReader struct {
	rest  []byte
	count int
}

// Read gives the next byte.
func (r *countingReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p[0] = r.rest[0]
	r.rest = r.rest[1:]
	r.count++
	return 1, nil
}

// hiddenColon stands for a colon of an IPv6 address while YAML is parsed; it is
// one character too, so that columns stay what they are.
const hiddenColon = '\uE000'

// hideColons replaces the colons of IPv6 addresses. YAML 1.2 allows [::1] as
// it stands, the parser at hand takes the first colon for a key's end.
func hideColons(data []byte) (replaced []byte, hidden bool) {
	if bytes.ContainsRune(data, hiddenColon) {
		return data, false
	}
	replaced = ipv6Token.ReplaceAllFunc(data, func(token []byte) []byte {
		if _, err := netip.ParseAddr(string(token)); err != nil {
			return token
		}
		hidden = true
		return bytes.ReplaceAll(token, []byte(":"), []byte(string(hiddenColon)))
	})
	return replaced, hidden
}

func showColons(n *yaml.Node) {
	n.Value = strings.ReplaceAll(n.Value, string(hiddenColon), ":")
	for _, child := range n.Content {
		showColons(child)
	}
}
