package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func (d *drawing) grid(a place) {
	values, _ := d.valueTicks()
	for _, v := range values {
		a.horizontal(v, line(rule, 1))
	}
}

func (d *drawing) now(a place) {
	if !d.chart.Now.IsZero() && d.inside(seconds(d.chart.Now)) {
		a.vertical(seconds(d.chart.Now), line(today, 1))
	}
}

func (d *drawing) history(a place) {
	known := runs(d.chart.History, d.column(a, d.grain))
	if len(known) == 1 && len(known[0]) == 1 {
		a.dot(past, a.point(known[0][0]), 3*pixel)
		return
	}
	a.curve(known, line(past, 1.6))
}

func (d *drawing) course(a place) {
	a.curve(runs(d.chart.course(), d.column(a, d.grain)), line(future, 1.8, 5, 3))
}

// band shades what is expected, the widest first, so that the inner ones are
// darker.
func (d *drawing) band(a place) {
	for _, b := range d.chart.bands() {
		var known []Interval
		for _, i := range d.chart.joined(b) {
			if finite(i.Low) && finite(i.High) {
				known = append(known, i)
			}
		}
		a.between(thinBand(known, d.column(a, 2*d.grain)), band)
	}
}

func (d *drawing) limit(a place) {
	if l := d.chart.Limit; l != nil && finite(l.Value) {
		a.horizontal(l.Value, line(danger, 1.4, 6, 4))
	}
}

// eta shades the time in which the limit is likely reached.
func (d *drawing) eta(a place) {
	if d.chart.ETA == nil {
		return
	}
	left, right := d.etaRange(a)
	a.box(arrival, left, a.Min.Y, right, a.Max.Y)
	if m := seconds(d.chart.ETA.Median); d.inside(m) {
		a.vertical(m, line(arrived, 1, 2, 3))
	}
}

// etaRange returns where the range begins and ends; a short one can still be seen.
func (d *drawing) etaRange(a place) (left, right vg.Length) {
	left, right = d.clamp(a, seconds(d.chart.ETA.Early)), d.clamp(a, seconds(d.chart.ETA.Late))
	if least := 3 * pixel; right-left < least {
		left, right = max(a.Min.X, left-least/2), min(a.Max.X, right+least/2)
	}
	return left, right
}

// clamp returns where a time is, or the nearer end.
func (d *drawing) clamp(a place, at float64) vg.Length {
	return a.x(min(max(at, d.frame.from), d.frame.to))
}

// arrival marks the three quantiles of the ETA on the limit.
func (d *drawing) arrival(a place) {
	if d.chart.ETA == nil || d.chart.Limit == nil || !finite(d.chart.Limit.Value) {
		return
	}
	left, right := d.etaRange(a)
	y, whisker := a.y(min(max(d.chart.Limit.Value, -largest), largest)), 5*pixel
	bar := line(arrived, 2.2)
	a.StrokeLine2(bar, left, y, right, y)
	a.StrokeLine2(bar, left, y-whisker, left, y+whisker)
	a.StrokeLine2(bar, right, y-whisker, right, y+whisker)
	if m := seconds(d.chart.ETA.Median); d.inside(m) {
		a.dot(arrived, vg.Point{X: a.x(m), Y: y}, 3.6*pixel)
	}
}

// visible returns the events to mark: of those that would cover each other the
// first of each tone.
func (d *drawing) visible(a place) []Event {
	const apart = 4 * pixel
	var seen []Event
	last := map[Tone]vg.Length{}
	for _, e := range d.chart.Events {
		at := seconds(e.At)
		if !d.inside(at) {
			continue
		}
		x := a.x(at)
		if before, ok := last[e.Tone]; ok && x-before < apart && before-x < apart {
			continue
		}
		last[e.Tone] = x
		seen = append(seen, e)
	}
	return seen
}

func (d *drawing) events(a place) {
	for _, e := range d.visible(a) {
		colour := e.Tone.paint()
		a.vertical(seconds(e.At), line(colour, 1, 1, 3))
		at := vg.Point{X: a.x(seconds(e.At)), Y: a.Min.Y + 3*pixel}
		a.DrawGlyphNoClip(draw.GlyphStyle{Color: colour, Radius: 4 * pixel, Shape: e.Tone.shape()}, at)
	}
}

// shape tells the tones apart without colour.
func (t Tone) shape() draw.GlyphDrawer {
	switch t {
	case Good:
		return draw.CircleGlyph{}
	case Bad:
		return draw.BoxGlyph{}
	case Warning:
		return draw.PyramidGlyph{}
	case Neutral:
	}
	return draw.RingGlyph{}
}
