package chart

import (
	"slices"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mostLabels is how many events may have labels that cross lines.
const mostLabels = 6

// labels names the lines, each beside it where there is room.
func (d *drawing) labels(a place) {
	l := labeller{place: a, bare: d.part, lines: d.lineBoxes(a)}
	if lim := d.chart.Limit; lim != nil && finite(lim.Value) {
		y := a.y(min(max(lim.Value, -largest), largest))
		if d.chart.ETA != nil {
			left, right := d.etaRange(a)
			whisker := 5 * pixel
			l.taken = append(l.taken, vg.Rectangle{Min: vg.Point{X: left, Y: y - whisker}, Max: vg.Point{X: right, Y: y + whisker}})
		}
		if a.ContainsY(y) {
			l.limit("limit "+d.chart.Unit.limit(lim.Value), y, lim.Operator.Upward())
		}
	}
	if !d.chart.Now.IsZero() && d.inside(seconds(d.chart.Now)) {
		l.beside("now", faint, a.x(seconds(d.chart.Now)), onLeft, onRight)
	}
	if eta := d.chart.ETA; eta != nil && d.inside(seconds(eta.Median)) {
		l.beside(d.chart.clock(eta.Median), arrived, a.x(seconds(eta.Median)), onRight, onLeft)
	}
	d.spanLabels(&l)
	events := d.visible(a)
	l.strict = len(events) > mostLabels
	for _, e := range events {
		l.beside(e.Label, e.Tone.paint(), a.x(seconds(e.At)), onRight, onLeft)
	}
}

// spanLabels names the spans.
func (d *drawing) spanLabels(l *labeller) {
	for _, s := range d.chart.Spans {
		from, _, ok := d.seen(s)
		if !ok {
			continue
		}
		_, colour := s.Kind.look()
		label := s.Label
		if label == "" {
			label = s.Kind.word()
		}
		l.beside(label, colour, l.x(from), onRight)
	}
}

// labeller writes labels where they cover no other.
type labeller struct {
	place

	strict bool           // a label that would cross a line is left out
	bare   bool           // the style sheet draws the halo
	taken  []vg.Rectangle // by labels and marks
	lines  []vg.Rectangle // that are better not covered
}

// lineBoxes returns where the lines are that run across the plot.
func (d *drawing) lineBoxes(a place) []vg.Rectangle {
	const half = 2 * pixel
	var boxes []vg.Rectangle
	if lim := d.chart.Limit; lim != nil && finite(lim.Value) {
		y := a.y(min(max(lim.Value, -largest), largest))
		boxes = append(boxes, vg.Rectangle{Min: vg.Point{X: a.Min.X, Y: y - half}, Max: vg.Point{X: a.Max.X, Y: y + half}})
	}
	times := []time.Time{d.chart.Now}
	if d.chart.ETA != nil {
		times = append(times, d.chart.ETA.Median)
	}
	for _, e := range d.visible(a) {
		times = append(times, e.At)
	}
	for _, at := range times {
		if x := a.x(seconds(at)); d.inside(seconds(at)) {
			boxes = append(boxes, vg.Rectangle{Min: vg.Point{X: x - half, Y: a.Min.Y}, Max: vg.Point{X: x + half, Y: a.Max.Y}})
		}
	}
	return boxes
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

// side is that of a line on which its label is.
type side bool

const (
	onLeft  side = true
	onRight side = false
)

// beside writes a label at the top beside a line, on the first of the sides
// where there is room, in the first row that is free; better one that crosses
// no other line. If there is no room it is left out.
func (l *labeller) beside(s string, colour paint, x vg.Length, sides ...side) {
	if s == "" {
		return
	}
	st := style(fontPixels, colour, false)
	s = fit(s, st, (l.Max.X-l.Min.X)*2/5)
	width, height := st.Width(s), st.Height(s)
	at, ok := l.room(slices.Concat(l.taken, l.lines), x, width, height, sides)
	if !ok && !l.strict {
		at, ok = l.room(l.taken, x, width, height, sides)
	}
	if ok {
		l.write(s, st, at)
	}
}

// room returns where a label beside a line covers none of the others.
func (l *labeller) room(others []vg.Rectangle, x, width, height vg.Length, sides []side) (at vg.Point, ok bool) {
	const rows, air = 4, 4 * pixel
	for row := range rows {
		at.Y = l.Max.Y - vg.Length(row+1)*(height+3*pixel)
		for _, where := range sides {
			at.X = x + air
			if where == onLeft {
				at.X = x - air - width
			}
			if at.X >= l.Min.X-pixel && at.X+width <= l.Max.X+margin*pixel && free(others, at, width, height) {
				return at, true
			}
		}
	}
	return vg.Point{}, false
}

// free reports whether a box covers none of the others.
func free(others []vg.Rectangle, at vg.Point, width, height vg.Length) bool {
	for _, r := range others {
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
	st.YAlign = draw.YBottom
	if l.bare {
		l.FillText(st, at, s)
		return
	}
	frame := vg.Rectangle{Min: vg.Point{X: box.Min.X - 2*pixel, Y: box.Min.Y}, Max: vg.Point{X: box.Max.X + 2*pixel, Y: box.Max.Y}}
	l.SetColor(halo)
	l.Fill(frame.Path())
	l.FillText(st, at, s)
}
