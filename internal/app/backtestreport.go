package app

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// report tells what came of it.
func (r *rehearsal) report(now time.Time) barograph.Backtest {
	out := barograph.Backtest{
		RuleID: r.rule.ID, RuleName: r.rule.Name, From: r.from, To: r.to, Notes: []string{},
		Predictions: []barograph.Prediction{}, Breaches: []barograph.Breach{}, Series: []barograph.SeriesHistory{},
	}
	if r.predicts() {
		out.Step = barograph.Duration(forecast.Cadence(r.forecast, r.rule))
		out.Steps = forecast.Moments(r.forecast, r.rule, r.from, r.to)
	}
	for _, l := range r.lanes {
		out.Series = append(out.Series, barograph.SeriesHistory{
			Series: l.series, First: l.first, History: barograph.Duration(r.to.Sub(l.first).Round(time.Second)),
		})
		if l.replay != nil {
			out.Forecasts += l.replay.Forecasts()
		}
		for _, p := range l.judge.Predictions() {
			if p.State == barograph.PredictionOpen || !p.ClosedAt.Before(r.from) {
				out.Predictions = append(out.Predictions, p)
			}
		}
		for _, b := range l.judge.Breaches() {
			if !b.StartedAt.Before(r.from) {
				out.Breaches = append(out.Breaches, b)
			}
		}
	}
	sortBacktest(&out)
	out.Score = score(&out)
	out.Summary, out.Notes = summarize(&out, r.rule, now)
	out.Predictions = out.Predictions[:min(len(out.Predictions), barograph.MaxBacktestItems)]
	out.Breaches = out.Breaches[:min(len(out.Breaches), barograph.MaxBacktestItems)]
	return out
}

func sortBacktest(out *barograph.Backtest) {
	slices.SortFunc(out.Series, func(a, b barograph.SeriesHistory) int { return strings.Compare(a.Series.String(), b.Series.String()) })
	slices.SortFunc(out.Predictions, byOpening)
	slices.SortFunc(out.Breaches, func(a, b barograph.Breach) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), strings.Compare(a.Series.String(), b.Series.String()))
	})
}

func byOpening(a, b barograph.Prediction) int {
	if c := a.OpenedAt.Compare(b.OpenedAt); c != 0 {
		return c
	}
	return strings.Compare(a.Series.String(), b.Series.String())
}

// score counts as the database's scorecards do.
func score(b *barograph.Backtest) barograph.Scorecard {
	c := barograph.Scorecard{RuleID: b.RuleID, RuleName: b.RuleName, From: b.From, To: b.To, Breaches: len(b.Breaches)}
	var tally barograph.Tally
	for _, p := range b.Predictions {
		tally.Add(p)
		switch p.State {
		case barograph.PredictionOpen:
			c.Open++
		case barograph.PredictionConfirmed:
			c.Confirmed++
		case barograph.PredictionAverted:
			c.Averted++
			if p.Turned {
				c.Turned++
			}
		case barograph.PredictionExpired:
			c.Expired++
		case barograph.PredictionWithdrawn:
			c.Withdrawn++
		}
	}
	for _, breach := range b.Breaches {
		if breach.PredictionID != "" {
			c.Foreseen++
		}
	}
	tally.Fill(&c)
	c.Score()
	return c
}
