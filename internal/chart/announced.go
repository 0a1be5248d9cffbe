package chart

import (
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	announcedRows = 8
	announcedRow  = 15 // pixels
	announcedHead = 22 // pixels, of the words above the rows
)

// told returns the announcements that get a row: the first, the last, and some
// between.
func (c Chart) told() []Announcement {
	all := c.Announced
	if len(all) <= announcedRows {
		return all
	}
	told := make([]Announcement, announcedRows)
	for i := range told {
		told[i] = all[i*(len(all)-1)/(announcedRows-1)]
	}
	return told
}

// announcedHeight is how many pixels the announcements need.
func (c Chart) announcedHeight() int {
	if n := len(c.told()); n > 0 {
		return announcedHead + announcedRow*n
	}
	return 0
}

// announcedRows parts the canvas: what is below is for the announcements.
func (d *drawing) announcedRows(c draw.Canvas) (below, above draw.Canvas) {
	below, above = c, c
	if len(d.chart.Announced) > 0 {
		above.Min.Y += vg.Length(d.chart.announcedHeight()) * pixel
	}
	below.Max.Y = above.Min.Y
	return below, above
}

// announced draws one row for each announcement: a tick where it was made, a
// bar where it said that the limit would be crossed.
func (d *drawing) announced(c draw.Canvas) {
	told := d.chart.told()
	if len(told) == 0 {
		return
	}
	st := style(fontPixels, faint, false)
	st.YAlign = draw.YTop
	c.FillText(st, vg.Point{X: c.Min.X, Y: c.Max.Y - 4*pixel}, fit("What was announced, and how sure", st, c.Size().X))
	a := d.area
	a.Canvas = c
	a.Min.X, a.Max.X = d.area.Min.X, d.area.Max.X
	a.Max.Y -= announcedHead * pixel
	for _, s := range d.chart.Spans {
		if from, _, ok := d.seen(s); ok && s.Kind == SpanBreach {
			a.vertical(from, line(danger, 1, 1, 3))
		}
	}
	for i, one := range told {
		y := a.Max.Y - (vg.Length(i)+.5)*announcedRow*pixel
		d.announcement(a, one, y)
		st.YAlign, st.XAlign = draw.YCenter, draw.XRight
		c.FillText(st, vg.Point{X: a.Min.X - 4*pixel, Y: y + 1.5*pixel}, percent(one.Probability))
	}
}

// announcement draws one row.
func (d *drawing) announcement(a place, one Announcement, y vg.Length) {
	early, late := seconds(one.ETA.Early), seconds(one.ETA.Late)
	left, right := d.clamp(a, early), d.clamp(a, late)
	made := d.clamp(a, seconds(one.At))
	a.StrokeLine2(line(rule, 1), made, y, max(right, made), y)
	a.StrokeLine2(line(faint, 1.6), made, y-4*pixel, made, y+4*pixel)
	if early > d.frame.to {
		st := style(fontPixels, arrived, false)
		st.YAlign, st.XAlign = draw.YCenter, draw.XRight
		a.FillText(st, vg.Point{X: a.Max.X, Y: y}, "later →")
		return
	}
	if late < d.frame.from {
		return
	}
	a.StrokeLine2(line(said, 5), left, y, max(right, left+3*pixel), y)
	if m := seconds(one.ETA.Median); d.inside(m) {
		a.dot(said, vg.Point{X: a.x(m), Y: y}, 3.6*pixel)
	}
}

// clock writes a time of day with its date, as the zone has it.
func (c Chart) clock(t time.Time) string {
	return t.In(c.zone()).Round(time.Minute).Format("Mon 2 Jan 15:04")
}

// percent writes a share without decimals.
func percent(share float64) string {
	if !finite(share) {
		return UnitRatio.Format(share)
	}
	return strconv.Itoa(int(math.Round(100*min(max(share, 0), 1)))) + " %"
}
