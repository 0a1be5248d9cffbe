package web

import (
	"context"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	backtestPatience = 30 * time.Second // of somebody before a page
	backtestListed   = 30               // predictions, and breaches that were missed
)

// backtestPreview is what a rule would have said in the last 30 days.
type backtestPreview struct {
	Done        bool
	Summary     string
	Notes       []string
	Predictions []testedPrediction // newest first
	MoreTested  int
	Missed      []testedBreach // newest first
	MoreMissed  int
	Took        string
	Problem     string // why there is none
}

// testedPrediction is one that would have been made.
type testedPrediction struct {
	Place, Said, Reason string
	Probability         float64
	Opened              moment
	Result              badge
}

// testedBreach is one that would not have been foreseen.
type testedBreach struct {
	Place, Value string
	Started      moment
}

// previewBacktest counts what the rule in the form would have said.
func (s *Site) previewBacktest(ctx context.Context, who visitor, f form, id barograph.RuleID) backtestPreview {
	rule, err := s.ruleInForm(f, id)
	switch {
	case err != nil:
		return backtestPreview{Problem: "When the form is complete, it says here what the rule would have said in the last 30 days."}
	case rule.Source != "" && !s.knownQuery(ctx, rule):
		return backtestPreview{Problem: "What a source knows is not here before the rule is saved, so nothing can be counted yet."}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, backtestPatience, barograph.Errorf(barograph.KindUnavailable,
		"Counting takes longer than %s, so it was left. Choose fewer series, or save the rule without it.", barograph.Words(backtestPatience)))
	defer cancel()
	tested, err := s.Manage.Backtests.Try(ctx, rule)
	if err != nil {
		return backtestPreview{Problem: "It can't be told what the rule would have said. " + s.told(ctx, err)}
	}
	return backtestWords(who, tested)
}

// backtestWords says what came of a backtest.
func backtestWords(who visitor, b barograph.Backtest) backtestPreview {
	p := backtestPreview{Done: true, Summary: sentence(b.Summary), Took: barograph.Words(b.Took.Std())}
	for _, note := range b.Notes {
		p.Notes = append(p.Notes, sentence(note))
	}
	for _, t := range slices.Backward(b.Predictions) {
		p.Predictions = append(p.Predictions, testedPrediction{
			Place: placeOf(t.Series), Said: t.First.ETA.Words(who.Now, who.Zone), Reason: t.First.Reason,
			Probability: t.First.Probability, Opened: who.At(t.OpenedAt), Result: predictionBadge(t),
		})
	}
	for _, br := range slices.Backward(b.Breaches) {
		if br.PredictionID == "" {
			p.Missed = append(p.Missed, testedBreach{placeOf(br.Series), barograph.Reading(br.Series.Metric, br.Value), who.At(br.StartedAt)})
		}
	}
	p.Predictions, p.MoreTested = firstOf(p.Predictions, backtestListed)
	p.Missed, p.MoreMissed = firstOf(p.Missed, backtestListed)
	return p
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return capital(text) + "."
}
