package barograph

import (
	"strconv"
	"strings"
)

// Selector chooses series by metric name and labels, in the syntax of PromQL:
// disk_used_ratio{mount!~"/boot.*"}. An empty metric chooses every metric.
type Selector struct {
	Metric   string
	Matchers Matchers
}

// Matches reports whether the series is chosen.
func (s Selector) Matches(series Series) bool {
	return (s.Metric == "" || s.Metric == series.Metric) && s.Matchers.Matches(series.Labels)
}

// String returns the selector as PromQL writes it.
func (s Selector) String() string {
	if len(s.Matchers) == 0 && s.Metric != "" {
		return s.Metric
	}
	return s.Metric + s.Matchers.String()
}

// MarshalText returns the text of String.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseSelector reads.
func (s *Selector) UnmarshalText(text []byte) error {
	v, err := ParseSelector(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// ParseSelector reads a metric name, matchers in braces, or both. Values are
// quoted as in Go: "…" with escapes or `…`. Empty text chooses everything.
//
// The patterns of a selector may have MaxRegexpSize instructions in all.
func ParseSelector(text string) (Selector, error) {
	p := selectorParser{text: text}
	s, err := p.parse()
	if err != nil {
		return Selector{}, Errorf(KindInvalid, "selector %q: %s at character %d; write it as name{label=\"value\",other=~\"a|b\"}",
			Clip(text), err, p.pos+1)
	}
	return s, nil
}

// ParseSeries reads a selector that names each label of one series with =, once.
func ParseSeries(text string) (Series, error) {
	p := selectorParser{text: text, equalOnly: true}
	s, err := p.parse()
	if err != nil {
		return Series{}, Errorf(KindInvalid, "series %q: %s at character %d", Clip(text), err, p.pos+1)
	}
	labels := make(map[string]string, len(s.Matchers))
	for _, m := range s.Matchers {
		if _, twice := labels[m.Name]; twice {
			return Series{}, Errorf(KindInvalid, "series %q: label %s is given twice", Clip(text), m.Name)
		}
		labels[m.Name] = m.Value
	}
	series := Series{Metric: s.Metric, Labels: NewLabels(labels)}
	return series, series.Validate()
}

type selectorParser struct {
	text      string
	pos       int
	equalOnly bool // refuses all operators but =, before anything is compiled
	size      int  // of the patterns so far
}

type selectorError string

const errRegexpsSize = selectorError("the patterns are too large together: they may have " + maxRegexpText + "; leave some out, or repeat less")

func (e selectorError) Error() string { return string(e) }

func (p *selectorParser) parse() (Selector, error) {
	var s Selector
	p.space()
	s.Metric = p.name()
	p.space()
	if p.take("{") {
		for p.space(); !p.take("}"); p.space() {
			m, err := p.matcher()
			if err != nil {
				return s, err
			}
			s.Matchers = append(s.Matchers, m)
			p.space()
			if !p.take(",") && !strings.HasPrefix(p.text[p.pos:], "}") {
				return s, selectorError("expected , or }")
			}
		}
	}
	p.space()
	if p.pos < len(p.text) {
		return s, selectorError("unexpected text")
	}
	return s, nil
}

func (p *selectorParser) matcher() (Matcher, error) {
	name := p.name()
	if name == "" {
		return Matcher{}, selectorError("expected a label name")
	}
	p.space()
	var op MatchType
	for _, t := range []MatchType{MatchRegexp, MatchNotRegexp, MatchNotEqual, MatchEqual} {
		if p.take(string(t)) {
			op = t
			break
		}
	}
	if op == "" {
		return Matcher{}, selectorError("expected =, !=, =~ or !~")
	}
	if p.equalOnly && op != MatchEqual {
		return Matcher{}, selectorError("expected = rather than " + string(op))
	}
	p.space()
	quoted, err := strconv.QuotedPrefix(p.text[p.pos:])
	if err != nil {
		return Matcher{}, selectorError("expected a quoted value")
	}
	value, err := strconv.Unquote(quoted)
	if err != nil || quoted[0] == '\'' {
		return Matcher{}, selectorError("expected a value in double quotes")
	}
	m, err := NewMatcher(name, op, value)
	if err != nil {
		return m, err
	}
	if p.size += m.size; p.size > MaxRegexpSize {
		return m, errRegexpsSize
	}
	p.pos += len(quoted)
	return m, nil
}

func (p *selectorParser) name() string {
	start := p.pos
	for p.pos < len(p.text) && ValidName(p.text[start:p.pos+1]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *selectorParser) space() {
	for p.pos < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.pos])) {
		p.pos++
	}
}

func (p *selectorParser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}
