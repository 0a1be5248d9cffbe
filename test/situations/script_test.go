package situations_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// script is a situation as its file tells it; see testdata/README.md.
type script struct {
	every time.Duration // between two samples
	sweep time.Duration // between two forecasts
	watch time.Duration // what comes before is history, written at once
	cases []scriptCase
	// series and rules hold lines that may name variables, and so are read
	// anew for each case.
	series []seriesBlock
	rules  []ruleBlock
}

// scriptCase is one set of values for a script's variables, as told or mirrored.
type scriptCase struct {
	name     string
	vars     variables
	seed     uint64
	mirrored bool
	pivot    float64 // a value v is mirrored as pivot − v
}

type line struct {
	number int
	text   string
}

type seriesBlock struct {
	name, metric string
	labels       map[string]string
	body         []line
}

type ruleBlock struct {
	head line
	body []line // expectations
}

// readScript reads a file of testdata.
func readScript(path string) (*script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseScript(string(text))
}

func parseScript(text string) (*script, error) {
	s := &script{}
	r := scriptReader{script: s, cases: []variables{}}
	for i, raw := range strings.Split(text, "\n") {
		raw, _, _ = strings.Cut(raw, "#")
		if l := (line{i + 1, strings.TrimSpace(raw)}); l.text != "" {
			if err := r.take(l, raw[0] == ' ' || raw[0] == '\t'); err != nil {
				return nil, fmt.Errorf("line %d: %q: %w", l.number, l.text, err)
			}
		}
	}
	return s, r.finish()
}

// scriptReader takes a script line by line.
type scriptReader struct {
	script   *script
	block    *[]line // that indented lines belong to
	cases    []variables
	pivot    float64
	mirrored bool
}

func (r *scriptReader) take(l line, indented bool) error {
	if indented {
		if r.block == nil {
			return fmt.Errorf("belongs to no series and no rule")
		}
		*r.block = append(*r.block, l)
		return nil
	}
	word, rest, _ := strings.Cut(l.text, " ")
	switch word {
	case "every":
		return readDuration(&r.script.every, rest)
	case "sweep":
		return readDuration(&r.script.sweep, strings.TrimPrefix(rest, "every "))
	case "watch":
		return readDuration(&r.script.watch, strings.TrimPrefix(rest, "from "))
	case "with":
		return r.takeCase(rest)
	case "mirrored":
		r.mirrored = true
		return readNumber(&r.pivot, strings.TrimPrefix(rest, "at "))
	case "series":
		return r.takeSeries(rest)
	case "rule":
		r.script.rules = append(r.script.rules, ruleBlock{head: l})
		r.block = &r.script.rules[len(r.script.rules)-1].body
		return nil
	}
	return fmt.Errorf("begins with none of every, sweep, watch, with, mirrored, series, rule")
}

func (r *scriptReader) takeCase(rest string) error {
	vars := variables{}
	for field := range strings.FieldsSeq(rest) {
		name, text, ok := strings.Cut(field, "=")
		value, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is not name=number", field)
		}
		vars[name] = value
	}
	r.cases = append(r.cases, vars)
	return nil
}

func (r *scriptReader) takeSeries(rest string) error {
	selector, err := barograph.ParseSelector(rest)
	if err != nil {
		return err
	}
	block := seriesBlock{metric: selector.Metric, labels: map[string]string{}}
	for _, m := range selector.Matchers {
		block.labels[m.Name] = m.Value
		if m.Name == "name" {
			block.name = m.Value
		}
	}
	r.script.series = append(r.script.series, block)
	r.block = &r.script.series[len(r.script.series)-1].body
	return nil
}

// finish makes the cases: each "with" line, and each of them mirrored.
func (r *scriptReader) finish() error {
	s := r.script
	if s.every <= 0 || len(s.rules) == 0 {
		return fmt.Errorf("a script needs the lines every and rule")
	}
	if s.sweep == 0 {
		s.sweep = s.every
	}
	if len(r.cases) == 0 {
		r.cases = append(r.cases, variables{})
	}
	for i, vars := range r.cases {
		c := scriptCase{name: caseName(vars), vars: vars, seed: uint64(vars["seed"]) + uint64(i)<<32, pivot: r.pivot}
		s.cases = append(s.cases, c)
		if r.mirrored {
			c.mirrored, c.name = true, strings.TrimSpace(c.name+" mirrored")
			s.cases = append(s.cases, c)
		}
	}
	return nil
}

