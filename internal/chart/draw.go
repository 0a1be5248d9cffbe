package chart

import (
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The colours, as RGBA; they stay apart for those who see no red or green.
const (
	paper   = 0xffffffff
	ink     = 0x1f2933ff
	faint   = 0x66717dff
	rule    = 0xe4e8ecff
	past    = 0x1b4f8aff
	future  = 0x4c9be0ff
	band    = 0x4c9be033
	danger  = 0xc9372cff
	arrival = 0xe8952326 // the range of the ETA
	arrived = 0xc26a00ff
	good    = 0x2a7f4fff
	halo    = 0xffffffd0
)

const (
	fontFamily = "Liberation Sans"
	fontPixels = 12
	titleSize  = 14
	tickEvery  = 44 // pixels, at least, between values on the axis
	labelWidth = 64 // pixels, at least, for a time on the axis
	margin     = 10
	bold       = 3 // as golang.org/x/image/font counts weights
)

func rgba(c uint32) color.NRGBA {
	return color.NRGBA{R: uint8(c >> 24), G: uint8(c >> 16 & 0xff), B: uint8(c >> 8 & 0xff), A: uint8(c & 0xff)}
}

// drawing is a chart on its way to a canvas.
type drawing struct {
	chart Chart
	frame frame
	size  Size
}

// layer is one thing that is drawn over those before it.
type layer func(c draw.Canvas, p *plot.Plot)

// Plot draws the layer.
func (l layer) Plot(c draw.Canvas, p *plot.Plot) { l(c, p) }

func (d *drawing) draw(c draw.Canvas) {
	c.SetColor(rgba(paper))
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin*pixel, -1.6*margin*pixel, margin*pixel, -margin*pixel)
	c = d.heading(c)
	p := d.axes()
	p.Add(
		layer(d.grid), layer(d.eta), layer(d.band), layer(d.now),
		layer(d.limit), layer(d.history), layer(d.course), layer(d.arrival), layer(d.events), layer(d.labels),
	)
	p.Draw(c)
}

// heading writes title and subtitle, and returns the rest of the canvas.
func (d *drawing) heading(c draw.Canvas) draw.Canvas {
	for _, h := range []struct {
		text  string
		style text.Style
	}{
		{d.chart.Title, style(titleSize, ink, true)},
		{d.chart.Subtitle, style(fontPixels, faint, false)},
	} {
		h.style.YAlign = draw.YTop
		for _, row := range wrap(h.text, h.style, c.Size().X) {
			c.FillText(h.style, vg.Point{X: c.Min.X, Y: c.Max.Y}, row)
			c.Max.Y -= h.style.Font.Size * 1.35
		}
	}
	c.Max.Y -= margin * pixel
	return c
}

// axes returns a plot with axes and nothing on it.
func (d *drawing) axes() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = d.frame.from, d.frame.to, d.frame.low, d.frame.high
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding = 0
		a.LineStyle.Width = 0
		a.Tick.LineStyle.Width = 0
		a.Tick.Length = 4 * pixel
		align := a.Tick.Label
		a.Tick.Label = style(fontPixels, faint, false)
		a.Tick.Label.XAlign, a.Tick.Label.YAlign = align.XAlign, align.YAlign
	}
	p.X.LineStyle = draw.LineStyle{Color: rgba(faint), Width: pixel}
	p.X.Tick.LineStyle = draw.LineStyle{Color: rgba(faint), Width: pixel}
	p.Y.Tick.Marker = plot.ConstantTicks(ticks(d.valueTicks()))
	p.X.Tick.Marker = plot.ConstantTicks(ticks(d.timeTicks()))
	return p
}

func (d *drawing) valueTicks() ([]float64, []string) {
	return d.chart.Unit.valueTicks(d.frame.low, d.frame.high, max(2, (d.size.Height-90)/tickEvery))
}

