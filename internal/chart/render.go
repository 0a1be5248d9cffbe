package chart

import (
	"bytes"
	"fmt"
	"io"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/barograph/barograph"
)

// The widths and heights of pictures.
const (
	MinWidth  = 360
	MaxWidth  = 1200
	MinHeight = 160
	MaxHeight = 900
)

// Size is that of a picture in pixels.
type Size struct {
	Width, Height int
	// Density is how many pixels of a PNG are drawn for each of these, as 2 for
	// sharp screens and print: 1 to 4; 0 counts as 1.
	Density int
}

const (
	pixel      = vg.Inch / 96
	pixelsInch = 96
)

func (s Size) validate() error {
	var p barograph.Problems
	if s.Width < MinWidth || s.Width > MaxWidth {
		p.Addf("width", "%d is not between %d and %d pixels", s.Width, MinWidth, MaxWidth)
	}
	if s.Height < MinHeight || s.Height > MaxHeight {
		p.Addf("height", "%d is not between %d and %d pixels", s.Height, MinHeight, MaxHeight)
	}
	if s.Density < 0 || s.Density > 4 {
		p.Addf("density", "%d is not between 1 and 4", s.Density)
	}
	return p.Err("size of a chart")
}

func (s Size) lengths() (width, height vg.Length) {
	return vg.Length(s.Width) * pixel, vg.Length(s.Height) * pixel
}

// PNG writes the chart as a PNG picture.
func (c Chart) PNG(w io.Writer, size Size) error {
	width, height := size.lengths()
	return c.render(size, w, func() vg.CanvasWriterTo {
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(
			vgimg.UseWH(width, height), vgimg.UseDPI(pixelsInch*max(1, size.Density)),
		)}
	})
}

// SVG writes the chart as an SVG picture. It names its font and those of the
// same measure that nearly every machine has one of.
func (c Chart) SVG(w io.Writer, size Size) error {
	var b bytes.Buffer
	err := c.render(size, &b, func() vg.CanvasWriterTo { return vgsvg.New(size.lengths()) })
	if err != nil {
		return err
	}
	named := []byte("font-family:" + fontFamily + ";")
	families := []byte("font-family:" + fontFamily + ",Arial,Helvetica,sans-serif;")
	_, err = w.Write(bytes.ReplaceAll(b.Bytes(), named, families))
	return err
}

// render draws the chart on a canvas and writes that.
func (c Chart) render(size Size, w io.Writer, canvas func() vg.CanvasWriterTo) error {
	d, err := c.drawing(size)
	if err != nil {
		return err
	}
	surface := canvas()
	d.draw(draw.New(surface))
	if _, err := surface.WriteTo(w); err != nil {
		return fmt.Errorf("write chart: %w", err)
	}
	return nil
}

// drawing returns the chart, ready to be drawn.
func (c Chart) drawing(size Size) (*drawing, error) {
	if err := size.validate(); err != nil {
		return nil, err
	}
	c = c.clean()
	f, err := c.frame()
	if err != nil {
		return nil, err
	}
	return &drawing{chart: c, frame: f, size: size, grain: 1}, nil
}
