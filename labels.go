package barograph

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on names and labels, checked at every door.
const (
	MaxLabels      = 64   // labels of one series
	MaxLabelBytes  = 1024 // a label's value, in bytes
	MaxNameBytes   = 256  // a metric's or label's name, in bytes
	MetricNameRule = "[a-zA-Z_][a-zA-Z0-9_]*"
)

// Label is one name with its value.
type Label struct{ Name, Value string }

// Labels are sorted by name, each name once, no value empty. Treat them as
// immutable: every function that changes labels returns new ones.
type Labels []Label

// NewLabels returns the labels of the map, sorted; empty values are left out.
func NewLabels(m map[string]string) Labels {
	ls := make(Labels, 0, len(m))
	for name, value := range m {
		if value != "" {
			ls = append(ls, Label{name, value})
		}
	}
	ls.sort()
	return ls
}

func (ls Labels) sort() {
	slices.SortFunc(ls, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
}

// Get returns the value of the named label, "" if there is none.
func (ls Labels) Get(name string) string {
	for _, l := range ls {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// With returns labels with name set to value; an empty value removes it.
func (ls Labels) With(name, value string) Labels {
	out := make(Labels, 0, len(ls)+1)
	for _, l := range ls {
		if l.Name != name {
			out = append(out, l)
		}
	}
	if value != "" {
		out = append(out, Label{name, value})
		out.sort()
	}
	return out
}

// Merge returns ls with the labels of over added; those of over win.
func (ls Labels) Merge(over Labels) Labels {
	m := ls.Map()
	for _, l := range over {
		m[l.Name] = l.Value
	}
	return NewLabels(m)
}

// Map returns the labels as a new map.
func (ls Labels) Map() map[string]string {
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return m
}

// Equal reports whether both have the same names and values.
func (ls Labels) Equal(other Labels) bool { return slices.Equal(ls, other) }

// String returns the labels as PromQL writes them: {host="a",os="debian"}.
func (ls Labels) String() string {
	var b strings.Builder
	ls.write(&b)
	return b.String()
}

func (ls Labels) write(b *strings.Builder) {
	b.WriteByte('{')
	for i, l := range ls {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(l.Name)
		b.WriteByte('=')
		b.WriteString(strconv.Quote(l.Value))
	}
	b.WriteByte('}')
}

// MarshalJSON returns an object of names and values.
func (ls Labels) MarshalJSON() ([]byte, error) { return json.Marshal(ls.Map()) }

// UnmarshalJSON reads an object of names and values.
func (ls *Labels) UnmarshalJSON(data []byte) error {
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	*ls = NewLabels(m)
	return nil
}

// Validate returns an error that names every bad label: a name that is not
// [a-zA-Z_][a-zA-Z0-9_]* or begins with two underscores, a value that is too
// long or not UTF-8, too many labels.
func (ls Labels) Validate() error {
	var p Problems
	if len(ls) > MaxLabels {
		p.Addf("", "%d labels, at most %d are allowed", len(ls), MaxLabels)
	}
	for i, l := range ls {
		if err := validLabelName(l.Name); err != nil {
			p.Addf(l.Name, "%s", err)
		}
		if i > 0 && ls[i-1].Name >= l.Name {
			p.Addf(l.Name, "given twice or out of order")
		}
		if len(l.Value) > MaxLabelBytes {
			p.Addf(l.Name, "value of %d bytes, at most %d are allowed", len(l.Value), MaxLabelBytes)
		}
		if !utf8.ValidString(l.Value) {
			p.Addf(l.Name, "value is not UTF-8")
		}
	}
	return p.Err("labels")
}

func validLabelName(name string) error {
	if !ValidName(name) {
		return fmt.Errorf("label name %q is not %s of at most %d bytes", Clip(name), MetricNameRule, MaxNameBytes)
	}
	if strings.HasPrefix(name, "__") {
		return fmt.Errorf("label name %q begins with two underscores, which is reserved", Clip(name))
	}
	return nil
}

// ValidName reports whether name may name a metric or label:
// [a-zA-Z_][a-zA-Z0-9_]*, at most MaxNameBytes.
func ValidName(name string) bool {
	if name == "" || len(name) > MaxNameBytes {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Clip shortens what a user sent before it goes into an error.
func Clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// MatchType says how a matcher compares.
type MatchType string

// The match types, as PromQL writes them. Regular expressions match whole values.
const (
	MatchEqual     MatchType = "="
	MatchNotEqual  MatchType = "!="
	MatchRegexp    MatchType = "=~"
	MatchNotRegexp MatchType = "!~"
)

// Matcher tests one label. A missing label has the value "".
type Matcher struct {
	Name  string
	Type  MatchType
	Value string
	re    *regexp.Regexp
	size  int // of re, as RegexpSize has it
}

// NewMatcher returns a matcher, or an error that names what is wrong with it: a
// pattern may have MaxRegexpSize instructions.
func NewMatcher(name string, t MatchType, value string) (Matcher, error) {
	m := Matcher{Name: name, Type: t, Value: value}
	if !ValidName(name) {
		return m, Errorf(KindInvalid, "matcher name %q is not %s", Clip(name), MetricNameRule)
	}
	switch t {
	case MatchEqual, MatchNotEqual:
	case MatchRegexp, MatchNotRegexp:
		re, size, err := compileRegexp(value)
		if err != nil {
			return m, Errorf(KindInvalid, "matcher %s%s%q: %s", name, t, Clip(value), err)
		}
		m.re, m.size = re, size
	default:
		return m, Errorf(KindInvalid, "matcher type %q is not one of =, !=, =~, !~", t)
	}
	return m, nil
}

// Matches reports whether a label of this value passes.
func (m Matcher) Matches(value string) bool {
	switch m.Type {
	case MatchEqual:
		return value == m.Value
	case MatchNotEqual:
		return value != m.Value
	case MatchRegexp:
		return m.re != nil && m.re.MatchString(value)
	case MatchNotRegexp:
		return m.re != nil && !m.re.MatchString(value)
	}
	return false
}

// String returns the matcher as PromQL writes it.
func (m Matcher) String() string { return m.Name + string(m.Type) + strconv.Quote(m.Value) }

// Equal reports whether both test the same.
func (m Matcher) Equal(other Matcher) bool {
	return m.Name == other.Name && m.Type == other.Type && m.Value == other.Value
}

// Matchers all have to pass. Their text form is {os="debian",role=~"web.*"}.
type Matchers []Matcher

// Matches reports whether the labels pass every matcher.
func (ms Matchers) Matches(ls Labels) bool {
	for _, m := range ms {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// matchPresent reports whether the labels that are there match, as those that
// are not may have any value.
func (ms Matchers) matchPresent(ls Labels) bool {
	for _, m := range ms {
		if value := ls.Get(m.Name); value != "" && !m.Matches(value) {
			return false
		}
	}
	return true
}

// String returns the matchers in braces, "{}" if there are none.
func (ms Matchers) String() string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// MarshalText returns the text of String.
func (ms Matchers) MarshalText() ([]byte, error) { return []byte(ms.String()), nil }

// UnmarshalText reads matchers in braces; empty text means none.
func (ms *Matchers) UnmarshalText(text []byte) error {
	s, err := ParseSelector(string(text))
	if err != nil {
		return err
	}
	if s.Metric != "" {
		return Errorf(KindInvalid, "matchers %q: write labels in braces, as {os=\"debian\"}, without a metric name", Clip(string(text)))
	}
	*ms = s.Matchers
	return nil
}