func caseName(vars variables) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		words = append(words, fmt.Sprintf("%s=%v", name, vars[name]))
	}
	return strings.Join(words, " ")
}

// ruleLine is RULE-NAME-less: a series, an operator, a limit and a horizon.
var ruleLine = regexp.MustCompile(`^rule (.+?) (>=|<=|>|<) (\S+) within (\S+)(?: for (\S+))?(?: bounds (\S+) (\S+))?$`)

// rule returns the rule of a block for one case.
func (s *script) rule(b ruleBlock, c scriptCase, index, caseIndex int) (barograph.Rule, error) {
	var rule barograph.Rule
	text, err := fillSelectorLast(c.vars, b.head.text)
	if err != nil {
		return rule, b.head.wrong(err)
	}
	m := ruleLine.FindStringSubmatch(text)
	if m == nil {
		return rule, b.head.wrong(fmt.Errorf("is not: rule SERIES OPERATOR LIMIT within DURATION [for DURATION] [bounds LEAST MOST]"))
	}
	selector, err := barograph.ParseSelector(m[1])
	if err != nil {
		return rule, b.head.wrong(err)
	}
	match, err := barograph.NewMatcher("case", barograph.MatchEqual, strconv.Itoa(caseIndex))
	if err != nil {
		return rule, err
	}
	selector.Matchers = append(selector.Matchers, match)
	rule = barograph.Rule{
		Name: fmt.Sprintf("rule %d of case %d", index, caseIndex), Series: selector, Operator: barograph.Operator(m[2]),
		OpenAt: openAt, CloseAt: closeAt, Severity: barograph.SeverityWarning, Enabled: true,
	}
	p := fieldReader{}
	rule.Limit = p.number(m[3])
	rule.Horizon = barograph.Duration(p.duration(m[4]))
	if m[5] != "" {
		rule.For = barograph.Duration(p.duration(m[5]))
	}
	if m[6] != "" {
		rule.Bounds = &barograph.Bounds{Min: p.bound(m[6]), Max: p.bound(m[7])}
	}
	if p.err != nil {
		return rule, b.head.wrong(p.err)
	}
	if c.mirrored {
		mirror(&rule, c.pivot)
	}
	return rule, nil
}

// The API's defaults.
const openAt, closeAt = .7, .4

// fillSelectorLast fills in variables but leaves the braces of a selector alone,
// which hold an = sign.
func fillSelectorLast(v variables, text string) (string, error) {
	open, end := strings.Index(text, "{"), strings.Index(text, "}")
	if open >= 0 && end > open && strings.Contains(text[open:end], "=") {
		rest, err := v.fill(text[end+1:])
		return text[:end+1] + rest, err
	}
	return v.fill(text)
}

// mirror turns the rule upside down.
func mirror(r *barograph.Rule, pivot float64) {
	r.Limit = pivot - r.Limit
	r.Operator = map[barograph.Operator]barograph.Operator{
		barograph.Above: barograph.Below, barograph.AtLeast: barograph.AtMost,
		barograph.Below: barograph.Above, barograph.AtMost: barograph.AtLeast,
	}[r.Operator]
	if b := r.Bounds; b != nil {
		flip := func(bound *float64) *float64 {
			if bound == nil {
				return nil
			}
			return new(pivot - *bound)
		}
		r.Bounds = &barograph.Bounds{Min: flip(b.Max), Max: flip(b.Min)}
	}
}

func (l line) wrong(err error) error { return fmt.Errorf("line %d: %q: %w", l.number, l.text, err) }

// fieldReader reads fields and keeps the first error.
type fieldReader struct{ err error }

func (p *fieldReader) note(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *fieldReader) number(text string) (v float64) {
	p.note(readNumber(&v, text))
	return v
}

func (p *fieldReader) duration(text string) (d time.Duration) {
	p.note(readDuration(&d, text))
	return d
}

// bound reads a bound; "none" is none.
func (p *fieldReader) bound(text string) *float64 {
	if text == "none" {
		return nil
	}
	return new(p.number(text))
}

func readNumber(v *float64, text string) (err error) {
	*v, err = strconv.ParseFloat(text, 64)
	return err
}

func readDuration(d *time.Duration, text string) error {
	v, err := barograph.ParseDuration(text)
	*d = v.Std()
	return err
}
