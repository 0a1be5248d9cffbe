package chart

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// pageCanvas is a canvas whose drawing becomes part of a page: it has classes
// for colours, no style attribute, pixels for units, and one decimal.
type pageCanvas struct {
	width, height vg.Length
	body          bytes.Buffer
	pens          []pen // the last is in use
}

// pen is how a canvas draws.
type pen struct {
	colour color.Color
	width  vg.Length
	dashes []vg.Length
}

func newPageCanvas(width, height vg.Length) *pageCanvas {
	c := &pageCanvas{width: width, height: height, pens: make([]pen, 1)}
	vg.Initialize(c)
	return c
}

func (c *pageCanvas) pen() *pen { return &c.pens[len(c.pens)-1] }

// Size returns the size of the canvas.
func (c *pageCanvas) Size() (width, height vg.Length) { return c.width, c.height }

// SetLineWidth sets how wide lines are.
func (c *pageCanvas) SetLineWidth(w vg.Length) { c.pen().width = w }

// SetLineDash sets how lines are dashed; dashes always begin with the line.
func (c *pageCanvas) SetLineDash(dashes []vg.Length, _ vg.Length) { c.pen().dashes = dashes }

// SetColor sets the paint.
func (c *pageCanvas) SetColor(p color.Color) { c.pen().colour = p }

// Push keeps the pen.
func (c *pageCanvas) Push() { c.pens = append(c.pens, *c.pen()) }

// Pop takes up the pen that was kept.
func (c *pageCanvas) Pop() { c.pens = c.pens[:len(c.pens)-1] }

// Rotate does nothing: in a chart nothing is turned.
func (*pageCanvas) Rotate(float64) {}

// Translate does nothing: in a chart nothing is moved.
func (*pageCanvas) Translate(vg.Point) {}

// Scale does nothing: in a chart nothing is scaled.
func (*pageCanvas) Scale(_, _ float64) {}

// DrawImage does nothing: in a chart there is no image.
func (*pageCanvas) DrawImage(vg.Rectangle, image.Image) {}

// Stroke draws a path as a line.
func (c *pageCanvas) Stroke(path vg.Path) {
	if c.pen().width <= 0 || len(path) == 0 {
		return
	}
	c.body.WriteString("<path")
	c.class()
	c.body.WriteString(` fill="none" stroke="currentColor" stroke-width="` + decimal(c.pen().width) + `"`)
	if dashes := c.pen().dashes; len(dashes) > 0 {
		texts := make([]string, len(dashes))
		for i, d := range dashes {
			texts[i] = decimal(d)
		}
		c.body.WriteString(` stroke-dasharray="` + strings.Join(texts, " ") + `"`)
	}
	c.path(path)
}

// Fill draws a path as an area.
func (c *pageCanvas) Fill(path vg.Path) {
	c.body.WriteString("<path")
	c.class()
	c.body.WriteString(` fill="currentColor"`)
	c.path(path)
}

func (c *pageCanvas) class() {
	if p, ok := c.pen().colour.(paint); ok {
		c.body.WriteString(` class="` + p.class() + `"`)
	}
}

// path ends an element with the path. Points that fall on the one before them
// are left out.
func (c *pageCanvas) path(path vg.Path) {
	c.body.WriteString(` d="`)
	last := ""
	for _, step := range path {
		switch step.Type {
		case vg.MoveComp:
			last = c.point(step.Pos)
			c.body.WriteString("M" + last)
		case vg.LineComp, vg.CurveComp:
			if at := c.point(step.Pos); at != last {
				last = at
				c.body.WriteString(" " + at)
			}
		case vg.ArcComp: // in a chart they are whole circles
			r := decimal(step.Radius)
			across := decimal(2 * step.Radius)
			c.body.WriteString("M" + c.point(vg.Point{X: step.Pos.X - step.Radius, Y: step.Pos.Y}))
			c.body.WriteString("a" + r + "," + r + " 0 1 0 " + across + ",0a" + r + "," + r + " 0 1 0 -" + across + ",0")
		case vg.CloseComp:
			c.body.WriteString("Z")
		}
	}
	c.body.WriteString("\"/>\n")
}

// point writes where a point is, from the upper left.
func (c *pageCanvas) point(p vg.Point) string { return decimal(p.X) + "," + decimal(c.height-p.Y) }

// FillString writes text whose baseline begins at the point.
func (c *pageCanvas) FillString(f font.Face, at vg.Point, s string) {
	c.body.WriteString("<text")
	c.class()
	c.body.WriteString(` fill="currentColor" x="` + decimal(at.X) + `" y="` + decimal(c.height-at.Y) + `" font-size="` + decimal(f.Font.Size) + `"`)
	if f.Font.Weight >= bold {
		c.body.WriteString(` font-weight="bold"`)
	}
	c.body.WriteString(">" + escape(s) + "</text>\n")
}

// WriteTo writes what was drawn.
func (c *pageCanvas) WriteTo(w io.Writer) (int64, error) { return c.body.WriteTo(w) }

// decimal writes a length in pixels.
func decimal(l vg.Length) string {
	v := math.Round(float64(l/pixel)*10) / 10
	if v == 0 || !finite(v) {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// escape writes text so that it is nothing but text.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
