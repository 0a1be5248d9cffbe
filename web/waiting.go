package web

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

const (
	mostWaiting  = 10              // on the first page
	waitingLasts = 5 * time.Second // how long they are believed to be those that wait
	waitingStep  = 10 * time.Second
	waitingSteps = 1500 // about, of what is read to find out since when
)

// waiting is a series that is beyond the limit, but not for as long as its rule
// waits before it says so.
type waiting struct {
	barograph.Forecast

	rule  barograph.Rule
	since time.Time // zero: it can't be found out
	about []aboutLink
}

// waits are those of all rules.
type waits struct {
	shown   []waiting
	more    int      // at most; of these nobody looked whether they still are beyond the limit
	missing []string // what could not be had, in words
}

// waitingRow is one of them in a list.
type waitingRow struct {
	Place, Value, Limit string
	Path                string // of its host or target, or else of its curve
	RuleName, RulePath  string
	Since               moment
	For                 string // how long the rule waits
}

func waitingBadge() badge { return badge{"beyond the limit, waiting", "warning"} }

// waitingNow finds those that wait, what matters most first.
func (s *Site) waitingNow(ctx context.Context, rules map[barograph.RuleID]barograph.Rule, open openNow, now time.Time) (w waits, err error) {
	beyond, missing, err := s.Forecasts.Latest(ctx, barograph.ForecastFilter{State: barograph.StateAlreadyBreached})
	w.missing = missing
	if err != nil || len(beyond) == 0 {
		return w, err
	}
	beyond = slices.DeleteFunc(beyond, func(f barograph.Forecast) bool {
		rule := rules[f.RuleID]
		return !rule.Enabled || rule.For <= 0 || open.isBroken(f)
	})
	slices.SortStableFunc(beyond, func(a, b barograph.Forecast) int {
		return cmp.Compare(rules[b.RuleID].Severity.Rank(), rules[a.RuleID].Severity.Rank())
	})
	beyond, w.more = firstOf(beyond, mostWaiting)
	where := newPlaces(s)
	for _, f := range beyond {
		one := waiting{Forecast: f, rule: rules[f.RuleID]}
		still, err := s.addSince(ctx, &one, now)
		if err != nil {
			return w, err
		}
		if !still {
			continue
		}
		if one.about, err = where.of(ctx, f.Series.Labels); err != nil {
			return w, err
		}
		w.shown = append(w.shown, one)
	}
	return w, nil
}

// addSince finds out since when it is beyond the limit, and whether it still is:
// the forecast is as old as the last round. What can't be read is left out.
func (s *Site) addSince(ctx context.Context, w *waiting, now time.Time) (still bool, err error) {
	back := w.rule.For.Std() + valuesWithin
	step := waitingStep
	if back > waitingSteps*waitingStep {
		step = max(time.Minute, (back / waitingSteps).Truncate(time.Minute)) // so that a short one keeps the minute
	}
	q := barograph.Query{
		Selector: exactly(w.Series), From: now.Add(-back), To: now.Add(time.Millisecond),
		Step: step, Rollup: barograph.RollupMin,
	}
	if !w.rule.Operator.Upward() {
		q.Rollup = barograph.RollupMax
	}
	found, err := s.measuredIf(ctx, q)
	if err != nil {
		return false, err
	}
	for _, one := range found {
		if !one.Series.Equal(w.Series) {
			continue
		}
		for _, p := range slices.Backward(one.Points) {
			if !w.rule.Operator.Crossed(p.Value, w.rule.Limit) {
				break
			}
			w.since = time.UnixMilli(p.UnixMilli)
		}
		return !w.since.IsZero(), nil
	}
	return true, nil
}

func (v visitor) waitingRow(w waiting) waitingRow {
	row := waitingRow{
		Place: placeOf(w.Series), Path: coursePath(w.Forecast), Value: valueOf(w.Series.Metric, w.Value, w.rule), Limit: limitOf(w.Series.Metric, w.rule),
		RuleName: w.rule.Name, RulePath: "/rules/" + string(w.rule.ID), Since: v.At(w.since), For: barograph.Words(w.rule.For.Std()),
	}
	for _, a := range slices.Backward(w.about) {
		row.Path = cmp.Or(a.Path, row.Path)
	}
	return row
}
