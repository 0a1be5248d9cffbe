package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"
)

// readoutGrain is how many pixels have at most two values that can be read out.
const readoutGrain = 6

// readout is what a script needs to name the values under a cross-hair. Places
// are pixels of the viewBox.
type readout struct {
	Plot   [4]int         `json:"plot"` // left, top, right, bottom
	From   int64          `json:"from"` // Unix seconds at the left
	To     int64          `json:"to"`   // and at the right
	Series []readSeries   `json:"series"`
	Events []readOccasion `json:"events,omitempty"`
}

// readSeries are the values of one line.
type readSeries struct {
	Name  string   `json:"name"`
	Class string   `json:"class"`
	Times []int64  `json:"t,omitempty"` // Unix seconds
	X     []int    `json:"x"`
	Y     []int    `json:"y"`
	Texts []string `json:"v"` // with units
}

// readOccasion is an event.
type readOccasion struct {
	Time  int64  `json:"t"`
	X     int    `json:"x"`
	Label string `json:"label"`
	Tone  string `json:"tone"`
}

// attribute returns it as JSON between single quotes in a page.
func (r readout) attribute() (string, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write the values of a chart: %w", err)
	}
	return strings.ReplaceAll(string(data), "'", "&#39;"), nil
}

// newReadout returns one without series.
func newReadout(a place, height int, f frame) readout {
	x, y := inPixels(a, height)
	return readout{Plot: [4]int{x(a.Min.X), y(a.Max.Y), x(a.Max.X), y(a.Min.Y)}, From: int64(f.from), To: int64(f.to), Series: []readSeries{}}
}

// inPixels returns what turns lengths of the place into pixels from the upper
// left of a picture.
func inPixels(a place, height int) (x, y func(vg.Length) int) {
	pixels := func(l vg.Length) int { return int(math.Round(min(max(float64(l/pixel), -1e6), 1e6))) }
	return pixels, func(l vg.Length) int { return height - pixels(min(max(l, a.Min.Y), a.Max.Y)) }
}

// readout returns what can be read from the chart.
func (d *drawing) readout() readout {
	r := newReadout(d.area, d.size.Height, d.frame)
	bands := map[time.Time]Interval{}
	for _, b := range d.chart.bands() {
		for _, i := range b {
			bands[i.At] = i
		}
	}
	unit := d.chart.Unit
	plain := func(p Point) string { return unit.Format(p.Value) }
	d.read(&r, "measured", past, d.chart.History, plain)
	d.read(&r, "expected", future, d.chart.Course, func(p Point) string {
		if b, ok := bands[p.At]; ok && finite(b.Low) && finite(b.High) {
			return plain(p) + " (" + unit.Format(b.Low) + " to " + unit.Format(b.High) + ")"
		}
		return plain(p)
	})
	for i, s := range d.chart.Series[:min(len(d.chart.Series), namedSeries)] {
		d.read(&r, s.Name, series1+paint(i), s.Points, plain)
	}
	d.readEvents(&r)
	return r
}

// read adds a line to what can be read out.
func (d *drawing) read(r *readout, name string, colour paint, points []Point, text func(Point) string) {
	points = thin(finitePoints(points), d.column(d.area, readoutGrain))
	if len(points) == 0 {
		return
	}
	s := readSeries{Name: name, Class: colour.class()}
	x, y := inPixels(d.area, d.size.Height)
	for _, p := range points {
		at := d.area.point(p)
		s.Times, s.Texts = append(s.Times, p.At.Unix()), append(s.Texts, text(p))
		s.X, s.Y = append(s.X, x(at.X)), append(s.Y, y(at.Y))
	}
	r.Series = append(r.Series, s)
}

func (d *drawing) readEvents(r *readout) {
	x, _ := inPixels(d.area, d.size.Height)
	for _, e := range d.visible(d.area) {
		r.Events = append(r.Events, readOccasion{e.At.Unix(), x(d.area.x(seconds(e.At))), e.Label, e.Tone.String()})
	}
}

// String returns the tone's name, as the classes have it.
func (t Tone) String() string {
	switch t {
	case Good:
		return "good"
	case Warning:
		return "warning"
	case Bad:
		return "bad"
	case Neutral:
	}
	return "neutral"
}
