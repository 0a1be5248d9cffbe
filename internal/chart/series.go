package chart

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	namedSeries = seriesPaints // have a colour, a dash and a name
	mostSeries  = 100          // are drawn
	mostPoints  = 2400         // in the lines of all series without a name
)

// drawn returns the series that are drawn.
func (c Chart) drawn() []Series { return c.Series[:min(len(c.Series), mostSeries)] }

// seriesLine returns what the n-th series is drawn with.
func seriesLine(n int) draw.LineStyle {
	named := []draw.LineStyle{ // as many as namedSeries
		line(series1, 1.6), line(series1+1, 1.6, 7, 3), line(series1+2, 1.6, 2, 2),
		line(series1+3, 1.6, 9, 3, 2, 3), line(series1+4, 1.6, 4, 2), line(series1+5, 1.6, 12, 3),
	}
	if n < len(named) {
		return named[n]
	}
	return line(others, .8)
}

// others draws the series that have no name.
func (d *drawing) others(a place) {
	all := d.chart.drawn()
	all = all[min(len(all), namedSeries):]
	column := max(d.column(a, d.grain), (d.frame.to-d.frame.from)*2*float64(len(all))/mostPoints)
	for _, s := range all {
		a.curve(runs(s.Points, column), seriesLine(namedSeries))
	}
}

// series draws the series that have a name, the first over the others.
func (d *drawing) series(a place) {
	for i, s := range slices.Backward(d.chart.Series[:min(len(d.chart.Series), namedSeries)]) {
		a.curve(runs(s.Points, d.column(a, d.grain)), seriesLine(i))
	}
}

// legendItem is a name and how it is drawn.
type legendItem struct {
	name string
	line draw.LineStyle
}

func (c Chart) legend() []legendItem {
	var items []legendItem
	for i, s := range c.Series[:min(len(c.Series), namedSeries)] {
		items = append(items, legendItem{s.Name, seriesLine(i)})
	}
	if more := len(c.drawn()) - namedSeries; more > 0 {
		name := fmt.Sprintf("%d more", more)
		if all := len(c.Series) - namedSeries; all > more {
			name = fmt.Sprintf("%d of %d more", more, all)
		}
		items = append(items, legendItem{name, seriesLine(namedSeries)})
	}
	return items
}

// legend names the series above the plot, and returns the rest of the canvas.
func (d *drawing) legend(c draw.Canvas) draw.Canvas { return writeLegend(c, d.chart.legend()) }

// writeLegend writes the items in rows, and returns the rest of the canvas.
func writeLegend(c draw.Canvas, items []legendItem) draw.Canvas {
	if len(items) == 0 {
		return c
	}
	const swatch, air, row = 22 * pixel, 14 * pixel, 18 * pixel
	st := style(fontPixels, faint, false)
	st.YAlign = draw.YTop
	x := c.Min.X
	for _, item := range items {
		name := fit(item.name, st, min(c.Size().X-swatch, 260*pixel))
		width := swatch + 6*pixel + st.Width(name)
		if x > c.Min.X && x+width > c.Max.X {
			x, c.Max.Y = c.Min.X, c.Max.Y-row
		}
		y := c.Max.Y - st.Font.Size*.6
		c.StrokeLine2(item.line, x, y, x+swatch, y)
		c.FillText(st, vg.Point{X: x + swatch + 6*pixel, Y: c.Max.Y}, name)
		x += width + air
	}
	c.Max.Y -= row + 4*pixel
	return c
}
