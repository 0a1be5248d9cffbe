package forecast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// subject is one series under one rule.
type subject struct {
	rule   barograph.Rule
	series barograph.Series
}

// aheadSearch gathers what a selector chooses.
type aheadSearch struct {
	*Ahead

	selector barograph.Selector
	named    bool               // a matcher picks certain rules or series
	pushed   barograph.Matchers // those that the store may judge
	from, to time.Time          // unless zero: what is seen in here only

	rules map[barograph.RuleID]barograph.Rule
	order []barograph.RuleID // of rules, by name
	seen  map[string]bool
	found []subject
	more  bool // there are others beyond the limit
}

func newAheadSearch(a *Ahead, selector barograph.Selector) *aheadSearch {
	s := &aheadSearch{Ahead: a, selector: selector, seen: map[string]bool{}}
	for _, m := range selector.Matchers {
		switch m.Name {
		case "quantile":
			continue
		case "rule", "metric":
		default:
			s.pushed = append(s.pushed, m)
		}
		s.named = s.named || picks(m)
	}
	return s
}

// picks reports whether the matcher asks for certain values, and does not just
// let all or most pass.
func picks(m barograph.Matcher) bool {
	const unlikely = "\x00"
	return (m.Type == barograph.MatchEqual || m.Type == barograph.MatchRegexp) && !m.Matches("") && !m.Matches(unlikely)
}

// load reads the rules that may have what is chosen.
func (s *aheadSearch) load(ctx context.Context) error {
	if s.rules != nil {
		return nil
	}
	all, err := s.Ahead.rules.Rules(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	s.rules = map[barograph.RuleID]barograph.Rule{}
	now := s.curves.deps.Clock.Now()
	for _, r := range all {
		if !r.Enabled || r.Horizon <= 0 || !s.chosen("rule", r.Name) || r.Series.Metric != "" && !s.chosen("metric", r.Series.Metric) {
			continue
		}
		grid := NewGrid(r)
		ends := now.Add(time.Duration(grid.Horizon) * grid.Step)
		if !s.to.IsZero() && (s.from.After(ends) || s.to.Before(grid.start(grid.cell(now)))) {
			continue
		}
		s.rules[r.ID] = r
		s.order = append(s.order, r.ID)
	}
	slices.SortFunc(s.order, func(a, b barograph.RuleID) int { return cmp.Compare(s.rules[a].Name, s.rules[b].Name) })
	return nil
}

// chosen reports whether the matchers of the label let the value pass.
func (s *aheadSearch) chosen(label, value string) bool {
	return !slices.ContainsFunc(s.selector.Matchers, func(m barograph.Matcher) bool { return m.Name == label && !m.Matches(value) })
}

// open finds the series with open predictions, soonest first.
func (s *aheadSearch) open(ctx context.Context, most int) error {
	open, err := s.curves.open.Predictions(ctx, barograph.PredictionFilter{State: barograph.PredictionOpen}, barograph.Page{Limit: curvesKept})
	if err != nil {
		return fmt.Errorf("list open predictions: %w", err)
	}
	if len(open) == 0 {
		return nil
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(open, func(a, b barograph.Prediction) int { return a.Latest.ETA.Median.Compare(b.Latest.ETA.Median) })
	for _, p := range open {
		if rule, ok := s.rules[p.RuleID]; ok {
			s.add(rule, p.Series, most)
		}
	}
	return nil
}

// others finds the series that are stored.
func (s *aheadSearch) others(ctx context.Context, most int) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	for _, id := range s.order {
		if s.more {
			return nil
		}
		if err := s.stored(ctx, s.rules[id], most); err != nil {
			return err
		}
	}
	return nil
}

// stored finds the series of a rule that have been seen of late.
func (s *aheadSearch) stored(ctx context.Context, rule barograph.Rule, most int) error {
	const late = 3 // steps
	now, step := s.curves.deps.Clock.Now(), NewGrid(rule).Step
	selector := barograph.Selector{Metric: rule.Series.Metric, Matchers: slices.Concat(rule.Series.Matchers, s.pushed)}
	limit := 0
	if most > 0 {
		limit = most + 1 // those that are found already may be all of them
	}
	found, _, err := s.series.Series(ctx, barograph.SeriesQuery{
		Selector: selector, From: now.Add(-max(time.Hour, late*step)), To: now.Add(time.Minute), Limit: limit,
	})
	if err != nil {
		return fmt.Errorf("list series of rule %s: %w", rule.Name, err)
	}
	for _, series := range found {
		s.add(rule, series, most)
	}
	return nil
}

// add adds the series if a line of its curve is chosen, it is not there yet, and
// there are no more than most (0: any number).
func (s *aheadSearch) add(rule barograph.Rule, series barograph.Series, most int) {
	key := string(rule.ID) + "\x00" + series.String()
	lines := aheadSeries(rule, series, nightLevel)
	if s.seen[key] || !slices.ContainsFunc(lines[:], s.selector.Matches) {
		return
	}
	if most > 0 && len(s.found) == most {
		s.more = true
		return
	}
	s.seen[key] = true
	s.found = append(s.found, subject{rule, series})
}
