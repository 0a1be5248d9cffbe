package forecast

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Drift continues the last segment as a straight line with noise: a Brownian
// motion with drift, whose first-passage time is inverse Gaussian.
//
// E. Schrödinger: Zur Theorie der Fall- und Steigversuche an Teilchen mit
// Brownscher Bewegung. Physikalische Zeitschrift 16 (1915). The slope is the
// median of the slopes over a fixed lag: H. Theil's incomplete method, A
// rank-invariant method of linear and polynomial regression analysis (1950).
// Uncertainty of the slope widens the distribution, and a slope that is small
// beside its uncertainty is shrunk towards none.
type Drift struct{}

var _ Model = Drift{}

const (
	driftFewest  = 6   // points of a segment
	driftWindow  = 3   // horizons of it that are used
	driftLeast   = 40  // points that are used in any case
	driftSamples = 128 // slopes and residuals, at most
	driftShrink  = 2   // squared ratio of slope to uncertainty at which it counts half
)

// trend is a line through the last segment of a series.
type trend struct {
	slope    float64 // a step
	variance float64 // that the noise adds a step
	points   int
}

// Name returns "drift".
func (Drift) Name() string { return "drift" }

// FirstPassage implements Model.
func (Drift) FirstPassage(s *Series) (Passage, bool) {
	return Passage{CDF: s.line}, s.hasCourse
}

// lineOf returns the first-passage distribution of a straight line with noise.
func (s *Series) lineOf(t trend) (c CDF) {
	slope, before := t.slope*t.trust(), 0.0
	for k := range c {
		steps := c.share(k) * float64(s.horizon)
		variance := t.variance * (1 + steps/float64(t.points))
		before = max(before, inverseGaussian(steps, s.gap, slope, variance))
		c[k] = before
	}
	return c
}

// trust returns how much of the slope to believe, from 0 to 1.
func (t trend) trust() float64 {
	squared := t.slope * t.slope * float64(t.points)
	if squared == 0 {
		return 0
	}
	return squared / (squared + driftShrink*t.variance)
}

// straightness returns, from 0 to 1, how much of what the series has moved the
// trend explains.
func (s *Series) straightness(t trend) float64 {
	low, high := s.extremes(s.now + 1 - t.points)
	if !(high > low) {
		return 0
	}
	return square(min(1, abs(t.slope)*float64(t.points-1)/(high-low)))
}

// trend fits a line to the newest part of the last segment.
func (s *Series) trend() (trend, bool) {
	y := s.filled[max(s.segment, s.now+1-max(driftLeast, driftWindow*s.look)):]
	if len(y) < driftFewest {
		return trend{}, false
	}
	lag := max(1, min(len(y)/3, s.look*3/4))
	if s.season > 0 && len(y) >= 2*s.season {
		lag = max(1, (lag+s.season/2)/s.season) * s.season
	}
	s.right = s.right[:0]
	stride := strideFor(len(y)-lag, driftSamples)
	for i := len(y) - 1; i >= lag; i -= stride {
		s.right = append(s.right, y[i]-y[i-lag])
	}
	slope := stat.Quantile(.5, stat.Empirical, s.sortedSample(s.right, driftSamples), nil) / float64(lag)
	var long, short float64
	for _, d := range s.right {
		long += square(d - slope*float64(lag))
	}
	for i := 1; i < len(y); i++ {
		short += square(y[i] - y[i-1] - slope)
	}
	short /= float64(len(y) - 1)
	variance := max(long/float64(len(s.right))/float64(lag), .02*short)
	return trend{slope, variance + 1e-12*s.spread*s.spread, len(y)}, true
}

// inverseGaussian returns the probability that a Brownian motion with this
// slope and variance a step rises by the gap within the steps.
func inverseGaussian(steps, gap, slope, variance float64) float64 {
	deviation := math.Sqrt(variance * steps)
	if !(deviation > 0) {
		if slope > 0 && slope*steps >= gap {
			return 1
		}
		return 0
	}
	phi := distuv.UnitNormal.CDF
	p := phi((slope*steps - gap) / deviation)
	// The reflected paths; far out the normal tail is φ(x)/x, or the
	// exponential would overflow.
	e, x := 2*slope*gap/variance, (gap+slope*steps)/deviation
	switch {
	case e < 600:
		p += math.Exp(e) * phi(-x)
	case x > 0:
		p += math.Exp(e-x*x/2) / (x * math.Sqrt(2*math.Pi))
	}
	if math.IsNaN(p) {
		return 0
	}
	return min(max(p, 0), 1)
}

func square(v float64) float64 { return v * v }
