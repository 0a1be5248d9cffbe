package chart

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Smoke is what is to be drawn of round trips: how long they took, how far they
// spread, and what was lost. A picture of one target over time, in which a
// glance tells a slow path from a shaky and from a lossy one.
type Smoke struct {
	Title    string
	Subtitle string
	Rounds   []Round // oldest first
	// From and Until are where the picture begins and ends at least; zero: with
	// the rounds.
	From, Until time.Time
	Limit       *Limit // of the round trip time, in seconds
	Spans       []Span
	Events      []Event
	Zone        *time.Location // of the labels; nil: UTC
}

// Round is what one round of probes found.
type Round struct {
	At time.Time
	// RTT is the usual round trip time in seconds, as the median or the mean;
	// NaN if nothing came back.
	RTT float64
	// Spread holds ranges of round trip times around it, widest first: as best
	// to worst, and mean ± jitter.
	Spread []Range
	Loss   float64 // the share that did not come back, 0 to 1
}

// Range is a range of values.
type Range struct{ Low, High float64 }

const (
	mostSpreads = 4
	roundGrain  = 2 // pixels of a round, at least
	lossHeight  = 34 * pixel
)

// Fragment writes the picture as an SVG element that is part of a page.
func (s Smoke) Fragment(w io.Writer, size Size) error {
	chart := Chart{
		Title: s.Title, Subtitle: s.Subtitle, Unit: UnitSeconds, From: s.From, Until: s.Until,
		Limit: s.Limit, Spans: s.Spans, Events: s.Events, Zone: s.Zone, History: s.history(),
	}
	d, err := chart.drawing(size)
	if err != nil {
		return err
	}
	d.part = true
	p := &smokePicture{drawing: d, rounds: s.Rounds}
	p.fitFrame(s)
	return writeFragment(w, size, d.chart.Title, p.summary(), p)
}

// history returns the round trip times; if none came back at all, a zero, so
// that there is something to draw the loss on.
func (s Smoke) history() []Point {
	points := make([]Point, len(s.Rounds))
	known := false
	for i, r := range s.Rounds {
		points[i] = Point{r.At, r.RTT}
		known = known || finite(r.RTT)
	}
	if !known && len(points) > 0 {
		points[0].Value = 0
		points[len(points)-1].Value = 0
	}
	return points
}

// smokePicture is a picture of rounds on its way to a canvas.
type smokePicture struct {
	*drawing

	rounds []Round
	puffs  []puff // as many as can be seen
}

// puff is a round, or what is left of some that share a column.
type puff struct {
	Round

	// answered is the most loss of those that came back: it colours the line,
	// where Loss is for the bars.
	answered float64
}

// fitFrame makes room for all but the most extreme of the spread, and shows the
// zero unless it is far away.
func (p *smokePicture) fitFrame(s Smoke) {
	f := &p.frame
	if len(s.Rounds) > 0 {
		f.from = min(f.from, seconds(s.Rounds[0].At))
		f.to = max(f.to, seconds(s.Rounds[len(s.Rounds)-1].At))
	}
	const enough = 5000 // rounds tell how far most spread
	var lows, highs []float64
	for i := 0; i < len(s.Rounds); i += 1 + len(s.Rounds)/enough {
		r := s.Rounds[i]
		if len(r.Spread) > 0 && finite(r.Spread[0].Low) && finite(r.Spread[0].High) {
			lows, highs = append(lows, r.Spread[0].Low), append(highs, r.Spread[0].High)
		}
	}
	slices.Sort(lows)
	slices.Sort(highs)
	values := newSpan()
	values.add(f.low)
	values.add(f.high)
	if n := len(highs); n > 0 {
		const outside = 100 // of which one is not made room for
		values.add(max(0, lows[n/outside]))
		values.add(highs[n-1-n/outside] * (1 + headroom))
	}
	f.low, f.high = values.low, values.high
	if !p.answered() {
		const usual = .1 // seconds
		f.low, f.high = 0, usual
	}
	if f.low > 0 && f.low < .6*f.high {
		f.low = 0
	}
}

