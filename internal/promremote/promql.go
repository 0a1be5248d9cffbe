package promremote

import (
	"strconv"
	"strings"

	"github.com/barograph/barograph"
)

// selectorText returns the selector as every server understands it, which may
// choose more than the selector, never less. The metric stands among the
// matchers, where it can't be taken for a keyword.
func selectorText(s barograph.Selector) string {
	var b strings.Builder
	b.WriteString("{" + metricLabel)
	if s.Metric == "" {
		b.WriteString(`!=""`) // servers want one matcher that refuses the empty value
	} else {
		b.WriteString("=" + strconv.QuoteToASCII(s.Metric))
	}
	for _, m := range s.Matchers {
		if !sendable(m) {
			continue
		}
		b.WriteString("," + m.Name + string(m.Type) + strconv.QuoteToASCII(pattern(m)))
	}
	b.WriteByte('}')
	return b.String()
}

// sendable reports whether servers apply the matcher as we do. What isn't sent
// is applied to what comes.
func sendable(m barograph.Matcher) bool {
	if m.Name == metricLabel {
		return false // no label of ours, but the metric's name to them
	}
	// VictoriaMetrics matches values that it has escaped control characters in.
	isControl := func(r rune) bool { return r < ' ' }
	return !isRegexp(m) || !strings.Contains(m.Value, `\x`) && !strings.ContainsFunc(m.Value, isControl)
}

func isRegexp(m barograph.Matcher) bool {
	return m.Type == barograph.MatchRegexp || m.Type == barograph.MatchNotRegexp
}

// pattern returns the matcher's value. In an expression the dot matches line
// breaks too, which older servers need to be told.
func pattern(m barograph.Matcher) string {
	if isRegexp(m) && strings.ContainsRune(m.Value, '.') {
		return "(?s:" + m.Value + ")"
	}
	return m.Value
}

// overTime returns the function that rolls up.
func overTime(r barograph.Rollup) string {
	switch r {
	case barograph.RollupLast:
	case barograph.RollupMax:
		return "max_over_time"
	case barograph.RollupMin:
		return "min_over_time"
	case barograph.RollupMean:
		return "avg_over_time"
	}
	return "last_over_time"
}

// duration returns so many milliseconds as PromQL writes them.
func duration(milli int64) string { return strconv.FormatInt(milli, 10) + "ms" }

// timestamp returns a time, in milliseconds, as the query API wants it.
func timestamp(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', 3, 64) }
