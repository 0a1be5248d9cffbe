package chart

import (
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// labels names the lines, each beside it where there is room.
func (d *drawing) labels(c draw.Canvas, p *plot.Plot) {
	a := on(c, p)
	l := labeller{place: a}
	if d.chart.ETA != nil && d.chart.Limit != nil {
		left, right := d.etaRange(a)
		y, whisker := a.y(d.chart.Limit.Value), 5*pixel
		l.taken = append(l.taken, vg.Rectangle{Min: vg.Point{X: left, Y: y - whisker}, Max: vg.Point{X: right, Y: y + whisker}})
	}
	if lim := d.chart.Limit; lim != nil && finite(lim.Value) {
		y := a.y(min(max(lim.Value, -largest), largest))
		l.limit("limit "+d.chart.Unit.format(lim.Value), y, lim.Operator.Upward())
	}
	if !d.chart.Now.IsZero() && d.inside(seconds(d.chart.Now)) {
		l.beside("now", faint, a.x(seconds(d.chart.Now)), true)
	}
	if eta := d.chart.ETA; eta != nil && d.inside(seconds(eta.Median)) {
		l.beside(eta.Median.In(d.chart.zone()).Round(time.Minute).Format("Mon 2 Jan 15:04"), arrived, a.x(seconds(eta.Median)), false)
	}
	for _, e := range d.chart.Events {
		if at := seconds(e.At); d.inside(at) {
			l.beside(e.Label, e.Tone.colour(), a.x(at), false)
		}
	}
}

// labeller writes labels where they cover no other.
type labeller struct {
	place

	taken []vg.Rectangle
}

// limit writes the limit's label at the left end, on the side of the trouble if
// there is room.
func (l *labeller) limit(s string, y vg.Length, above bool) {
	st := style(fontPixels, danger, true)
	height, air := st.Height(s), 3*pixel
	bottom := y + air
	if !above || bottom+height > l.Max.Y {
		bottom = y - air - height
	}
	if bottom < l.Min.Y {
		bottom = y + air
	}
	l.write(s, st, vg.Point{X: l.Min.X + 4*pixel, Y: bottom})
}

// beside writes a label at the top beside a line, on the side where there is
// room, in the first row that is free.
func (l *labeller) beside(s string, colour uint32, x vg.Length, left bool) {
	if s == "" {
		return
	}
	st := style(fontPixels, colour, false)
	width, height, air := st.Width(s), st.Height(s), 4*pixel
	for row := range 4 {
		y := l.Max.Y - vg.Length(row+1)*(height+3*pixel)
		for _, side := range []bool{left, !left} {
			at := vg.Point{X: x + air, Y: y}
			if side {
				at.X = x - air - width
			}
			if at.X >= l.Min.X-pixel && at.X+width <= l.Max.X+margin*pixel && l.free(at, width, height) {
				l.write(s, st, at)
				return
			}
		}
	}
}

func (l *labeller) free(at vg.Point, width, height vg.Length) bool {
	for _, r := range l.taken {
		apart := at.X > r.Max.X || at.X+width < r.Min.X || at.Y > r.Max.Y || at.Y+height < r.Min.Y
		if !apart {
			return false
		}
	}
	return true
}

// write writes a label on a halo, its lower left corner at the point.
func (l *labeller) write(s string, st text.Style, at vg.Point) {
	width, height := st.Width(s), st.Height(s)
	box := vg.Rectangle{Min: at, Max: vg.Point{X: at.X + width, Y: at.Y + height}}
	l.taken = append(l.taken, box)
	frame := vg.Rectangle{Min: vg.Point{X: box.Min.X - 2*pixel, Y: box.Min.Y}, Max: vg.Point{X: box.Max.X + 2*pixel, Y: box.Max.Y}}
	l.SetColor(rgba(halo))
	l.Fill(frame.Path())
	st.YAlign = draw.YBottom
	l.FillText(st, at, s)
}
