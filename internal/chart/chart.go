package chart

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Chart is what is to be drawn of one series.
type Chart struct {
	Title    string
	Subtitle string
	Unit     Unit
	History  []Point // oldest first
	// Now parts what is known from what is expected; zero: there is no such line.
	Now time.Time
	// From is where the chart begins at the latest; zero: with what there is.
	From time.Time
	// Until is where the chart ends at least; zero: with what there is to draw.
	Until  time.Time
	Course []Point    // what is expected, oldest first
	Band   []Interval // around the course, oldest first
	// Bands are further ones around the course, widest first; with them, Band
	// may be left out.
	Bands []Band
	// Series are further ones on the same axes, those that matter most first;
	// with them, History may be left out.
	Series []Series
	Limit  *Limit
	ETA    *barograph.ETA
	// Announced is what was said over time, oldest first; it is drawn below, one
	// row each.
	Announced []Announcement
	Spans     []Span
	Events    []Event
	Zone      *time.Location // of the labels; nil: UTC
}

// Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// Interval is a range of values at a time.
type Interval struct {
	At        time.Time
	Low, High float64
}

// Limit is a line, and the side of it on which the trouble is.
type Limit struct {
	Operator barograph.Operator
	Value    float64
}

// Event is something that happened, marked on the chart.
type Event struct {
	At    time.Time
	Label string
	Tone  Tone
}

// Tone says how bad an event is.
type Tone uint8

// The tones.
const (
	Neutral Tone = iota
	Good
	Warning
	Bad
)

// ErrEmpty says that a chart has no finite value and no time.
var ErrEmpty = errors.New("chart: nothing to draw: no value is known")

const (
	largest  = 1e300 // beyond it, differences of values would overflow
	gapSteps = 5     // usual spacings without a point break the line
	headroom = .06   // of the height above and below what is drawn
)

// frame is the part of the plane that a chart shows: Unix seconds and values.
type frame struct{ from, to, low, high float64 }

// span is a range that grows.
type span struct{ low, high float64 }

func newSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(v float64) {
	if v == v {
		v = min(max(v, -largest), largest)
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
}

func (s *span) empty() bool { return s.low > s.high }

// clean returns the chart with texts that can be drawn.
func (c Chart) clean() Chart {
	c.Title, c.Subtitle = clean(c.Title), clean(c.Subtitle)
	c.Unit = Unit(clean(string(c.Unit)))
	c.Series, c.Spans, c.Events = slices.Clone(c.Series), slices.Clone(c.Spans), slices.Clone(c.Events)
	for i := range c.Series {
		c.Series[i].Name = clean(c.Series[i].Name)
	}
	for i := range c.Spans {
		c.Spans[i].Label = clean(c.Spans[i].Label)
	}
	for i := range c.Events {
		c.Events[i].Label = clean(c.Events[i].Label)
	}
	return c
}

// frame returns what the chart shows.
func (c Chart) frame() (frame, error) {
	times, values := newSpan(), newSpan()
	for _, points := range c.curves() {
		for _, p := range points {
			if finite(p.Value) {
				times.add(seconds(p.At))
				values.add(p.Value)
			}
		}
	}
	if values.empty() {
		return frame{}, ErrEmpty
	}
	for _, at := range []time.Time{c.Now, c.From, c.Until} {
		if !at.IsZero() {
			times.add(seconds(at))
		}
	}
	if times.high-times.low < 1 {
		times.low, times.high = times.low-30, times.high+30
	}
	if c.Limit != nil && finite(c.Limit.Value) {
		values.add(c.Limit.Value)
	}
	c.addBand(&values)
	f := frame{from: times.low, to: times.high, low: values.low, high: values.high}
	f.pad()
	return f, nil
}

// addBand makes room for the band, but no more than for everything else: a
// very wide one would leave nothing to be seen of the rest.
func (c Chart) addBand(values *span) {
	room := values.high - values.low
	low, high := values.low-room, values.high+room
	if room == 0 {
		low, high = math.Inf(-1), math.Inf(1)
	}
	for _, band := range c.bands() {
		for _, b := range band {
			if finite(b.Low) && finite(b.High) {
				values.add(max(b.Low, low))
				values.add(min(b.High, high))
			}
		}
	}
}

// curves returns the points of all lines.
func (c Chart) curves() [][]Point {
	curves := [][]Point{c.History, c.Course}
	for _, s := range c.drawn() {
		curves = append(curves, s.Points)
	}
	return curves
}

// pad leaves some air around the values, but not below a zero that nothing
// passes.
func (f *frame) pad() {
	air := (f.high - f.low) * headroom
	if air == 0 {
		air = max(math.Abs(f.high)*headroom, 1e-9)
	}
	below := f.low - air
	if f.low >= 0 && below < 0 {
		below = 0
	}
	f.low, f.high = below, f.high+air
}

// last returns the last known point of the history.
func (c Chart) last() (Point, bool) {
	for _, p := range slices.Backward(c.History) {
		if finite(p.Value) {
			return p, true
		}
	}
	return Point{}, false
}

// course returns what is expected, beginning where the history ends.
func (c Chart) course() []Point {
	last, ok := c.last()
	if !ok || len(c.Course) == 0 || !last.At.Before(c.Course[0].At) {
		return c.Course
	}
	return append([]Point{last}, c.Course...)
}

// bands returns all bands, widest first.
func (c Chart) bands() [][]Interval {
	bands := make([][]Interval, 0, len(c.Bands)+1)
	for _, b := range c.Bands {
		bands = append(bands, b.Intervals)
	}
	if len(c.Band) > 0 {
		bands = append(bands, c.Band)
	}
	return bands
}

// joined returns a band, beginning where the history ends.
func (c Chart) joined(band []Interval) []Interval {
	last, ok := c.last()
	if !ok || len(band) == 0 || !last.At.Before(band[0].At) {
		return band
	}
	return append([]Interval{{last.At, last.Value, last.Value}}, band...)
}

// spacing returns the median distance of the points.
func spacing(points []Point) time.Duration {
	if len(points) < 2 {
		return 0
	}
	distances := make([]time.Duration, len(points)-1)
	for i := range distances {
		distances[i] = points[i+1].At.Sub(points[i].At)
	}
	slices.Sort(distances)
	return distances[len(distances)/2]
}

func (c Chart) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