func (d *drawing) timeTicks() ([]float64, []string) {
	return timeTicks(d.frame.from, d.frame.to, d.chart.zone(), max(2, (d.size.Width-70)/labelWidth))
}

func ticks(at []float64, labels []string) []plot.Tick {
	all := make([]plot.Tick, len(at))
	for i := range at {
		all[i] = plot.Tick{Value: at[i], Label: labels[i]}
	}
	return all
}

// style returns that of text of so many pixels.
func style(pixels float64, colour uint32, heavy bool) text.Style {
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Length(pixels)*pixel)
	if heavy {
		f.Weight = bold
	}
	return text.Style{Color: rgba(colour), Font: f, Handler: plot.DefaultTextHandler}
}

// wrap breaks a text into at most two rows of the width.
func wrap(s string, st text.Style, width vg.Length) []string {
	if s == "" {
		return nil
	}
	row, rest := s, ""
	for st.Width(row) > width {
		space := strings.LastIndexByte(row, ' ')
		if space < 0 {
			return []string{fit(s, st, width)}
		}
		row, rest = row[:space], s[space+1:]
	}
	if rest == "" {
		return []string{row}
	}
	return []string{row, fit(rest, st, width)}
}

// fit cuts a text that is wider than the width.
func fit(s string, st text.Style, width vg.Length) string {
	if st.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 1 && st.Width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// place is where data are on a canvas.
type place struct {
	draw.Canvas

	x, y func(float64) vg.Length
}

func on(c draw.Canvas, p *plot.Plot) place {
	x, y := p.Transforms(&c)
	return place{c, x, y}
}

func (a place) point(p Point) vg.Point {
	return vg.Point{X: a.x(seconds(p.At)), Y: a.y(min(max(p.Value, -largest), largest))}
}

// vertical draws a line from the bottom to the top.
func (a place) vertical(at float64, st draw.LineStyle) {
	x := a.x(at)
	a.StrokeLine2(st, x, a.Min.Y, x, a.Max.Y)
}

func line(colour uint32, pixels float64, dashes ...float64) draw.LineStyle {
	st := draw.LineStyle{Color: rgba(colour), Width: vg.Length(pixels) * pixel}
	for _, d := range dashes {
		st.Dashes = append(st.Dashes, vg.Length(d)*pixel)
	}
	return st
}

func (d *drawing) grid(c draw.Canvas, p *plot.Plot) {
	a := on(c, p)
	values, _ := d.valueTicks()
	for _, v := range values {
		a.StrokeLine2(line(rule, 1), a.Min.X, a.y(v), a.Max.X, a.y(v))
	}
}

// inside reports whether a time can be seen.
func (d *drawing) inside(at float64) bool { return at >= d.frame.from && at <= d.frame.to }

func (d *drawing) now(c draw.Canvas, p *plot.Plot) {
	if !d.chart.Now.IsZero() {
		on(c, p).vertical(seconds(d.chart.Now), line(faint, 1))
	}
}

func (d *drawing) history(c draw.Canvas, p *plot.Plot) {
	d.curve(on(c, p), d.chart.History, line(past, 1.6))
}

func (d *drawing) course(c draw.Canvas, p *plot.Plot) {
	d.curve(on(c, p), d.chart.course(), line(future, 1.8, 5, 3))
}

// curve draws points as a line, and a point that stands alone as a dot.
func (*drawing) curve(a place, points []Point, st draw.LineStyle) {
	for _, run := range lines(points) {
		pts := make([]vg.Point, len(run))
		for i, p := range run {
			pts[i] = a.point(p)
		}
		if len(pts) == 1 {
			a.DrawGlyph(draw.GlyphStyle{Color: st.Color, Radius: 2 * pixel, Shape: draw.CircleGlyph{}}, pts[0])
			continue
		}
		a.StrokeLines(st, a.ClipLinesXY(pts)...)
	}
}

func (d *drawing) band(c draw.Canvas, p *plot.Plot) {
	a := on(c, p)
	var upper, lower []vg.Point
	for _, b := range d.chart.band() {
		if finite(b.Low) && finite(b.High) {
			upper = append(upper, a.point(Point{b.At, b.High}))
			lower = append(lower, a.point(Point{b.At, b.Low}))
		}
	}
	slices.Reverse(lower)
	upper = append(upper, lower...)
	if len(upper) > 3 {
		a.FillPolygon(rgba(band), a.ClipPolygonXY(upper))
	}
}

func (d *drawing) limit(c draw.Canvas, p *plot.Plot) {
	l := d.chart.Limit
	if l == nil || !finite(l.Value) {
		return
	}
	a := on(c, p)
	y := a.y(min(max(l.Value, -largest), largest))
	a.StrokeLine2(line(danger, 1.4, 6, 4), a.Min.X, y, a.Max.X, y)
}

// eta shades the time in which the limit is likely reached.
func (d *drawing) eta(c draw.Canvas, p *plot.Plot) {
	if d.chart.ETA == nil {
		return
	}
	a := on(c, p)
	left, right := d.etaRange(a)
	a.FillPolygon(rgba(arrival), []vg.Point{{X: left, Y: a.Min.Y}, {X: right, Y: a.Min.Y}, {X: right, Y: a.Max.Y}, {X: left, Y: a.Max.Y}})
	if m := seconds(d.chart.ETA.Median); d.inside(m) {
		a.vertical(m, line(arrived, 1, 2, 3))
	}
}

// etaRange returns where the range begins and ends; a short one can still be seen.
func (d *drawing) etaRange(a place) (left, right vg.Length) {
	at := func(s float64) vg.Length { return a.x(min(max(s, d.frame.from), d.frame.to)) }
	left, right = at(seconds(d.chart.ETA.Early)), at(seconds(d.chart.ETA.Late))
	if least := 3 * pixel; right-left < least {
		left, right = max(a.Min.X, left-least/2), min(a.Max.X, right+least/2)
	}
	return left, right
}

// arrival marks the three quantiles of the ETA on the limit.
func (d *drawing) arrival(c draw.Canvas, p *plot.Plot) {
	if d.chart.ETA == nil || d.chart.Limit == nil {
		return
	}
	a := on(c, p)
	left, right := d.etaRange(a)
	y, whisker := a.y(d.chart.Limit.Value), 5*pixel
	bar := line(arrived, 2.2)
	a.StrokeLine2(bar, left, y, right, y)
	a.StrokeLine2(bar, left, y-whisker, left, y+whisker)
	a.StrokeLine2(bar, right, y-whisker, right, y+whisker)
	if m := seconds(d.chart.ETA.Median); d.inside(m) {
		at := vg.Point{X: a.x(m), Y: y}
		a.DrawGlyphNoClip(draw.GlyphStyle{Color: rgba(paper), Radius: 5 * pixel, Shape: draw.CircleGlyph{}}, at)
		a.DrawGlyphNoClip(draw.GlyphStyle{Color: rgba(arrived), Radius: 3.6 * pixel, Shape: draw.CircleGlyph{}}, at)
	}
}

func (t Tone) colour() uint32 {
	switch t {
	case Good:
		return good
	case Warning:
		return arrived
	case Bad:
		return danger
	case Neutral:
	}
	return faint
}

func (d *drawing) events(c draw.Canvas, p *plot.Plot) {
	a := on(c, p)
	for _, e := range d.chart.Events {
		at := seconds(e.At)
		if !d.inside(at) {
			continue
		}
		a.vertical(at, line(e.Tone.colour(), 1, 1, 3))
		a.DrawGlyphNoClip(draw.GlyphStyle{Color: rgba(e.Tone.colour()), Radius: 4 * pixel, Shape: draw.PyramidGlyph{}},
			vg.Point{X: a.x(at), Y: a.Min.Y + 3*pixel})
	}
}
