package chart

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/barograph/barograph"
)

// Reliability is what is to be drawn of how sure predictions were, and how
// often they came true: on the diagonal they were as sure as they were right.
type Reliability struct {
	Title string
	Bins  []barograph.ReliabilityBin
}

// Fragment writes the diagram as an SVG element that is part of a page. It is
// best about as wide as high.
func (r Reliability) Fragment(w io.Writer, size Size) error {
	if err := size.validate(); err != nil {
		return err
	}
	d := &diagram{drawing: drawing{chart: Chart{Unit: UnitRatio}, frame: frame{-.03, 1.03, -.03, 1.08}, size: size, part: true}}
	for _, b := range r.Bins {
		if b.Predictions > 0 && finite(b.Announced) {
			d.bins = append(d.bins, b)
		}
	}
	if len(d.bins) == 0 {
		return ErrEmpty
	}
	return writeFragment(w, size, clean(r.Title), d.summary(), d)
}

// diagram is a reliability diagram on its way to a canvas.
type diagram struct {
	drawing

	bins []barograph.ReliabilityBin
}

func came(b barograph.ReliabilityBin) float64 {
	return min(max(float64(b.CameTrue)/float64(b.Predictions), 0), 1)
}

func (d *diagram) draw(c draw.Canvas) {
	c = d.prepare(c)
	st := style(fontPixels, faint, false)
	st.YAlign = draw.YTop
	c.FillText(st, vg.Point{X: c.Min.X, Y: c.Max.Y}, "came true")
	c.Max.Y -= 18 * pixel
	st.XAlign, st.YAlign = draw.XRight, draw.YBottom
	c.FillText(st, vg.Point{X: c.Max.X, Y: c.Min.Y}, "announced")
	c.Min.Y += 16 * pixel
	p := d.axes()
	p.X.Tick.Marker = plot.ConstantTicks(ticks(UnitRatio.valueTicks(0, 1, max(3, d.size.Width/60))))
	p.Y.Tick.Marker = plot.ConstantTicks(ticks(d.valueTicks()))
	p.Add(layer(d.grid), layer(d.ideal), layer(d.dots), layer(func(a place) { d.area = a }))
	p.Draw(c)
}

func (d *diagram) valueTicks() ([]float64, []string) {
	return UnitRatio.valueTicks(0, 1, max(3, (d.size.Height-90)/tickEvery))
}

func (d *diagram) grid(a place) {
	values, _ := d.valueTicks()
	for _, v := range values {
		a.horizontal(v, line(rule, 1))
	}
}

func (d *diagram) ideal(a place) {
	a.StrokeLine2(line(ideal, 1, 4, 4), a.x(0), a.y(0), a.x(1), a.y(1))
}

// dots draws a dot for each bin, larger the more predictions it has, with their
// number, and how far luck alone may have moved it.
func (d *diagram) dots(a place) {
	most := 1
	for _, b := range d.bins {
		most = max(most, b.Predictions)
	}
	for _, b := range d.bins {
		x := a.x(min(max(b.Announced, 0), 1))
		low, high := wilson(came(b), float64(b.Predictions))
		a.StrokeLine2(line(past, 1.2), x, a.y(low), x, a.y(high))
	}
	l := labeller{place: a, bare: true}
	st := style(fontPixels, past, true)
	for _, b := range d.bins {
		at := vg.Point{X: a.x(min(max(b.Announced, 0), 1)), Y: a.y(came(b))}
		radius := vg.Length(4+5*math.Sqrt(float64(b.Predictions)/float64(most))) * pixel
		a.dot(past, at, radius)
		label := strconv.Itoa(b.Predictions)
		beside := vg.Point{X: at.X + radius + 3*pixel, Y: at.Y - st.Height(label)/2}
		if beside.X+st.Width(label) > a.Max.X {
			beside.X = at.X - radius - 3*pixel - st.Width(label)
		}
		l.write(label, st, beside)
	}
}

// wilson returns the 80 % interval of a share of n, after Wilson (1927).
func wilson(share, n float64) (low, high float64) {
	const z = 1.2816
	middle := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// readout returns what can be read from the diagram.
func (d *diagram) readout() readout {
	r := newReadout(d.area, d.size.Height, frame{})
	s := readSeries{Name: "predictions", Class: past.class()}
	x, y := inPixels(d.area, d.size.Height)
	for _, b := range d.bins {
		s.X, s.Y = append(s.X, x(d.area.x(b.Announced))), append(s.Y, y(d.area.y(came(b))))
		s.Texts = append(s.Texts, binText(b))
	}
	r.Series = append(r.Series, s)
	return r
}

func binText(b barograph.ReliabilityBin) string {
	return fmt.Sprintf("announced %s, came true %d of %d (%s)", percent(b.Announced), b.CameTrue, b.Predictions, percent(came(b)))
}

// summary says in words what the diagram shows.
func (d *diagram) summary() string {
	said := make([]string, len(d.bins))
	for i, b := range d.bins {
		said[i] = binText(b)
	}
	return sentences(said)
}
