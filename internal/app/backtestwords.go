package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// summarize says in one sentence what came of a backtest, and what to know
// before trusting it.
func summarize(b *barograph.Backtest, rule barograph.Rule, now time.Time) (summary string, notes []string) {
	notes = []string{}
	if len(b.Series) == 0 {
		return fmt.Sprintf("%s: there are no series %s", spanWords(b, now), rule.Series), notes
	}
	var parts []string
	if rule.Horizon > 0 {
		parts = append(parts, predictionWords(b.Score))
	}
	summary = spanWords(b, now) + ": " + strings.Join(append(parts, breachWords(b.Score, rule.Horizon > 0)), "; ")
	young, note := historyWords(b)
	if young != "" {
		summary += " (" + young + ")"
	}
	if note != "" {
		notes = append(notes, note)
	}
	if rule.Horizon == 0 {
		notes = append(notes, "the rule has no horizon and so makes no predictions")
	}
	if n := len(b.Predictions); n > barograph.MaxBacktestItems {
		notes = append(notes, fmt.Sprintf("the first %d of %d predictions are listed", barograph.MaxBacktestItems, n))
	}
	if n := len(b.Breaches); n > barograph.MaxBacktestItems {
		notes = append(notes, fmt.Sprintf("the first %d of %d breaches are listed", barograph.MaxBacktestItems, n))
	}
	return summary, notes
}

func spanWords(b *barograph.Backtest, now time.Time) string {
	span := b.To.Sub(b.From)
	if now.Sub(b.To) < time.Minute {
		return "in the last " + longWords(span)
	}
	const form = "2 Jan 2006 15:04"
	return fmt.Sprintf("from %s to %s UTC", b.From.UTC().Format(form), b.To.UTC().Format(form))
}

// predictionWords writes "3 predictions, 2 right, median 40 h ahead, 1 false".
func predictionWords(c barograph.Scorecard) string {
	n := c.Open + c.Confirmed + c.Averted + c.Expired + c.Withdrawn
	if n == 0 {
		return "no predictions"
	}
	parts := []string{count(n, "prediction")}
	add := func(n int, words string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	add(c.Confirmed, "right")
	if c.Confirmed > 0 {
		parts = append(parts, fmt.Sprintf("median %s ahead", barograph.Words(c.MedianLead.Std())))
	}
	add(c.Expired+c.Averted-c.Turned, "false")
	add(c.Turned, "averted as the value turned back")
	add(c.Withdrawn, "withdrawn")
	add(c.Open, "still open")
	return strings.Join(parts, ", ")
}

func breachWords(c barograph.Scorecard, predicted bool) string {
	missed := c.Breaches - c.Foreseen
	switch {
	case c.Breaches == 0:
		return "no breaches"
	case !predicted:
		return count(c.Breaches, "breach")
	case missed == 0:
		return "no breach missed"
	}
	return count(missed, "breach") + " missed"
}

// historyWords says if there was less history than the backtest looks at: of
// all series, or of some.
func historyWords(b *barograph.Backtest) (young, note string) {
	span := b.To.Sub(b.From)
	shortest, longest, short := b.Series[0].History.Std(), time.Duration(0), 0
	for _, s := range b.Series {
		h := s.History.Std()
		shortest, longest = min(shortest, h), max(longest, h)
		if h < span {
			short++
		}
	}
	switch {
	case longest < span:
		return "history of only " + barograph.Words(longest), ""
	case short > 0:
		return "", fmt.Sprintf("%d of %s have a history of less than %s, the shortest of only %s",
			short, count(len(b.Series), "series"), barograph.Words(span), barograph.Words(shortest))
	}
	return "", ""
}

func count(n int, noun string) string {
	switch {
	case n == 1, noun == "series":
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// longWords writes whole days out.
func longWords(d time.Duration) string {
	if days := d.Round(time.Minute); days >= 2*barograph.Day && days%barograph.Day == 0 {
		return fmt.Sprintf("%d days", days/barograph.Day)
	}
	return barograph.Words(d)
}