// answered reports whether anything came back at all.
func (p *smokePicture) answered() bool {
	return slices.ContainsFunc(p.rounds, func(r Round) bool { return finite(r.RTT) })
}

func (p *smokePicture) draw(c draw.Canvas) {
	c = writeLegend(p.prepare(c), p.legend())
	below, c := c, c
	c.Min.Y += lossHeight + 8*pixel
	below.Max.Y = below.Min.Y + lossHeight
	axes := p.axes()
	axes.Add(layer(p.grid), layer(p.spans), layer(func(a place) {
		p.area = a
		p.puffs = puffs(p.rounds, p.column(a, roundGrain))
	}), layer(p.spread), layer(p.limit), layer(p.medians), layer(p.events), layer(p.labels))
	axes.Draw(c)
	p.losses(below)
}

// lossClass sorts shares of loss: none, little, and so on to all.
func lossClass(share float64) paint {
	class := paint(0)
	for _, most := range []float64{0, .05, .2, .5} {
		if !(share > most) {
			return class
		}
		class++
	}
	if share < 1 {
		return 4
	}
	return 5
}

// legend names the classes of loss that there are, and the smoke.
func (p *smokePicture) legend() []legendItem {
	names := [lossPaints]string{"no loss", "to 5 %", "to 20 %", "to 50 %", "more", "all lost"}
	var seen [lossPaints]bool
	for _, r := range p.rounds {
		seen[lossClass(r.Loss)] = true
	}
	var items []legendItem
	for i, name := range names {
		if seen[i] {
			items = append(items, legendItem{name, line(loss0+paint(i), 1.6+float64(i)*.4)})
		}
	}
	if slices.ContainsFunc(p.rounds, func(r Round) bool { return len(r.Spread) > 0 }) {
		items = append(items, legendItem{"spread", line(smoke, 9)})
	}
	return items
}

// spread draws the nested ranges as smoke: where more of them lie it is darker.
func (p *smokePicture) spread(a place) {
	for n := range mostSpreads {
		for _, run := range p.stretches(func(r puff) bool { return len(r.Spread) > n }) {
			intervals := make([]Interval, len(run))
			for i, r := range run {
				intervals[i] = Interval{r.At, r.Spread[n].Low, r.Spread[n].High}
			}
			if len(run) == 1 {
				at := run[0].At
				half := time.Duration(p.column(a, 1) * float64(time.Second))
				intervals = []Interval{{at.Add(-half), intervals[0].Low, intervals[0].High}, {at.Add(half), intervals[0].Low, intervals[0].High}}
			}
			a.between(intervals, smoke)
		}
	}
}

// medians draws the usual round trip time, each stretch in the colour of its
// loss: the more was lost, the thicker.
func (p *smokePicture) medians(a place) {
	runs := p.stretches(func(r puff) bool { return finite(r.RTT) })
	var all [lossPaints][][]Point
	for _, run := range runs {
		for start := 0; start < len(run); {
			class, end := lossClass(run[start].answered), start+1
			for end < len(run) && lossClass(run[end].answered) == class {
				end++
			}
			var points []Point
			for _, r := range run[max(0, start-1):end] { // from the one before, so that the line goes on
				points = append(points, Point{r.At, r.RTT})
			}
			all[class] = append(all[class], points)
			start = end
		}
	}
	for class, runs := range all {
		a.curve(runs, line(loss0+paint(class), 1.6+float64(class)*.4))
	}
}

// stretches returns the rounds that are good, as runs without gaps.
func (p *smokePicture) stretches(good func(puff) bool) [][]puff {
	times := make([]Point, len(p.puffs))
	for i, r := range p.puffs {
		times[i].At = r.At
	}
	gap := gapSteps * spacing(times)
	var runs [][]puff
	start := 0
	for i, r := range p.puffs {
		if apart := i > start && r.At.Sub(p.puffs[i-1].At) > gap; apart {
			runs, start = append(runs, p.puffs[start:i]), i
		}
		if !good(r) {
			if i > start {
				runs = append(runs, p.puffs[start:i])
			}
			start = i + 1
		}
	}
	if start < len(p.puffs) {
		runs = append(runs, p.puffs[start:])
	}
	return runs
}

