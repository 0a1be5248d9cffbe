package web

import (
	"context"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	storyPoints  = 1000            // of what was measured, in a picture
	storyTimeout = 5 * time.Second // after which a picture goes without what takes longer
	storyLeast   = time.Hour       // that a picture shows before and behind
)

// story is what a picture tells of a prediction, of a breach, or of both: what
// we said, and what happened.
type story struct {
	Series barograph.Series
	Rule   barograph.Rule // as it is now; zero: it is gone
	// Limit is what was watched for then, nil if nobody knows it any more.
	Limit *chart.Limit
	// Changed says that the rule asks for something else by now.
	Changed    bool
	Prediction *barograph.Prediction
	Breach     *barograph.Breach
	Said       []barograph.Announcement // oldest first
	Silenced   []silencing
}

// judge finds out what the rule was then, from the events of then if there are
// any left, and whether it is another now.
func (t *story) judge(events []barograph.Event, since time.Time) {
	known := t.Rule.ID != ""
	for _, e := range events {
		if ref := e.Data.Rule; ref != nil {
			t.Limit = &chart.Limit{Operator: ref.Operator, Value: ref.Limit}
			t.Changed = known && (t.Rule.Operator != ref.Operator || t.Rule.Limit != ref.Limit || t.Rule.Horizon != ref.Horizon)
			break
		}
	}
	t.Changed = t.Changed || known && t.Rule.JudgedSince.After(since)
	if t.Limit == nil && known && !t.Changed {
		t.Limit = &chart.Limit{Operator: t.Rule.Operator, Value: t.Rule.Limit}
	}
}

// limitWords says where the trouble began.
func (t *story) limitWords() string {
	if t.Limit == nil {
		return "beyond a limit that is gone"
	}
	return t.Limit.Operator.Beyond(t.Series.Metric, t.Limit.Value)
}

func (t *story) open() bool {
	return t.Prediction != nil && t.Prediction.State == barograph.PredictionOpen
}

// begin returns when the story begins: now, if there is none.
func (t *story) begin(now time.Time) time.Time {
	begin := now
	if t.Prediction != nil {
		begin = t.Prediction.OpenedAt
	}
	if t.Breach != nil && t.Breach.StartedAt.Before(begin) {
		begin = t.Breach.StartedAt
	}
	return begin
}

