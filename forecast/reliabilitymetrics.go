package forecast

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Scorecards says how good each rule's warnings were.
type Scorecards interface {
	Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error)
}

// Scoreboard publishes the scorecards of the last 90 days as metrics, with the
// label rule, the rule's name:
//
//   - barograph_rule_precision_ratio, barograph_rule_recall_ratio,
//     barograph_rule_coverage_ratio and barograph_rule_brier_score, as in the
//     scorecard
//   - barograph_rule_reliability_ratio, the share that came true of those
//     predictions whose announced probability was at least that of the label
//     announced, and less than 0.1 more
//
// What is not known, for want of predictions, is left out.
type Scoreboard struct {
	cards Scorecards
	clock barograph.Clock
	log   *slog.Logger
	set   *metrics.Set
	shown map[string]bool // names of the metrics; belongs to Run's goroutine
}

const (
	scoreSpan  = 90 * barograph.Day
	scoreEvery = 15 * time.Minute
)

// NewScoreboard returns one that shows nothing yet.
func NewScoreboard(cards Scorecards, deps Deps) *Scoreboard {
	return &Scoreboard{cards: cards, clock: deps.Clock, log: deps.Log, set: deps.Metrics, shown: map[string]bool{}}
}

// Run publishes at once and then every quarter of an hour, by the clock, until ctx
// ends; it returns nil. While the scorecards can't be read, nothing is shown.
func (s *Scoreboard) Run(ctx context.Context) error {
	ticks, stop := s.clock.Ticker(scoreEvery)
	defer stop()
	for {
		now := s.clock.Now()
		cards, err := s.cards.Scorecards(ctx, now.Add(-scoreSpan), now)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "scorecards can't be shown as metrics", "error", err)
		}
		s.show(cards)
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

func (s *Scoreboard) show(cards []barograph.Scorecard) {
	gone := s.shown
	s.shown = map[string]bool{}
	set := func(name, rule, more string, value *float64) {
		if value == nil {
			return
		}
		full := fmt.Sprintf(`%s{rule="%s"%s}`, name, labelValue(rule), more)
		s.set.GetOrCreateGauge(full, nil).Set(*value)
		s.shown[full] = true
		delete(gone, full)
	}
	for _, c := range cards {
		set("barograph_rule_precision_ratio", c.RuleName, "", c.Precision)
		set("barograph_rule_recall_ratio", c.RuleName, "", c.Recall)
		set("barograph_rule_coverage_ratio", c.RuleName, "", c.Coverage)
		set("barograph_rule_brier_score", c.RuleName, "", c.BrierScore)
		for _, bin := range c.Reliability {
			rate := float64(bin.CameTrue) / float64(bin.Predictions)
			set("barograph_rule_reliability_ratio", c.RuleName, fmt.Sprintf(`,announced="%.1f"`, bin.From), &rate)
		}
	}
	for name := range gone {
		s.set.UnregisterMetric(name)
	}
}

// labelValue escapes what may not stand in a label's value as it is.
func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
