package influx

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// fluxQuery returns the Flux program for the query. It may choose more series
// than the query, never fewer: where a value is stored escaped, an expression
// can't be tested on the server.
//
// All conditions stand in one filter right after range, in the forms that the
// storage engine takes over. The engine and Flux disagree on what comparing a
// missing tag gives, so the series without the tag are named by exists.
func fluxQuery(bucket string, q barograph.Query) string {
	var b strings.Builder
	b.WriteString(fluxFrom(bucket, q.Selector, q.From, q.To))
	if q.Step > 0 {
		b.WriteString("  |> aggregateWindow(every: " + strconv.FormatInt(q.Step.Milliseconds(), 10) + "ms, fn: " +
			q.Rollup.String() + `, timeSrc: "_start", createEmpty: false)` + "\n")
	}
	b.WriteString(fluxDrop)
	return b.String()
}

// fluxSeries returns the Flux program for the first sample of each series.
func fluxSeries(bucket string, q barograph.SeriesQuery) string {
	return fluxFrom(bucket, q.Selector, q.From, q.To) + "  |> first()\n" + fluxDrop
}

const fluxDrop = `  |> drop(columns: ["_start", "_stop", "_field"])` + "\n"

// fluxFrom returns the begin of a Flux program, that chooses samples.
func fluxFrom(bucket string, s barograph.Selector, from, to time.Time) string {
	conditions := []string{`r["_field"] == ` + fluxString(field)}
	if s.Metric != "" {
		conditions = append(conditions, `r["_measurement"] == `+fluxString(s.Metric))
	}
	for _, m := range s.Matchers {
		if c := condition(m); c != "" {
			conditions = append(conditions, c)
		}
	}
	return "from(bucket: " + fluxString(bucket) + ")\n" +
		"  |> range(start: " + fluxTime(from) + ", stop: " + fluxTime(to) + ")\n" +
		"  |> filter(fn: (r) => " + strings.Join(conditions, " and ") + ")\n"
}

// condition returns what the matcher becomes, "" if every series has to be read.
func condition(m barograph.Matcher) string {
	tag := "r[" + fluxString(tagKey(m.Name)) + "]"
	present, missing := "exists "+tag, "not exists "+tag
	var test string
	switch m.Type {
	case barograph.MatchEqual:
		if m.Value == "" {
			return missing
		}
		test = tag + " == " + fluxString(tagValue(m.Value))
	case barograph.MatchNotEqual:
		if m.Value == "" {
			return present
		}
		test = tag + " != " + fluxString(tagValue(m.Value))
	case barograph.MatchRegexp, barograph.MatchNotRegexp:
		if re, ok := fluxRegexp(m.Value); ok {
			test = "(" + tag + " " + string(m.Type) + " " + re + " or " + tag + " =~ /" + escapedTag + "/)"
		}
	}
	switch acceptsMissing := m.Matches(""); {
	case acceptsMissing && test == "":
		return ""
	case acceptsMissing:
		return "(" + missing + " or " + test + ")"
	case test == "":
		return present
	case m.Type == barograph.MatchNotRegexp:
		return "(" + present + " and " + test + ")"
	}
	return test // which no missing tag passes
}

// fluxTime returns the time as a literal, within what InfluxDB can store.
func fluxTime(t time.Time) string {
	if t.Before(time.UnixMilli(earliest())) {
		t = time.UnixMilli(earliest())
	}
	if t.After(time.UnixMilli(latest())) {
		t = time.UnixMilli(latest())
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// earliest and latest bound what InfluxDB can store, in milliseconds.
func earliest() int64 { return time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }

func latest() int64 { return time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }

// fluxString returns s as a string literal. Every byte that could mean
// something to a parser is given in hexadecimal, so that nothing can end the
// literal or begin an interpolation.
func fluxString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		c := s[i]
		if isPlain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.,:/ ()=", c) >= 0
}

// fluxRegexp returns the expression, which matches whole values, as a literal.
// It is parsed and written anew, so that what stands between the slashes has
// no slash and no escape but those of package regexp. ok is false for the rare
// expression that has no such form.
func fluxRegexp(expr string) (literal string, ok bool) {
	parsed, err := syntax.Parse("^(?s:"+expr+")$", syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	b.WriteByte('/')
	for text := "(?:" + parsed.String() + ")"; text != ""; {
		n, out := nextOfRegexp(text)
		if n == 0 {
			return "", false
		}
		b.WriteString(out)
		text = text[n:]
	}
	b.WriteByte('/')
	return b.String(), true
}

// nextOfRegexp returns how long the first character or escape of the text is
// and how it is written within a literal; 0 if it can't be.
func nextOfRegexp(text string) (n int, out string) {
	switch {
	case strings.HasPrefix(text, `\x{`):
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return 0, ""
		}
		code, err := strconv.ParseInt(text[3:end], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return 0, ""
		}
		return end + 1, string(rune(code))
	case strings.HasPrefix(text, `\x`) && len(text) >= 4:
		code, err := strconv.ParseUint(text[2:4], 16, 8)
		if err != nil {
			return 0, ""
		}
		if code >= utf8.RuneSelf { // a character here, a byte to InfluxDB 2
			return 4, string(rune(code))
		}
		return 4, text[:4]
	case text[0] == '\\' && len(text) > 1:
		_, size := utf8.DecodeRuneInString(text[1:])
		return 1 + size, text[:1+size]
	case text[0] == '/', text[0] < ' ':
		return 1, fmt.Sprintf(`\x%02x`, text[0])
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		return 0, ""
	}
	return size, text[:size]
}
