package alerting

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/barograph/barograph"
)

// The words that all messages are made of.

// beyond says on which side of the limit the trouble is: "above 90 %".
func beyond(metric string, rule *barograph.RuleRef) string {
	if rule == nil {
		return "beyond its limit"
	}
	return rule.Operator.Beyond(metric, rule.Limit)
}

// etaRange writes when as "Thu 14:00 – Fri 09:00 UTC", seen from now.
func etaRange(eta barograph.ETA, now time.Time) string {
	words := eta.Words(now, time.UTC)
	if words == "" {
		return ""
	}
	return words + " UTC"
}

// stampUTC writes a time as it is seen from now.
func stampUTC(t, now time.Time) string { return barograph.Stamp(t, now, time.UTC) + " UTC" }

func stampInFull(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05") + " UTC" }

// oneLine makes any text one line without control characters, so that no label
// or annotation can begin a header or a paragraph of its own.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029'
	}), " ")
}

// clip shortens s to at most n runes.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// lineWidth is how many columns a text has, where no word is longer.
const lineWidth = 78

// wrap breaks text into lines, all but the first indented.
func wrap(indent int, text string) string { return wrapAt(0, indent, text) }

// wrapAt is wrap for a text that begins at a column.
func wrapAt(column, indent int, text string) string {
	var b strings.Builder
	for i, word := range unbroken(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+width > lineWidth:
			b.WriteString("\n" + strings.Repeat(" ", max(indent, 0)))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// nobreak keeps numbers and their units on one line, where lines are broken by
// the program that shows them.
func nobreak(text string) string {
	words := unbroken(text)
	for i, word := range words {
		words[i] = strings.ReplaceAll(word, " ", "\u00a0")
	}
	return strings.Join(words, " ")
}

// unbroken returns the words of a text. A number keeps its unit.
func unbroken(text string) (words []string) {
	units := []string{"%", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "ms", "s", "min", "h", "d"}
	for word := range strings.FieldsSeq(text) {
		last := len(words) - 1
		bare := strings.TrimRight(word, ".,;:)")
		if last >= 0 && slices.Contains(units, bare) && words[last] != "" && strings.ContainsAny(words[last][len(words[last])-1:], "0123456789") {
			words[last] += " " + word
			continue
		}
		words = append(words, word)
	}
	return words
}