// losses draws a bar for each round with loss, as high as the share; where all
// was lost, with a cross.
func (p *smokePicture) losses(c draw.Canvas) {
	a := p.area
	a.Min.Y, a.Max.Y = c.Min.Y, c.Max.Y
	a.StrokeLine2(line(rule, 1), a.Min.X, a.Min.Y, a.Max.X, a.Min.Y)
	st := style(fontPixels, faint, false)
	st.XAlign, st.YAlign = draw.XRight, draw.YCenter
	c.FillText(st, vg.Point{X: a.Min.X - 4*pixel, Y: (a.Min.Y + a.Max.Y) / 2}, "loss")
	width := max((a.Max.X-a.Min.X)/vg.Length(max(len(p.puffs), 1)), 1.4*pixel)
	width = min(width, 8*pixel)
	var crossed vg.Length
	for _, r := range p.puffs {
		if !(r.Loss > 0) {
			continue
		}
		x := a.x(seconds(r.At))
		top := a.Min.Y + max(vg.Length(min(r.Loss, 1))*lossHeight*.7, 2*pixel)
		a.box(loss0+lossClass(r.Loss), max(x-width/2, a.Min.X), a.Min.Y, min(x+width/2, a.Max.X), top)
		if r.Loss >= 1 && x-crossed > 9*pixel {
			crossed = x
			a.DrawGlyphNoClip(draw.GlyphStyle{Color: loss0 + lossPaints - 1, Radius: 3.4 * pixel, Shape: draw.CrossGlyph{}},
				vg.Point{X: x, Y: top + 4.5*pixel})
		}
	}
}

// puffs leaves one round of each column: with the middle round trip time, the
// whole spread, and the most loss.
func puffs(rounds []Round, column float64) []puff {
	var all []puff
	var times []float64
	eachColumn(rounds, column, func(r Round) time.Time { return r.At }, func(rounds []Round) {
		one := puff{Round: Round{At: rounds[len(rounds)/2].At, RTT: math.NaN()}}
		times = times[:0]
		for _, r := range rounds {
			if finite(r.RTT) {
				times = append(times, r.RTT)
				one.answered = max(one.answered, r.Loss)
			}
			one.Loss = max(one.Loss, r.Loss)
			one.Spread = widen(one.Spread, r.Spread)
		}
		if slices.Sort(times); len(times) > 0 {
			one.RTT = times[len(times)/2]
		}
		all = append(all, one)
	})
	return all
}

// widen makes ranges hold others.
func widen(ranges, others []Range) []Range {
	for n, r := range others[:min(len(others), mostSpreads)] {
		if !finite(r.Low) || !finite(r.High) {
			break
		}
		if n == len(ranges) {
			ranges = append(ranges, r)
		}
		ranges[n] = Range{min(ranges[n].Low, r.Low), max(ranges[n].High, r.High)}
	}
	return ranges
}

// readout returns what can be read from the picture.
func (p *smokePicture) readout() readout {
	r := newReadout(p.area, p.size.Height, p.frame)
	losses := map[time.Time]float64{}
	var points []Point
	for _, one := range p.puffs {
		losses[one.At] = one.Loss
		if !finite(one.RTT) {
			one.RTT = p.frame.low
		}
		points = append(points, Point{one.At, one.RTT})
	}
	p.read(&r, "round trip", loss0, points, func(at Point) string {
		loss := losses[at.At]
		if loss >= 1 {
			return "all lost"
		}
		return UnitSeconds.Format(at.Value) + ", " + percent(loss) + " lost"
	})
	p.readEvents(&r)
	return r
}

// summary says in words what the picture shows.
func (p *smokePicture) summary() string {
	lost, sum := 0, 0.0
	for _, r := range p.rounds {
		if r.Loss > 0 {
			lost++
			sum += min(r.Loss, 1)
		}
	}
	said := fmt.Sprintf("%d rounds, %d of them with loss; %s lost in all.", len(p.rounds), lost, UnitRatio.Format(sum/float64(max(1, len(p.rounds)))))
	if !p.answered() {
		return said
	}
	return p.chart.summary() + " " + said
}
