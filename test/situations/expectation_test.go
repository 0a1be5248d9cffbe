package situations_test

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// expectation is what has to hold of one rule in a span of time.
type expectation struct {
	line   line
	series string // value of the label "name"; "" means all
	from   moment
	until  moment // not included
	once   bool   // only what stood at from
	check  checker
}

// moment is a time of the script.
type moment struct {
	base   string // "", "crossing" or "end"
	offset time.Duration
}

var (
	whenAt     = regexp.MustCompile(`^at (\S+)$`)
	whenSpan   = regexp.MustCompile(`^from (\S+) until (\S+)$`)
	whenAfter  = regexp.MustCompile(`^after (\S+)$`)
	whenUntil  = regexp.MustCompile(`^until (\S+)$`)
	momentText = regexp.MustCompile(`^(crossing|end)?([-+]?)(\S*)$`)
)

// parseExpectation reads "[NAME ]WHEN: WHAT".
func parseExpectation(l line, vars variables) (expectation, error) {
	text, err := vars.fill(l.text)
	if err != nil {
		return expectation{}, err
	}
	e := expectation{line: line{l.number, text}}
	when, what, ok := strings.Cut(text, ": ")
	if !ok {
		return e, fmt.Errorf("is not WHEN: WHAT")
	}
	if name, rest, ok := strings.Cut(when, ", "); ok {
		e.series, when = name, rest
	}
	if err := e.parseWhen(when); err != nil {
		return e, err
	}
	e.check, err = parseWhat(what)
	return e, err
}

func (e *expectation) parseWhen(when string) (err error) {
	from, until := "0", "end"
	switch {
	case when == "always":
	case whenAt.MatchString(when):
		from = whenAt.FindStringSubmatch(when)[1]
		e.once = true
	case whenSpan.MatchString(when):
		m := whenSpan.FindStringSubmatch(when)
		from, until = m[1], m[2]
	case whenAfter.MatchString(when):
		from = whenAfter.FindStringSubmatch(when)[1]
	case whenUntil.MatchString(when):
		until = whenUntil.FindStringSubmatch(when)[1]
	default:
		return fmt.Errorf("%q is none of always, at T, from T until T, after T, until T", when)
	}
	if e.from, err = parseMoment(from); err == nil {
		e.until, err = parseMoment(until)
	}
	return err
}

func parseMoment(text string) (moment, error) {
	m := momentText.FindStringSubmatch(text)
	if m == nil {
		return moment{}, fmt.Errorf("%q is no time", text)
	}
	if m[1] != "" && m[2] == "" && m[3] == "" {
		return moment{base: m[1]}, nil
	}
	var d time.Duration
	if err := readDuration(&d, m[3]); err != nil {
		return moment{}, err
	}
	if m[2] == "-" {
		d = -d
	}
	return moment{m[1], d}, nil
}

// in returns the moment as a time of the script. "crossing" is the first one
// that is not history.
func (m moment) in(w *world, k *watched, st *stream) (time.Duration, error) {
	switch m.base {
	case "end":
		return k.end + m.offset, nil
	case "crossing":
		crossing, ok := k.crossingAfter(st, w.script.watch)
		if !ok {
			return 0, fmt.Errorf("the limit is never crossed")
		}
		return crossing + m.offset, nil
	}
	return m.offset, nil
}

// crossingAfter returns when the limit is crossed next.
func (k *watched) crossingAfter(st *stream, after time.Duration) (time.Duration, bool) {
	for _, at := range k.crossings(st) {
		if at > after {
			return at, true
		}
	}
	return 0, false
}

// what is one kind of expectation.
type what struct {
	pattern *regexp.Regexp
	make    func(p *fieldReader, f []string) checker
}

// checker returns what is wrong, "" if nothing is.
type checker func(k *watched, st *stream, s span) string

// span is a time, until not included.
type span struct{ from, until time.Duration }

func (s span) holds(t time.Time) bool {
	at := t.Sub(epoch())
	return at >= s.from && at < s.until
}

var whats = []what{
	{regexp.MustCompile(`^state (.+)$`), wantState},
	{regexp.MustCompile(`^probability (at least|at most|below) (\S+)$`), wantProbability},
	{regexp.MustCompile(`^eta within (\S+) of the crossing$`), wantETA},
	{regexp.MustCompile(`^eta range holds the crossing$`), wantRange},
	{regexp.MustCompile(`^curve between (\S+) and (\S+)$`), wantCurve},
	{regexp.MustCompile(`^reason says (.+)$`), wantReason},
	{regexp.MustCompile(`^no answer()$`), wantNoAnswer},
	{regexp.MustCompile(`^no prediction()$`), wantNoPrediction},
	{regexp.MustCompile(`^no event()$`), wantNoEvent},
	{regexp.MustCompile(`^events (.+)$`), wantEvents},
	{regexp.MustCompile(`^prediction open()$`), wantPredictionOpen},
	{regexp.MustCompile(`^breach open()$`), wantBreachOpen},
	{regexp.MustCompile(`^every prediction confirmed()$`), wantConfirmed},
	{regexp.MustCompile(`^every breach foreseen at least (\S+) ahead$`), wantForeseen},
	{regexp.MustCompile(`^(\d+) breach(?:es)?$`), wantBreaches},
	{regexp.MustCompile(`^at most (\d+) updates?$`), wantFewUpdates},
}

func parseWhat(text string) (checker, error) {
	for _, known := range whats {
		if m := known.pattern.FindStringSubmatch(text); m != nil {
			p := &fieldReader{}
			check := known.make(p, m[1:])
			return check, p.err
		}
	}
	return nil, fmt.Errorf("%q is no expectation", text)
}

// within returns the forecasts of the series that stood in the span.
func (k *watched) within(st *stream, s span) (sights []sight) {
	for _, seen := range k.seen[st.series.String()] {
		if seen.at >= s.from && seen.at < s.until {
			sights = append(sights, seen)
		}
	}
	return sights
}
