package web

import (
	"context"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	nowSpan     = 2 * time.Hour // a value that is older is not one of now
	shortCourse = 7 * barograph.Day
	longCourse  = 30 * barograph.Day
	courseSteps = 180
)

// previewValues returns the values of now by the text of the series: of all series of
// the metric, or, where these are too many, of those chosen, or of none.
func (s *Site) previewValues(ctx context.Context, who visitor, rule barograph.Rule, all, chosen []barograph.Series) (map[string]float64, error) {
	values := map[string]float64{}
	selector := barograph.Selector{Metric: rule.Series.Metric}
	switch {
	case rule.Source != "" || len(all) >= previewListed && len(chosen) < previewListed:
		selector = rule.Series
	case len(all) >= previewListed:
		return values, nil
	}
	found, err := s.Samples.Select(ctx, barograph.Query{
		Selector: selector, From: who.Now.Add(-nowSpan), To: who.Now, Step: nowSpan, Rollup: barograph.RollupLast,
	})
	for _, f := range found {
		if n := len(f.Points); n > 0 {
			values[f.Series.String()] = f.Points[n-1].Value
		}
	}
	return values, err
}

// addCourses draws the series that are shown, and takes values from their courses
// where none of now is known.
func (s *Site) addCourses(ctx context.Context, who visitor, p *seriesPreview, rule barograph.Rule, limited bool) error {
	span := min(max(2*rule.Horizon.Std(), shortCourse), longCourse)
	step := max(time.Hour, (span / courseSteps).Truncate(time.Hour))
	courses, first, err := s.courses(ctx, who, p.Rows, rule, span, step)
	if err != nil {
		return err
	}
	if who.Now.Sub(first) < barograph.Day { // they are young
		span, step = barograph.Day, 10*time.Minute
		if courses, first, err = s.courses(ctx, who, p.Rows, rule, span, step); err != nil {
			return err
		}
	}
	if p.Picture, err = inline(courseChart(who, rule, limited, courses)); err != nil {
		return err
	}
	p.Caption = courseCaption(rule, limited, min(span, who.Now.Sub(first)), step)
	return nil
}

func courseCaption(rule barograph.Rule, limited bool, span, step time.Duration) string {
	which := "lowest"
	if rule.Operator.Upward() {
		which = "highest"
	}
	each := barograph.Words(step)
	if step == time.Hour {
		each = "hour"
	}
	words := "The " + which + " value of each " + each + " in the last " + barograph.Words(span)
	if limited {
		words += ", and the limit of " + barograph.LimitReading(rule.Series.Metric, rule.Limit)
	}
	return words + "."
}

// courses returns what the series did, and since when that is known.
func (s *Site) courses(ctx context.Context, who visitor, rows []seriesRow, rule barograph.Rule, span, step time.Duration) (all []chart.Series, first time.Time, err error) {
	q := barograph.Query{From: who.Now.Add(-span).Truncate(step), To: who.Now, Step: step, Rollup: barograph.RollupMin}
	if rule.Operator.Upward() {
		q.Rollup = barograph.RollupMax
	}
	first = who.Now
	for _, row := range rows {
		q.Selector = exactly(row.series)
		found, err := s.Samples.Select(ctx, q)
		if err != nil {
			return nil, first, err
		}
		course := chart.Series{Name: barograph.Clip(row.Place)}
		for _, f := range found {
			if !f.Series.Equal(row.series) {
				continue
			}
			course.Points = append(course.Points, pointsOf(f.Points, step)...)
			if oldest := time.UnixMilli(f.Points[0].UnixMilli); oldest.Before(first) {
				first = oldest
			}
		}
		if n := len(course.Points); n > 0 && course.Points[n-1].At.After(who.Now) {
			course.Points[n-1].At = who.Now // the last step is not over
		}
		all = append(all, course)
	}
	return all, first, nil
}
