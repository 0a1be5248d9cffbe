package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

const (
	// ownOpen is how many open predictions, and how many open breaches, have a
	// series of their own.
	ownOpen = 50
	// ownEndpoints is how many endpoints have.
	ownEndpoints = 50
	// ownReason is how many characters of a prediction's reason are told.
	ownReason = 250

	cardSpan  = 90 * barograph.Day
	cardEvery = 15 * time.Minute
)

// tellRules says each rule's limit.
func (s *selfMetrics) tellRules(ctx context.Context, said *ownSamples) error {
	rules, err := s.book.Rules(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	for _, r := range rules {
		if r.Enabled {
			said.add("barograph_rule_limit", r.Limit, barograph.NewLabels(map[string]string{
				"rule": r.Name, "severity": string(r.Severity), "metric": r.Series.Metric,
			}))
		}
	}
	return nil
}

// tellOpen says what is open: of each severity how much, and each by itself with
// the labels of its series. A prediction's value is its probability, and its
// reason is a label, which changes when the prediction is told anew; a breach's
// is for how long it has lasted.
func (s *selfMetrics) tellOpen(ctx context.Context, said *ownSamples, now time.Time) error {
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err := s.book.Predictions(ctx, open, barograph.Page{Limit: maxOpen})
	if err != nil {
		return fmt.Errorf("list open predictions: %w", err)
	}
	breaches, err := s.book.Breaches(ctx, open, barograph.Page{Limit: maxOpen})
	if err != nil {
		return fmt.Errorf("list open breaches: %w", err)
	}
	foreseen, crossed := map[barograph.Severity]int{}, map[barograph.Severity]int{}
	for i, p := range predictions {
		if foreseen[p.Severity]++; i < ownOpen {
			said.add("barograph_prediction_open", p.Latest.Probability,
				warned(p.Series, p.RuleName, p.Severity).With("reason", clipped(p.Latest.Reason)))
		}
	}
	for i, b := range breaches {
		if crossed[b.Severity]++; i < ownOpen {
			said.add("barograph_breach_open_seconds", max(0, now.Sub(b.StartedAt).Seconds()), warned(b.Series, b.RuleName, b.Severity))
		}
	}
	for _, severity := range []barograph.Severity{barograph.SeverityInfo, barograph.SeverityWarning, barograph.SeverityCritical} {
		labels := barograph.Labels{{Name: "severity", Value: string(severity)}}
		said.add("barograph_predictions_open", float64(foreseen[severity]), labels)
		said.add("barograph_breaches_open", float64(crossed[severity]), labels)
	}
	return nil
}

// maxOpen bounds what is counted.
const maxOpen = 10_000

// warned returns the labels of what a rule says of a series.
func warned(series barograph.Series, rule string, severity barograph.Severity) barograph.Labels {
	return series.Labels.With("metric", series.Metric).With("rule", rule).With("severity", string(severity))
}

func clipped(text string) string {
	if runes := []rune(text); len(runes) > ownReason {
		return string(runes[:ownReason-1]) + "…"
	}
	return text
}

// cardFile keeps the scorecards for a while: to add them up is work.
type cardFile struct {
	at    time.Time
	cards []barograph.Scorecard
}

// tellCards says how good the warnings of the last 90 days were, of the rules
// that gave any or should have.
func (s *selfMetrics) tellCards(ctx context.Context, said *ownSamples, now time.Time) error {
	if now.Sub(s.cards.at) >= cardEvery || now.Before(s.cards.at) {
		cards, err := s.book.Scorecards(ctx, now.Add(-cardSpan), now)
		if err != nil {
			return fmt.Errorf("read scorecards: %w", err)
		}
		s.cards = cardFile{now, cards}
	}
	for _, c := range s.cards.cards {
		tellCard(said, c)
	}
	return nil
}

func tellCard(said *ownSamples, c barograph.Scorecard) {
	rule := barograph.Labels{{Name: "rule", Value: c.RuleName}}
	ended := map[barograph.PredictionState]int{
		barograph.PredictionConfirmed: c.Confirmed, barograph.PredictionAverted: c.Averted,
		barograph.PredictionExpired: c.Expired, barograph.PredictionWithdrawn: c.Withdrawn,
	}
	if c.Open+c.Confirmed+c.Averted+c.Expired+c.Withdrawn+c.Breaches == 0 {
		return
	}
	said.add("barograph_rule_predictions", float64(c.Open), rule.With("state", string(barograph.PredictionOpen)))
	for state, n := range ended {
		said.add("barograph_rule_predictions", float64(n), rule.With("state", string(state)))
	}
	said.add("barograph_rule_breaches", float64(c.Foreseen), rule.With("foreseen", strconv.FormatBool(true)))
	said.add("barograph_rule_breaches", float64(c.Breaches-c.Foreseen), rule.With("foreseen", strconv.FormatBool(false)))
	if c.Confirmed > 0 {
		said.add("barograph_rule_lead_seconds", c.MedianLead.Std().Seconds(), rule)
	}
	for name, value := range map[string]*float64{
		"barograph_rule_precision_ratio": c.Precision, "barograph_rule_recall_ratio": c.Recall,
		"barograph_rule_coverage_ratio": c.Coverage, "barograph_rule_brier_score": c.BrierScore,
	} {
		if value != nil {
			said.add(name, *value, rule)
		}
	}
}

// An endpoint's health as a number.
const (
	endpointDisabled = 0
	endpointFailing  = 1
	endpointWell     = 2
)

// tellEndpoints says of each endpoint how it fares, and what waits for it.
func (s *selfMetrics) tellEndpoints(ctx context.Context, said *ownSamples) error {
	subscriptions, err := s.book.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("list subscriptions: %w", err)
	}
	queues, err := s.book.EndpointQueues(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints' queues: %w", err)
	}
	queue := make(map[barograph.EndpointID]barograph.EndpointQueue, len(queues))
	for _, q := range queues {
		queue[q.EndpointID] = q
	}
	told := 0
	for _, sub := range subscriptions {
		for _, ep := range sub.Endpoints {
			if told++; told > ownEndpoints {
				return nil
			}
			tellEndpoint(said, sub, ep, queue[ep.ID])
		}
	}
	return nil
}

func tellEndpoint(said *ownSamples, sub barograph.Subscription, ep barograph.Endpoint, q barograph.EndpointQueue) {
	labels := barograph.NewLabels(map[string]string{"endpoint": string(ep.ID), "kind": string(ep.Kind), "subscription": sub.Name})
	health := endpointWell
	switch {
	case ep.Health.Disabled:
		health = endpointDisabled
	case ep.Health.Failures > 0:
		health = endpointFailing
	}
	said.add("barograph_endpoint_health", float64(health), labels)
	said.add("barograph_endpoint_failures", float64(ep.Health.Failures), labels)
	said.add("barograph_endpoint_queue_deliveries", float64(q.Pending), labels.With("state", string(barograph.DeliveryPending)))
	said.add("barograph_endpoint_queue_deliveries", float64(q.Held), labels.With("state", string(barograph.DeliveryHeld)))
}
