package web

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// What lists and pages say of predictions and breaches.

// predictionRow is one prediction in a list.
type predictionRow struct {
	barograph.Prediction

	Path    string
	Place   string
	Limit   string // above 90 %
	Value   string
	ETA     etaWords
	Said    moment // when it was announced as it is now
	Opened  moment
	Closed  moment
	State   badge
	Outcome string // of one that is over: how it ended
	AckedAt moment
	Demoted string // why nobody is told of it at once; "": they are
	Spark   string // URL of a small picture
}

// breachRow is one breach in a list.
type breachRow struct {
	barograph.Breach

	Path         string
	Place, Limit string
	Value        string
	Started      moment
	Ended        moment
	Lasted       string
	Foreseen     string // 31 h ahead; "": it was not
}

func (v visitor) predictionRow(p barograph.Prediction, rule barograph.Rule) predictionRow {
	row := predictionRow{
		Prediction: p, Path: predictionPath(p.ID), Place: p.Series.Place(), Limit: limitOf(p.Series.Metric, rule),
		Value: valueOf(p.Series.Metric, p.Latest.Value, rule), ETA: v.ETA(&p.Latest.ETA), Said: v.At(p.Latest.At), Opened: v.At(p.OpenedAt), Closed: v.At(p.ClosedAt),
		State: stateOf(p), Outcome: outcomeOf(p),
		// The address changes with what is announced, so that the picture may be kept.
		Spark: predictionPath(p.ID) + "/spark.svg?at=" + p.Latest.At.UTC().Format(time.RFC3339),
	}
	if p.Acknowledged != nil {
		row.AckedAt = v.At(p.Acknowledged.At)
	}
	if rule.Demoted != nil && p.State == barograph.PredictionOpen && !p.OpenedAt.Before(rule.Demoted.At) {
		row.Demoted = "Told in the daily digest only: " + rule.Demoted.Reason
	}
	return row
}

func (v visitor) breachRow(b barograph.Breach, rule barograph.Rule) breachRow {
	row := breachRow{
		Breach: b, Path: breachPath(b.ID), Place: b.Series.Place(), Limit: limitOf(b.Series.Metric, rule), Value: valueOf(b.Series.Metric, b.Value, rule),
		Started: v.At(b.StartedAt), Ended: v.At(b.EndedAt), Foreseen: foreseen(b),
	}
	if !b.EndedAt.IsZero() {
		row.Lasted = barograph.Words(max(b.EndedAt.Sub(b.StartedAt), 0))
	}
	return row
}

func predictionPath(id barograph.PredictionID) string { return "/predictions/" + string(id) }

func breachPath(id barograph.BreachID) string { return "/breaches/" + string(id) }

// foreseen says how long before it a breach was predicted, "" if it was not.
func foreseen(b barograph.Breach) string {
	switch {
	case b.PredictionID == "":
		return ""
	case b.Lead <= 0:
		return "no earlier"
	}
	return barograph.Words(b.Lead.Std()) + " ahead"
}

// stateOf returns the word for where the prediction is in its life.
func stateOf(p barograph.Prediction) badge {
	tone := "neutral"
	switch p.State {
	case barograph.PredictionOpen:
		tone = "warning"
	case barograph.PredictionConfirmed:
		tone = "came"
	case barograph.PredictionAverted:
		tone = "good"
	case barograph.PredictionExpired, barograph.PredictionWithdrawn:
	}
	return badge{Text: string(p.State), Tone: tone}
}

// outcomeOf says in a few words how a prediction ended.
func outcomeOf(p barograph.Prediction) string {
	switch p.State {
	case barograph.PredictionConfirmed:
		if p.Lead <= 0 {
			return "it came, but the warning came no earlier"
		}
		return "it came, " + barograph.Words(p.Lead.Std()) + " after the warning"
	case barograph.PredictionAverted:
		if p.Turned {
			return "it was turned back: " + p.CloseReason
		}
		return "it went away: " + p.CloseReason
	case barograph.PredictionExpired:
		return "it did not come: " + p.CloseReason
	case barograph.PredictionWithdrawn:
		return "it can't be judged any more: " + p.CloseReason
	case barograph.PredictionOpen:
	}
	return ""
}

// limitOf says where the trouble begins; the rule is zero if it is gone.
func limitOf(metric string, rule barograph.Rule) string {
	if rule.ID == "" {
		return "beyond a limit that is gone"
	}
	return rule.Operator.Beyond(metric, rule.Limit)
}

// valueOf writes a value that stands beside the limit.
func valueOf(metric string, v float64, rule barograph.Rule) string {
	if rule.ID == "" {
		return barograph.Reading(metric, v)
	}
	return barograph.ReadingBeside(metric, v, rule.Limit)
}

// firstOf returns the first of the items, and how many are left out.
func firstOf[T any](items []T, most int) (first []T, left int) {
	if len(items) <= most {
		return items, 0
	}
	return items[:most], len(items) - most
}

func (s *Site) rulesByID(ctx context.Context) (map[barograph.RuleID]barograph.Rule, error) {
	all, err := s.Rules.Rules(ctx, barograph.Page{})
	byID := make(map[barograph.RuleID]barograph.Rule, len(all))
	for _, rule := range all {
		byID[rule.ID] = rule
	}
	return byID, err
}
