package alerting

import (
	"cmp"
	"context"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"slices"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

// Curves draws the expected course of a series under a rule.
type Curves interface {
	Curve(ctx context.Context, id barograph.RuleID, series barograph.Series, level float64) (barograph.Curve, error)
}

const (
	pictureTimeout  = 5 * time.Second // after which a mail goes without
	picturesAtOnce  = 2
	pictureBand     = .8  // as the ETA's: from its 10 % to its 90 % quantile
	pictureHorizons = 2   // of history in a picture, at least
	pictureSteps    = 48  // and at least so many steps
	picturePoints   = 240 // in a line, of which there are two
	pictureName     = "forecast.png"
)

// picture is a forecast's, as a PNG; the zero picture is none.
type picture struct {
	png  []byte
	id   string // what a mail calls it by
	text string // what it shows
}

func (p picture) address() htmltemplate.URL {
	if len(p.png) == 0 {
		return ""
	}
	return htmltemplate.URL("cid:" + p.id) //nolint:gosec // the ID is ours
}

// pictures draws the forecasts that mails are about.
type pictures struct {
	curves Curves // nil: there are none
	log    *slog.Logger
	room   chan struct{}
}

func newPictures(curves Curves, log *slog.Logger) *pictures {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &pictures{curves: curves, log: log, room: make(chan struct{}, picturesAtOnce)}
}

// of returns the picture of the most urgent thing that the notification tells
// of, if that has a forecast, and none if it can't be had in time.
func (p *pictures) of(ctx context.Context, n Notification) picture {
	subject, ok := p.subject(n)
	if !ok {
		return picture{}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pictureTimeout, fmt.Errorf("it took longer than %s", pictureTimeout))
	defer cancel()
	png, err := p.draw(ctx, subject)
	if err != nil {
		p.log.WarnContext(ctx, "a mail goes without its picture", "message", n.ID, "series", subject.series.String(), "err", err)
		return picture{}
	}
	return picture{png: png, id: oneLine(n.ID) + ".forecast@barograph", text: subject.alt()}
}

// pictured is what a picture is drawn of.
type pictured struct {
	rule   barograph.RuleRef
	series barograph.Series
	eta    *barograph.ETA
	title  string
	news   string
}

// alt says in words what the picture shows.
func (s pictured) alt() string { return "Forecast of " + s.title + ": " + s.news }

// subject chooses what to draw: the most urgent prediction, or else breach.
func (p *pictures) subject(n Notification) (pictured, bool) {
	if p.curves == nil {
		return pictured{}, false
	}
	var breach *barograph.Event
	for _, e := range newest(n.Events) {
		if e.Data.Rule == nil || e.Data.Rule.Horizon == 0 || e.Data.Test {
			continue
		}
		switch e.Type { //nolint:exhaustive // of all others there is nothing to be drawn
		case barograph.EventPredictionOpened, barograph.EventPredictionUpdated:
			if e.Data.Prediction != nil {
				eta := e.Data.Prediction.Latest.ETA
				return newPictured(e, e.Data.Prediction.Series, &eta), true
			}
		case barograph.EventBreachStarted:
			if breach == nil && e.Data.Breach != nil {
				breach = &e
			}
		}
	}
	if breach != nil {
		return newPictured(*breach, breach.Data.Breach.Series, nil), true
	}
	return pictured{}, false
}

func newPictured(e barograph.Event, series barograph.Series, eta *barograph.ETA) pictured {
	s := pictured{
		rule: *e.Data.Rule, series: series, eta: eta,
		title: oneLine(series.Metric + " on " + series.Place()), news: oneLine(news(e, e.Time)),
	}
	if eta != nil && eta.Early.IsZero() {
		s.eta = nil
	}
	return s
}

// draw reads the curve and draws it, at half the sharpness if that is too large.
func (p *pictures) draw(ctx context.Context, s pictured) (png []byte, err error) {
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { // what draws is not ours, and no picture is worth a mail
		if r := recover(); r != nil {
			err = fmt.Errorf("drawing failed: %v", r)
		}
	}()
	curve, err := p.curves.Curve(ctx, s.rule.ID, s.series, pictureBand)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the forecast: %w", err)
	}
	return encode(chartOf(s, curve))
}

// chartOf returns what is to be drawn.
func chartOf(s pictured, curve barograph.Curve) chart.Chart {
	step := time.Duration(curve.StepSeconds * float64(time.Second))
	c := chart.Chart{
		Title: s.title, Subtitle: s.news, Unit: chart.UnitOf(s.series.Metric), Now: curve.Start,
		Until: curve.Start.Add(s.rule.Horizon.Std()), ETA: s.eta,
		Limit: &chart.Limit{Operator: s.rule.Operator, Value: s.rule.Limit},
	}
	first := max(0, len(curve.History)-max(pictureHorizons*len(curve.Mean), pictureSteps))
	for i, v := range curve.History[first:] {
		if v != nil {
			at := curve.Start.Add(-step * time.Duration(len(curve.History)-first-i))
			c.History = append(c.History, chart.Point{At: at, Value: *v})
		}
	}
	c.History = thinned(c.History)
	for i := range min(len(curve.Mean), len(curve.Lower), len(curve.Upper)) {
		at := curve.Start.Add(step * time.Duration(i+1))
		c.Course = append(c.Course, chart.Point{At: at, Value: curve.Mean[i]})
		c.Band = append(c.Band, chart.Interval{At: at, Low: curve.Lower[i], High: curve.Upper[i]})
	}
	c.Course = thinned(c.Course)
	return c
}

// thinned returns no more points than a picture has columns for: of each few in a
// row the lowest and the highest. Drawing takes long where a line is all corners.
func thinned(points []chart.Point) []chart.Point {
	if len(points) <= picturePoints {
		return points
	}
	few := (2*len(points) + picturePoints - 1) / picturePoints
	out := make([]chart.Point, 0, picturePoints)
	for some := range slices.Chunk(points, few) {
		byValue := func(a, b chart.Point) int { return cmp.Compare(a.Value, b.Value) }
		low, high := slices.MinFunc(some, byValue), slices.MaxFunc(some, byValue)
		if high.At.Before(low.At) {
			low, high = high, low
		}
		if out = append(out, low); high != low {
			out = append(out, high)
		}
	}
	return out
}
