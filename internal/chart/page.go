package chart

import (
	"bytes"
	"fmt"
	"io"

	"gonum.org/v1/plot/vg/draw"
)

// Picture is what can be drawn into a page: a [Chart], a [Smoke] or a
// [Reliability].
type Picture interface {
	// Fragment writes an SVG element that is part of a page.
	Fragment(w io.Writer, size Size) error
}

// Wide returns the size of a picture for places of 680 pixels and more: the
// type is legible in them until they are some 1200 wide.
func Wide() Size { return Size{Width: 840, Height: 320} }

// Narrow returns the size of a picture for narrower places, as phones have.
func Narrow() Size { return Size{Width: 380, Height: 280} }

// Inline writes the picture twice, for wide and for narrow places. The style
// sheet [CSS] shows the one that suits the place, to those who see and to those
// who listen.
func Inline(w io.Writer, p Picture) error {
	var b bytes.Buffer
	b.WriteString(`<div class="chart-place">`)
	for _, one := range []struct {
		class string
		size  Size
	}{{"chart-wide", Wide()}, {"chart-narrow", Narrow()}} {
		b.WriteString(`<div class="` + one.class + `">`)
		if err := p.Fragment(&b, one.size); err != nil {
			return err
		}
		b.WriteString("</div>")
	}
	b.WriteString("</div>\n")
	return write(w, b.Bytes())
}

// Fragment writes the chart as an SVG element that is part of a page, which has
// the heading. What was announced comes below and makes it higher.
func (c Chart) Fragment(w io.Writer, size Size) error {
	d, err := c.drawing(size)
	if err != nil {
		return err
	}
	d.part = true
	d.size.Height += d.chart.announcedHeight()
	return writeFragment(w, d.size, d.chart.Title, d.chart.summary(), d)
}

// Themed writes the chart as an SVG file that is light or dark as who looks at
// it prefers, for an <img>. It holds its own style sheet.
func (c Chart) Themed(w io.Writer, size Size) error {
	d, err := c.drawing(size)
	if err != nil {
		return err
	}
	surface := newPageCanvas(size.lengths())
	d.draw(draw.New(surface))
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" width="%d" height="%d" viewBox="0 0 %d %d">`,
		size.Width, size.Height, size.Width, size.Height)
	b.WriteString(accessible(d.chart.Title, d.chart.summary()) + fmt.Sprintf("<style>%s:root{width:%dpx;height:%dpx}</style>\n", CSS, size.Width, size.Height))
	b.Write(surface.body.Bytes())
	b.WriteString("</svg>\n")
	return write(w, b.Bytes())
}

// sketch is a picture on its way to a canvas.
type sketch interface {
	draw(c draw.Canvas)
	// readout returns what a script needs to name the values, once it is drawn.
	readout() readout
}

// writeFragment draws a sketch as an element that is part of a page.
func writeFragment(w io.Writer, size Size, title, summary string, s sketch) error {
	surface := newPageCanvas(size.lengths())
	s.draw(draw.New(surface))
	data, err := s.readout().attribute()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg class="chart" role="img" viewBox="0 0 %d %d" data-points='%s'>`, size.Width, size.Height, data)
	b.WriteString(accessible(title, summary))
	b.Write(surface.body.Bytes())
	b.WriteString("</svg>\n")
	return write(w, b.Bytes())
}

// accessible returns the elements that say what is to be seen.
func accessible(title, summary string) string {
	return "<title>" + escape(title) + "</title><desc>" + escape(summary) + "</desc>\n"
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write chart: %w", err)
	}
	return nil
}
