package chart

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// TextSize is that of a chart made of characters.
type TextSize struct {
	Columns, Rows int // at least 40 and 8; with axes, without title
	// ASCII keeps to the characters that every terminal has.
	ASCII bool
}

// glyphs are the characters of a text chart.
type glyphs struct {
	limit, now, band, early, median, late, between, axis, tick, corner, event rune
}

func glyphsOf(ascii bool) glyphs {
	if ascii {
		return glyphs{
			limit: '-', now: '|', band: ':', early: '<', median: 'O', late: '>', between: '=',
			axis: '-', tick: '+', corner: '+', event: '^',
		}
	}
	return glyphs{
		limit: '╌', now: '│', band: '░', early: '├', median: '●', late: '┤', between: '━',
		axis: '─', tick: '┬', corner: '└', event: '▲',
	}
}

// Text returns the chart as lines of text, for a terminal: the history and the
// expected course as dots, the band shaded, the limit dashed with the range of
// the ETA on it.
func (c Chart) Text(size TextSize) (string, error) {
	f, err := c.frame()
	if err != nil {
		return "", err
	}
	t := &textChart{chart: c, frame: f, glyphs: glyphsOf(size.ASCII), ascii: size.ASCII}
	t.layOut(max(40, size.Columns), max(8, size.Rows))
	t.drawBand()
	t.drawLimit()
	t.drawNow()
	for _, s := range c.drawn() {
		t.drawCurve(lines(s.Points), 1)
	}
	t.drawCurve(lines(c.course()), 2)
	t.drawCurve(lines(c.History), 1)
	t.drawETA()
	t.drawEvents()
	return t.String(), nil
}

// textChart is a chart on its way to text.
type textChart struct {
	chart  Chart
	frame  frame
	glyphs glyphs
	ascii  bool

	width, height int // of the plot in cells
	margin        int // of the labels at its left
	cells         [][]rune
	labels        []string // at the left of each row
}

const mostLabel = 12

// layOut makes room for the labels of the values.
func (t *textChart) layOut(columns, rows int) {
	t.height = rows - 2
	at, labels := t.chart.Unit.valueTicks(t.frame.low, t.frame.high, max(2, t.height/2))
	if l := t.chart.Limit; l != nil && finite(l.Value) {
		at, labels = append(at, l.Value), append(labels, t.chart.Unit.limit(l.Value))
	}
	t.labels = make([]string, t.height)
	for i, v := range at {
		label := labels[i]
		if utf8.RuneCountInString(label) > mostLabel {
			label = string([]rune(label)[:mostLabel])
		}
		t.labels[t.row(v)] = label
		t.margin = max(t.margin, utf8.RuneCountInString(label))
	}
	t.width = max(20, columns-t.margin-2)
	t.cells = make([][]rune, t.height)
	for r := range t.cells {
		t.cells[r] = []rune(strings.Repeat(" ", t.width))
	}
}

// fine returns where a point lies, in parts of cells of a grid that is so many
// times finer, from the left and from the top.
func (t *textChart) fine(p Point, across, down int) (x, y int) {
	f := t.frame
	x = int((seconds(p.At) - f.from) / (f.to - f.from) * float64(t.width*across))
	y = int((f.high - min(max(p.Value, -largest), largest)) / (f.high - f.low) * float64(t.height*down))
	return min(max(x, 0), t.width*across-1), min(max(y, 0), t.height*down-1)
}

func (t *textChart) row(v float64) int {
	_, y := t.fine(Point{Value: v}, 1, 1)
	return y
}

func (t *textChart) column(at float64) int {
	x, _ := t.fine(Point{At: timeOf(at)}, 1, 1)
	return x
}

func (t *textChart) drawBand() {
	for _, b := range t.chart.joined(t.chart.Band) {
		if !finite(b.Low) || !finite(b.High) {
			continue
		}
		x := t.column(seconds(b.At))
		for y := t.row(b.High); y <= t.row(b.Low); y++ {
			t.cells[y][x] = t.glyphs.band
		}
	}
	t.fillBand()
}

// fillBand shades the columns between two of the band's that have no point.
func (t *textChart) fillBand() {
	if len(t.chart.Band) == 0 {
		return
	}
	first := t.column(seconds(t.chart.Band[0].At))
	for x := first + 1; x < t.width; x++ {
		empty := true
		for y := range t.cells {
			empty = empty && t.cells[y][x] == ' '
		}
		for y := 0; empty && x < t.column(seconds(t.chart.Band[len(t.chart.Band)-1].At)) && y < t.height; y++ {
			t.cells[y][x] = t.cells[y][x-1]
		}
	}
}

