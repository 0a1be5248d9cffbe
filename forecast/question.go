package forecast

import (
	"time"

	"github.com/barograph/barograph"
)

// Question asks when a series will cross a limit.
type Question struct {
	// Metric names what is measured, so that reasons have its unit; "": bare
	// numbers.
	Metric string
	// Values are on a regular grid, oldest first. NaN is a null, and so is ±Inf.
	Values []float64
	Start  time.Time     // the beginning of the first step; needed with Now only
	Step   time.Duration // of the grid; zero counts as a minute
	// Now is when the question is asked; zero means at the end of the last step.
	Now      time.Time
	Limit    float64
	Operator barograph.Operator
	Horizon  int // in steps
	// Bounds are the values that the series can take at all; nil: any.
	Bounds *barograph.Bounds
}

// CDF is a first-passage distribution: CDF[k] is the probability of crossing
// within (k+1)/20 of the horizon. It never decreases.
type CDF [barograph.CDFPoints]float64

// Quantiles are steps from now.
type Quantiles struct{ P10, P50, P90 float64 }

// Answer is what the engine says to a question.
type Answer struct {
	State       barograph.ForecastState
	Value       float64 // the last known; 0 if there is none
	Probability float64 // of crossing within the horizon; 0 with a refusal
	// CDF holds the estimate, also with a refusal that rests on one: a calm
	// state, or too much noise. With any other refusal it is zero.
	CDF CDF
	// ETA is when the limit is crossed, given that it is crossed within the
	// horizon; zero with a refusal.
	ETA    Quantiles
	Reason string
	Models []string // that had a say, in the order of the engine
	Points int      // values used
	// StaleAge is the age of the last sample beyond which the answer no longer
	// holds.
	StaleAge time.Duration
}

// quantiles returns the conditional quantiles of the distribution, in the
// unit of the horizon, linear within each of its cells.
func (c *CDF) quantiles(horizon float64) Quantiles {
	at := func(q float64) float64 {
		want, before := q*c[len(c)-1], 0.0
		for k, f := range c {
			if f >= want && f > before {
				cell := (want - before) / (f - before)
				return (float64(k) + cell) / float64(len(c)) * horizon
			}
			before = f
		}
		return horizon
	}
	return Quantiles{at(.1), at(.5), at(.9)}
}

// lean moves the distribution towards another by a share of what lies between.
func (c *CDF) lean(to *CDF, share float64) {
	for k := range c {
		c[k] += share * (min(max(to[k], FloorProbability*c.share(k)), CeilingProbability) - c[k])
	}
}

// share returns the share of the horizon that CDF[k] looks at.
func (c *CDF) share(k int) float64 { return float64(k+1) / float64(len(c)) }
