package web

import (
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

const (
	curveLevel    = .8 // of the band, as the ETA's: from its 10 % to its 90 % quantile
	curveHorizons = 2  // of history in a picture, at least
	curveSteps    = 48 // and at least so many steps
)

// curveChart returns what is to be drawn of a curve; the ETA may be nil.
func curveChart(curve barograph.Curve, eta *barograph.ETA, zone *time.Location) chart.Chart {
	step := time.Duration(curve.StepSeconds * float64(time.Second))
	c := chart.Chart{
		Title: curve.Series.Metric + " on " + curve.Series.Place(), Unit: chart.UnitOf(curve.Series.Metric),
		Now: curve.Start, Until: curve.Start.Add(step * time.Duration(len(curve.Mean))), ETA: eta,
		Limit: &chart.Limit{Operator: curve.Operator, Value: curve.Limit}, Zone: zone,
	}
	first := max(0, len(curve.History)-max(curveHorizons*len(curve.Mean), curveSteps))
	for i, v := range curve.History[first:] {
		if v != nil {
			at := curve.Start.Add(-step * time.Duration(len(curve.History)-first-i))
			c.History = append(c.History, chart.Point{At: at, Value: *v})
		}
	}
	for i := range min(len(curve.Mean), len(curve.Lower), len(curve.Upper)) {
		at := curve.Start.Add(step * time.Duration(i+1))
		c.Course = append(c.Course, chart.Point{At: at, Value: curve.Mean[i]})
		c.Band = append(c.Band, chart.Interval{At: at, Low: curve.Lower[i], High: curve.Upper[i]})
	}
	return c
}
