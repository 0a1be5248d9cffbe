package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// place is where data are on a canvas.
type place struct {
	draw.Canvas

	x, y func(float64) vg.Length
}

// filling returns the place that shows the frame on all of the canvas.
func filling(c draw.Canvas, f frame) place {
	return place{
		Canvas: c,
		x:      func(v float64) vg.Length { return c.X((v - f.from) / (f.to - f.from)) },
		y:      func(v float64) vg.Length { return c.Y((v - f.low) / (f.high - f.low)) },
	}
}

func (a place) point(p Point) vg.Point {
	return vg.Point{X: a.x(seconds(p.At)), Y: a.y(min(max(p.Value, -largest), largest))}
}

// vertical draws a line from the bottom to the top.
func (a place) vertical(at float64, st draw.LineStyle) {
	x := a.x(at)
	a.StrokeLine2(st, x, a.Min.Y, x, a.Max.Y)
}

// horizontal draws a line from the left to the right, if it can be seen.
func (a place) horizontal(value float64, st draw.LineStyle) {
	if y := a.y(min(max(value, -largest), largest)); a.ContainsY(y) {
		a.StrokeLine2(st, a.Min.X, y, a.Max.X, y)
	}
}

// curve draws runs of points as one line; a point that stands alone is a dash.
func (a place) curve(runs [][]Point, st draw.LineStyle) {
	const half = 2 * pixel
	var path vg.Path
	for _, run := range runs {
		points := make([]vg.Point, len(run))
		for i, p := range run {
			points[i] = a.point(p)
		}
		if len(points) == 1 {
			at := points[0]
			points = []vg.Point{{X: at.X - half, Y: at.Y}, {X: at.X + half, Y: at.Y}}
		}
		for _, piece := range a.ClipLinesXY(points) {
			for i, at := range piece {
				if i == 0 {
					path.Move(at)
				} else {
					path.Line(at)
				}
			}
		}
	}
	if len(path) > 0 {
		a.SetLineStyle(st)
		a.Stroke(path)
	}
}

// between fills what is between the lows and the highs.
func (a place) between(intervals []Interval, colour paint) {
	outline := make([]vg.Point, 0, 2*len(intervals))
	for _, b := range intervals {
		outline = append(outline, a.point(Point{b.At, b.High}))
	}
	for i := range intervals {
		b := intervals[len(intervals)-1-i]
		outline = append(outline, a.point(Point{b.At, b.Low}))
	}
	if len(outline) > 3 {
		a.FillPolygon(colour, a.ClipPolygonXY(outline))
	}
}

// box fills a rectangle.
func (a place) box(colour paint, left, bottom, right, top vg.Length) {
	a.FillPolygon(colour, []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}})
}

// dot draws a dot on a ring of paper.
func (a place) dot(colour paint, at vg.Point, radius vg.Length) {
	ring := draw.GlyphStyle{Color: paper, Radius: radius + 1.4*pixel, Shape: draw.CircleGlyph{}}
	a.DrawGlyphNoClip(ring, at)
	a.DrawGlyphNoClip(draw.GlyphStyle{Color: colour, Radius: radius, Shape: draw.CircleGlyph{}}, at)
}

func line(colour paint, pixels float64, dashes ...float64) draw.LineStyle {
	st := draw.LineStyle{Color: colour, Width: vg.Length(pixels) * pixel}
	for _, d := range dashes {
		st.Dashes = append(st.Dashes, vg.Length(d)*pixel)
	}
	return st
}
