package web

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	mostSilences = 10 // that are shaded in a picture
	mostWindows  = 50 // of one that recurs: the last ones that began, and the first ones to come
)

// silencing is a silence or maintenance window that applied to a story.
type silencing struct {
	barograph.Silence

	spans []span // when it did or will, the first one first
	begun int    // how many began, also those that are not among the spans
}

// span is from when to when, the end of what was told left aside.
type span struct{ from, to time.Time }

// silencedRow is one of them in the legend of a picture.
type silencedRow struct {
	Path string
	What string // Silenced, or Maintenance window
	When string // Thu 14:00 – 16:00, and 5 times before
	Why  string
	Then string // what that means for who is told
}

// silencesOf returns what kept quiet what is told here, from when there was
// something to tell until it was over.
func (s *Site) silencesOf(ctx context.Context, t *story, events []barograph.Event, now time.Time) ([]silencing, error) {
	all, err := s.Silences.Silences(ctx, barograph.Page{})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	told := barograph.Event{Type: barograph.EventPredictionOpened, Labels: t.labels()}
	if len(events) > 0 { // the rule may have had other labels then
		told.Labels = told.Labels.Merge(events[len(events)-1].Labels)
	}
	begin, end := t.lived(now)
	var found []silencing
	for _, silence := range all {
		if !silence.Matches(told) {
			continue
		}
		if one := silencingOf(silence, begin, end, now); len(one.spans) > 0 {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b silencing) int {
		return cmp.Or(b.spans[len(b.spans)-1].from.Compare(a.spans[len(a.spans)-1].from), cmp.Compare(b.ID, a.ID))
	})
	found, _ = firstOf(found, mostSilences)
	return found, nil
}

// labels are those of the events of the story.
func (t *story) labels() barograph.Labels {
	switch {
	case t.Prediction != nil:
		return eventLabels(t.Series, t.Rule, t.Prediction.RuleName)
	case t.Breach != nil:
		return eventLabels(t.Series, t.Rule, t.Breach.RuleName)
	}
	return eventLabels(t.Series, t.Rule, t.Rule.Name)
}

// lived returns from when there was something to tell until when, which of what is
// open is the end of the picture.
func (t *story) lived(now time.Time) (begin, end time.Time) {
	_, end = t.span(now)
	closed := time.Time{}
	if p := t.Prediction; p != nil {
		begin, closed = p.OpenedAt, p.ClosedAt
	}
	if b := t.Breach; b != nil {
		if begin.IsZero() || b.StartedAt.Before(begin) {
			begin = b.StartedAt
		}
		closed = b.EndedAt
	}
	if !closed.IsZero() && closed.Before(end) {
		end = closed
	}
	return begin, end
}

// silencingOf finds when the silence was and will be active from begin to end. It
// held nothing back before somebody made it.
func silencingOf(silence barograph.Silence, begin, end, now time.Time) silencing {
	s := silencing{Silence: silence}
	begin = later(begin, silence.CreatedAt)
	for at, ahead := begin, 0; at.Before(end) && ahead < mostWindows; {
		from, to, ok := silence.Span(at)
		if !ok || !from.Before(end) {
			break
		}
		one := span{later(from, begin), to}
		if one.from.After(now) {
			ahead++
		} else if s.begun++; s.begun > mostWindows {
			s.spans = s.spans[1:]
		}
		s.spans = append(s.spans, one)
		at = to
	}
	return s
}

// last returns the span that began last, or, if all are to come, the first one.
func (s silencing) last() span { return s.spans[max(min(s.begun, mostWindows), 1)-1] }

// shade draws when people were not told.
func (t *story) shade(c *chart.Chart, now time.Time) {
	_, end := t.lived(now)
	for _, silenced := range t.Silenced {
		label := "silenced"
		if silenced.Recurs != nil {
			label = "maintenance"
		}
		for _, s := range silenced.spans {
			to := s.to
			if to.After(end) {
				to = end
			}
			c.Spans = append(c.Spans, chart.Span{From: s.from, To: to, Kind: chart.SpanSilence, Label: label})
		}
	}
}

// silencedRows say in words what is shaded.
func (v visitor) silencedRows(all []silencing) []silencedRow {
	rows := make([]silencedRow, 0, len(all))
	for _, s := range all {
		row := silencedRow{Path: silencePath(s.ID), What: "Silenced", Why: s.Comment}
		if s.Recurs != nil {
			row.What = "Maintenance window"
		}
		last := s.last()
		switch {
		case last.from.After(v.Now):
			row.Then = "Nobody will be told then."
		case last.to.After(v.Now):
			row.Then = "Nobody is told now."
		default:
			row.Then = "Nobody was told then."
		}
		row.When = barograph.ETA{Early: last.from, Late: last.to}.Words(v.Now, v.Zone)
		switch n := s.begun - 1; {
		case n == 1:
			row.When += ", and once before"
		case n > 1:
			row.When += ", and " + strconv.Itoa(n) + " times before"
		}
		rows = append(rows, row)
	}
	return rows
}