func (t *textChart) drawLimit() {
	if l := t.chart.Limit; l != nil && finite(l.Value) {
		y := t.row(l.Value)
		for x := range t.cells[y] {
			t.cells[y][x] = t.glyphs.limit
		}
	}
}

func (t *textChart) drawNow() {
	if t.chart.Now.IsZero() {
		return
	}
	x := t.column(seconds(t.chart.Now))
	for y := range t.cells {
		t.cells[y][x] = t.glyphs.now
	}
}

// drawCurve draws runs of points as dots, every so many of them.
func (t *textChart) drawCurve(runs [][]Point, every int) {
	across, down := 2, 4
	if t.ascii {
		across, down = 1, 1
	}
	for _, run := range runs {
		for i, p := range run {
			x, y := t.fine(p, across, down)
			t.dot(x, y, every > 1)
			if i > 0 {
				x0, y0 := t.fine(run[i-1], across, down)
				t.connect(x0, y0, x, y, every)
			}
		}
	}
}

// connect draws a straight line of dots.
func (t *textChart) connect(x0, y0, x1, y1, every int) {
	n := max(x1-x0, int(math.Abs(float64(y1-y0))))
	for i := 1; i < n; i++ {
		x, y := x0+(x1-x0)*i/n, y0+(y1-y0)*i/n
		if every == 1 || x%(2*every) < every {
			t.dot(x, y, every > 1)
		}
	}
}

const braille = 0x2800

// dot sets one dot: of the eight of a Braille cell, or a whole character.
func (t *textChart) dot(x, y int, expected bool) {
	if t.ascii {
		t.cells[y][x] = '*'
		if expected {
			t.cells[y][x] = '.'
		}
		return
	}
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	cell := &t.cells[y/4][x/2]
	if *cell < braille || *cell > braille+0xff {
		*cell = braille
	}
	*cell |= bits[y%4][x%2]
}

// drawETA marks the range on the line of the limit.
func (t *textChart) drawETA() {
	eta, l := t.chart.ETA, t.chart.Limit
	if eta == nil || l == nil {
		return
	}
	row := t.cells[t.row(l.Value)]
	early, late := t.column(seconds(eta.Early)), t.column(seconds(eta.Late))
	for x := early; x <= late; x++ {
		row[x] = t.glyphs.between
	}
	row[early], row[late] = t.glyphs.early, t.glyphs.late
	row[t.column(seconds(eta.Median))] = t.glyphs.median
}

func (t *textChart) drawEvents() {
	for _, e := range t.chart.Events {
		if at := seconds(e.At); at >= t.frame.from && at <= t.frame.to {
			t.cells[t.height-1][t.column(at)] = t.glyphs.event
		}
	}
}

// String returns the rows with their axes.
func (t *textChart) String() string {
	var b strings.Builder
	for y, row := range t.cells {
		mark := '│'
		if t.ascii {
			mark = '|'
		}
		label := strings.Repeat(" ", t.margin-utf8.RuneCountInString(t.labels[y])) + t.labels[y]
		fmt.Fprintf(&b, "%s %c%s\n", label, mark, strings.TrimRight(string(row), " "))
	}
	axis, times := t.timeAxis()
	fmt.Fprintf(&b, "%*s %c%s\n", t.margin, "", t.glyphs.corner, axis)
	fmt.Fprintf(&b, "%*s  %s\n", t.margin, "", times)
	return b.String()
}

// timeAxis returns the line below the plot and the times below that.
func (t *textChart) timeAxis() (axis, times string) {
	line, text := []rune(strings.Repeat(string(t.glyphs.axis), t.width)), []rune(strings.Repeat(" ", t.width))
	at, labels := timeTicks(t.frame.from, t.frame.to, t.chart.zone(), max(2, t.width/10))
	free := 0
	for i, s := range at {
		x := t.column(s)
		line[x] = t.glyphs.tick
		label := []rune(labels[i])
		start := max(0, min(x-len(label)/2, t.width-len(label)))
		if start >= free {
			copy(text[start:], label)
			free = start + len(label) + 1
		}
	}
	return string(line), strings.TrimRight(string(text), " ")
}
