package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const (
	storyRule      = "Disk space"
	summaryTimeout = 3 * time.Second
)

// sumUp prints what was received, and the scorecard of the rule that the story
// is about.
func (d *Demo) sumUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, summaryTimeout, errors.New("the scorecard took too long"))
	defer cancel()
	passed := d.Clock.Now().Sub(d.begin)
	fmt.Fprintf(d.Out, "\nIn %.0f hours of the demo's clock: %s\n", passed.Hours(), tally(d.Receiver.Received()))
	var answer struct {
		Items []barograph.Scorecard `json:"items"`
	}
	if err := d.do(ctx, http.MethodGet, "/api/v1/scorecard", "application/json", d.Token, nil, &answer); err != nil {
		return fmt.Errorf("read the scorecard: %w", err)
	}
	for _, card := range answer.Items {
		if card.RuleName == storyRule {
			fmt.Fprintf(d.Out, "Scorecard of the rule %q: %s\n", storyRule, score(card))
		}
	}
	return nil
}

// tally returns counts as "2 × prediction.opened, 1 × breach.started".
func tally(counts map[barograph.EventType]int) string {
	if len(counts) == 0 {
		return "no events"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

func score(c barograph.Scorecard) string {
	text := fmt.Sprintf("precision %s, recall %s", percent(c.Precision), percent(c.Recall))
	if c.MedianLead > 0 {
		text += fmt.Sprintf(", median lead %.0f h", c.MedianLead.Std().Hours())
	}
	return text + fmt.Sprintf(" (%d confirmed, %d averted, %d expired; %d of %d breaches foreseen)",
		c.Confirmed, c.Averted, c.Expired, c.Foreseen, c.Breaches)
}

func percent(ratio *float64) string {
	if ratio == nil {
		return "not known yet"
	}
	return fmt.Sprintf("%.0f %%", 100**ratio)
}
