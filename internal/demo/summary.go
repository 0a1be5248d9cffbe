package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	fmt.Fprintf(d.Out, "\nIn %.0f hours of the demo's clock: %s\n", passed.Hours(), tally(d.Receiver.Received(), "no events"))
	if err := d.sumUpDeliveries(ctx); err != nil {
		return fmt.Errorf("read the log of deliveries: %w", err)
	}
	var answer struct {
		Items []barograph.Scorecard `json:"items"`
	}
	if err := d.get(ctx, "/api/v1/scorecard", &answer); err != nil {
		return fmt.Errorf("read the scorecard: %w", err)
	}
	for _, card := range answer.Items {
		if card.RuleName == storyRule {
			fmt.Fprintf(d.Out, "Scorecard of the rule %q: %s\n", storyRule, score(card))
		}
	}
	return nil
}

// sumUpDeliveries prints how many deliveries got through, and what became of the
// broken receiver.
func (d *Demo) sumUpDeliveries(ctx context.Context) error {
	states := map[barograph.DeliveryState]int{}
	for _, s := range []subscription{d.sound, d.broken} {
		all, err := d.deliveries(ctx, s.id, "")
		if err != nil {
			return err
		}
		for _, delivery := range all {
			states[delivery.State]++
		}
	}
	fmt.Fprintf(d.Out, "Deliveries: %s\n", tally(states, "none"))
	t, found, err := d.toBroken(ctx)
	if err != nil || !found {
		return err
	}
	var s barograph.Subscription
	if err := d.get(ctx, "/api/v1/subscriptions/"+string(d.broken.id), &s); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "The broken receiver: %s\n", fate(t, s.Endpoints[0].Health))
	return nil
}

// fate says what became of the broken receiver.
func fate(t tracedDelivery, h barograph.EndpointHealth) string {
	text := fmt.Sprintf("%d tries failed", len(t.Tries))
	if len(t.Tries) == 1 {
		text = "1 try failed"
	}
	if !h.Disabled {
		return text + ", the server goes on trying"
	}
	return fmt.Sprintf("%s within %s, then its endpoint was disabled: %s",
		text, barograph.Words(h.DisabledAt.Sub(t.CreatedAt)), h.DisabledReason)
}

// tally returns counts as "2 × prediction.opened, 1 × breach.started".
func tally[T ~string](counts map[T]int, none string) string {
	if len(counts) == 0 {
		return none
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