// span returns from when to when the story is told: as long before it as it took.
func (t *story) span(now time.Time) (from, until time.Time) {
	begin := t.begin(now)
	if t.Prediction != nil {
		until = later(t.Prediction.ClosedAt, t.Prediction.First.ETA.Late)
		if t.open() {
			until = later(later(until, now), t.Prediction.Latest.ETA.Late)
		}
	}
	if t.Breach != nil {
		ended := t.Breach.EndedAt
		if ended.IsZero() {
			ended = now
		}
		until = later(until, ended)
	}
	length := max(until.Sub(begin), storyLeast)
	return begin.Add(-length), begin.Add(length + length/10)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// draw returns the picture, with what was measured in so many points, and what
// it lacks, in words. A store that does not answer costs only what it has.
func (s *Site) draw(ctx context.Context, t *story, who visitor, points int) (c chart.Chart, lacks []string) {
	ctx, cancel := context.WithTimeoutCause(ctx, storyTimeout, fmt.Errorf("it took longer than %s", storyTimeout))
	defer cancel()
	from, until := t.span(who.Now)
	c = chart.Chart{Title: t.Series.Metric + " on " + t.Series.Place(), Unit: chart.UnitOf(t.Series.Metric), From: from, Until: until, Limit: t.Limit, Zone: who.Zone}
	if who.Now.Before(until) {
		c.Now = who.Now
	}
	if lack := s.storyExpected(ctx, &c, t, who); lack != "" {
		lacks = append(lacks, lack)
	}
	if lack := s.storyMeasured(ctx, &c, t, points, who.Now); lack != "" {
		lacks = append(lacks, lack)
	}
	t.mark(&c)
	t.shade(&c, who.Now)
	return c, lacks
}

// storyExpected draws what we said: what was announced first, and of what is still
// open, what is expected now.
func (s *Site) storyExpected(ctx context.Context, c *chart.Chart, t *story, who visitor) (lack string) {
	p := t.Prediction
	switch {
	case p == nil:
		return ""
	case t.open():
		c.ETA = &p.Latest.ETA
	default:
		c.ETA = &p.First.ETA
	}
	switch {
	case t.Rule.ID == "":
		return "The rule is gone, so the course that was expected can't be drawn."
	case t.Changed:
		return "The rule was changed since, so the course that was expected then can't be drawn."
	}
	var err error
	var curve barograph.Curve
	if t.open() {
		curve, err = s.Curves.Curve(ctx, t.Rule.ID, t.Series, curveLevel)
	} else {
		curve, err = s.Curves.CurveAt(ctx, t.Rule.ID, t.Series, curveLevel, p.First.At)
	}
	if err != nil {
		return s.lacking(ctx, "The course that was expected can't be drawn", err)
	}
	drawn := curveChart(curve, c.ETA, who.Zone)
	c.Course = slices.DeleteFunc(drawn.Course, func(p chart.Point) bool { return p.At.After(c.Until) })
	c.Band = slices.DeleteFunc(drawn.Band, func(b chart.Interval) bool { return b.At.After(c.Until) })
	if step := time.Duration(curve.StepSeconds * float64(time.Second)); t.open() && curve.Start.Sub(p.First.At) >= step {
		s.storySaid(ctx, c, t, who)
	}
	return ""
}

// storySaid draws the course that was expected first beside that of now.
func (s *Site) storySaid(ctx context.Context, c *chart.Chart, t *story, who visitor) {
	curve, err := s.Curves.CurveAt(ctx, t.Rule.ID, t.Series, curveLevel, t.Prediction.First.At)
	if err != nil {
		s.Logger.DebugContext(ctx, "a story goes without what was expected first", "series", t.Series.String(), "error", err)
		return
	}
	course := curveChart(curve, nil, who.Zone).Course
	course = slices.DeleteFunc(course, func(p chart.Point) bool { return p.At.After(c.Until) })
	c.Series = []chart.Series{{Name: "expected on " + who.At(t.Prediction.First.At).Text, Points: course}}
}

// storyMeasured draws what happened, rolled up towards the limit so that no
// crossing is lost.
func (s *Site) storyMeasured(ctx context.Context, c *chart.Chart, t *story, points int, now time.Time) (lack string) {
	q := barograph.Query{Selector: exactly(t.Series), From: c.From, To: c.Until, Step: stepFor(c.Until.Sub(c.From), points), Rollup: barograph.RollupMax}
	if now.Before(q.To) {
		q.To = now.Add(time.Second)
	}
	if t.Limit != nil && !t.Limit.Operator.Upward() {
		q.Rollup = barograph.RollupMin
	}
	found, err := s.Samples.Select(ctx, q)
	if err != nil {
		return s.lacking(ctx, "What was measured can't be read", err)
	}
	for _, one := range found {
		if !one.Series.Equal(t.Series) { // it has more labels
			continue
		}
		for _, p := range one.Points {
			c.History = append(c.History, chart.Point{At: time.UnixMilli(p.UnixMilli), Value: p.Value})
		}
	}
	if len(c.History) == 0 {
		return "What was measured then is not stored any more."
	}
	const little = 20 // parts of the picture, of which the first may be without values
	if first, begin := c.History[0].At, t.begin(now); first.Sub(c.From) > c.Until.Sub(c.From)/little {
		earlier, err := s.Samples.Select(ctx, before(c.From, q.Selector))
		if err != nil {
			return s.lacking(ctx, "What was measured before can't be read", err)
		}
		if slices.ContainsFunc(earlier, func(one barograph.SeriesPoints) bool { return one.Series.Equal(t.Series) }) {
			return "" // it was interrupted
		}
		c.From = first
		if begin.Before(first) {
			c.From = begin
		}
	}
	return ""
}

// lacking says what a picture lacks, and why if that is for people to know.
func (s *Site) lacking(ctx context.Context, what string, err error) string {
	if kind := barograph.KindOf(err); kind == barograph.KindNotFound || kind == barograph.KindInvalid {
		return what + ": " + err.Error() + "."
	}
	s.Logger.WarnContext(ctx, "a picture lacks something", "what", what, "error", err)
	return what + " now; the server's log tells why."
}

// stepFor returns the step that makes at most so many points of a time.
func stepFor(d time.Duration, points int) time.Duration {
	return max(time.Second, (d/time.Duration(points)).Truncate(time.Second)+time.Second)
}

// exactly chooses the series, and those that have more labels.
func exactly(series barograph.Series) barograph.Selector {
	s := barograph.Selector{Metric: series.Metric}
	for _, l := range series.Labels {
		s.Matchers = append(s.Matchers, barograph.Matcher{Name: l.Name, Type: barograph.MatchEqual, Value: l.Value})
	}
	return s
}

// mark adds what was announced, what went on, and what happened.
func (t *story) mark(c *chart.Chart) {
	for _, a := range t.Said {
		c.Announced = append(c.Announced, chart.Announcement{At: a.At, ETA: a.ETA, Probability: a.Probability})
	}
	if b := t.Breach; b != nil {
		c.Spans = append(c.Spans, chart.Span{From: b.StartedAt, To: b.EndedAt, Kind: chart.SpanBreach})
		t.markAck(c, b.Acknowledged)
	}
	p := t.Prediction
	if p == nil {
		return
	}
	c.Events = append(c.Events, chart.Event{At: p.OpenedAt, Label: "predicted", Tone: chart.Warning})
	t.markAck(c, p.Acknowledged)
	tone := chart.Neutral
	switch p.State {
	case barograph.PredictionAverted:
		tone = chart.Good
	case barograph.PredictionConfirmed:
		tone = chart.Bad
	case barograph.PredictionOpen, barograph.PredictionExpired, barograph.PredictionWithdrawn:
	}
	if !t.open() && t.Breach == nil { // the breach says it
		c.Events = append(c.Events, chart.Event{At: p.ClosedAt, Label: string(p.State), Tone: tone})
	}
}

func (t *story) markAck(c *chart.Chart, ack *barograph.Acknowledgement) {
	if ack != nil {
		c.Events = append(c.Events, chart.Event{At: ack.At, Label: "acknowledged", Tone: chart.Neutral})
	}
}

// storyFigure is a picture on a page, with words.
type storyFigure struct {
	Class   string // of its style: story, and said if the course is what was said
	Picture template.HTML
	Caption string
	Lacks   []string
	// Silenced are the hatched times.
	Silenced []silencedRow
}

// figureOf draws the story for a page.
func (s *Site) figureOf(ctx context.Context, t *story, who visitor) (storyFigure, error) {
	c, lacks := s.draw(ctx, t, who, storyPoints)
	picture, err := inline(c)
	caption := t.caption()
	if from, _ := t.span(who.Now); c.From.After(from) {
		caption += " " + nothingBefore(c.History[0].At, who.Now, who.Zone)
	}
	class := "story"
	if !t.open() {
		class += " said"
	}
	return storyFigure{Class: class, Picture: picture, Caption: caption, Lacks: lacks, Silenced: who.silencedRows(t.Silenced)}, err
}

// caption says what the lines are.
func (t *story) caption() string {
	text := "What was measured"
	switch {
	case t.Prediction == nil:
		return text + ", with the time of the breach shaded."
	case t.open():
		text += ", and the course that is expected now, with the band that holds it in 8 of 10 cases and the time in which the limit is likely crossed."
	default:
		text += ", against the course that was expected when the prediction was opened, with the band that holds it in 8 of 10 cases and the time that was announced first."
	}
	if len(t.Said) > 1 {
		text += " Below: what was announced when."
	}
	return text
}
