package chart

import (
	"bytes"
	"fmt"
	"io"

	"gonum.org/v1/plot/vg/draw"
)

// The size of a spark.
const (
	SparkWidth  = 160
	SparkHeight = 36
)

const (
	sparkGrain = 5  // pixels that have at most two points
	sparkTitle = 60 // characters
)

// Spark writes the chart as a small SVG element without labels: history, course,
// one band, limit, now and the range of the ETA, in at most 2 kB. Without a title it is
// hidden from those who listen, to whom the text beside it says what it shows.
func (c Chart) Spark(w io.Writer) error {
	if n := len(c.Bands); n > 0 && len(c.Band) == 0 {
		c.Band = c.Bands[n/2].Intervals
	}
	c.Bands, c.Series = nil, nil
	f, err := c.frame()
	if err != nil {
		return err
	}
	surface := newPageCanvas(SparkWidth*pixel, SparkHeight*pixel)
	d := drawing{chart: c, frame: f, part: true, grain: sparkGrain}
	a := filling(draw.Crop(draw.New(surface), pixel, -pixel, 2*pixel, -2*pixel), f)
	for _, layer := range []layer{d.eta, d.band, d.now, d.limit, d.history, d.course} {
		layer(a)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg class="chart-spark" viewBox="0 0 %d %d" width="%d" height="%d"`, SparkWidth, SparkHeight, SparkWidth, SparkHeight)
	if title := []rune(clean(c.Title)); len(title) > 0 {
		b.WriteString(` role="img"><title>` + escape(string(title[:min(len(title), sparkTitle)])) + "</title>\n")
	} else {
		b.WriteString(` aria-hidden="true">` + "\n")
	}
	b.Write(surface.body.Bytes())
	b.WriteString("</svg>\n")
	return write(w, b.Bytes())
}
