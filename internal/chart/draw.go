package chart

import (
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
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

// drawing is a chart on its way to a canvas.
type drawing struct {
	chart Chart
	frame frame
	size  Size
	// part says that it becomes part of a page, which has the heading and the
	// paper.
	part bool
	// grain is how many pixels have at most two points of a line.
	grain float64
	// area is where the values were drawn.
	area place
}

// layer is one thing that is drawn over those before it.
type layer func(a place)

// Plot draws the layer.
func (l layer) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	l(place{c, x, y})
}

// prepare fills the paper and returns what is left for the plot.
func (d *drawing) prepare(c draw.Canvas) draw.Canvas {
	if d.part {
		return draw.Crop(c, 0, -1.2*margin*pixel, 2*pixel, -4*pixel)
	}
	c.SetColor(paper)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin*pixel, -1.6*margin*pixel, margin*pixel, -margin*pixel)
	return d.heading(c)
}

func (d *drawing) draw(c draw.Canvas) {
	c = d.legend(d.prepare(c))
	below, c := d.announcedRows(c)
	p := d.axes()
	p.Add(
		layer(d.grid), layer(d.spans), layer(d.eta), layer(d.band), layer(d.now), layer(d.others), layer(d.limit),
		layer(d.series), layer(d.history), layer(d.course), layer(d.arrival), layer(d.events), layer(d.labels),
		layer(func(a place) { d.area = a }),
	)
	p.Draw(c)
	d.announced(below)
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
	p.X.LineStyle = line(axis, 1)
	p.X.Tick.LineStyle = line(axis, 1)
	p.Y.Tick.Marker = plot.ConstantTicks(ticks(d.valueTicks()))
	p.X.Tick.Marker = plot.ConstantTicks(ticks(d.timeTicks()))
	return p
}

func (d *drawing) valueTicks() ([]float64, []string) {
	return d.chart.Unit.valueTicks(d.frame.low, d.frame.high, max(2, (d.size.Height-d.chart.announcedHeight()-90)/tickEvery))
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

// column is how many seconds so many pixels of the place are wide; never none.
func (d *drawing) column(a place, pixels float64) float64 {
	return max((d.frame.to-d.frame.from)*pixels/max(float64((a.Max.X-a.Min.X)/pixel), 1), 1e-3)
}

// inside reports whether a time can be seen.
func (d *drawing) inside(at float64) bool { return at >= d.frame.from && at <= d.frame.to }

// style returns that of text of so many pixels.
func style(pixels float64, colour paint, heavy bool) text.Style {
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Length(pixels)*pixel)
	if heavy {
		f.Weight = bold
	}
	return text.Style{Color: colour, Font: f, Handler: plot.DefaultTextHandler}
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

// longest is how many characters of a text are drawn at most.
const longest = 400

// clean makes a text of one line that can be drawn and measured: hostile ones
// are long, or hold what is no character.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			r = ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff:
			r = '\ufffd'
		}
		b.WriteRune(r)
	}
	return b.String()
}
