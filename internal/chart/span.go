package chart

import (
	"gonum.org/v1/plot/vg"
)

// look returns what the kind of span is drawn with: its shade, and its label.
func (k SpanKind) look() (shade, label paint) {
	switch k {
	case SpanSilence:
		return spanSilence, faint
	case SpanAnnounced:
		return spanAnnounced, arrived
	case SpanBreach:
	}
	return spanBreach, danger
}

// word returns what the kind of span is called.
func (k SpanKind) word() string {
	switch k {
	case SpanSilence:
		return "silenced"
	case SpanAnnounced:
		return "announced"
	case SpanBreach:
	}
	return "breach"
}

// seen returns where a span begins and ends in the frame, and whether any of it
// can be seen.
func (d *drawing) seen(s Span) (from, to float64, ok bool) {
	from, to = seconds(s.From), d.frame.to
	if !s.To.IsZero() {
		to = seconds(s.To)
	}
	from, to = max(from, d.frame.from), min(to, d.frame.to)
	return from, to, from <= to
}

// spans shades the spans: a breach has an edge at the top, a silence is
// hatched, what was announced has sides.
func (d *drawing) spans(a place) {
	for _, s := range d.chart.Spans {
		from, to, ok := d.seen(s)
		if !ok {
			continue
		}
		left, right := a.x(from), max(a.x(to), a.x(from)+2*pixel)
		shade, edge := s.Kind.look()
		switch s.Kind {
		case SpanBreach:
			a.box(shade, left, a.Min.Y, right, a.Max.Y)
			a.StrokeLine2(line(edge, 3), left, a.Max.Y, right, a.Max.Y)
		case SpanSilence:
			a.hatch(shade, left, right)
		case SpanAnnounced:
			a.box(shade, left, a.Min.Y, right, a.Max.Y)
			a.StrokeLine2(line(edge, 1, 2, 3), left, a.Min.Y, left, a.Max.Y)
			a.StrokeLine2(line(edge, 1, 2, 3), right, a.Min.Y, right, a.Max.Y)
		}
	}
}

// hatch draws rising lines from the left to the right end.
func (a place) hatch(colour paint, left, right vg.Length) {
	const apart = 8 * pixel
	height := a.Max.Y - a.Min.Y
	box := a
	box.Min.X, box.Max.X = left, right
	var path vg.Path
	for x := left - height; x < right; x += apart {
		for _, piece := range box.ClipLinesXY([]vg.Point{{X: x, Y: a.Min.Y}, {X: x + height, Y: a.Max.Y}}) {
			path.Move(piece[0])
			path.Line(piece[len(piece)-1])
		}
	}
	if len(path) > 0 {
		a.SetLineStyle(line(colour, 1))
		a.Stroke(path)
	}
}
