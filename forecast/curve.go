package forecast

// DefaultCurveLevel is the level of a band that was asked for with a level that
// is none.
const DefaultCurveLevel = .95

// Curve is the expected course of a series over the horizon, with a band. All
// values are finite, and Lower ≤ Mean ≤ Upper.
type Curve struct {
	// Mean, Lower and Upper have one value for each step of the horizon, in the
	// question's unit. The first step follows the last of the question's values.
	Mean, Lower, Upper []float64
	Level              float64       // the share of outcomes that the band is to hold
	Models             []CurveWeight // heaviest first
}

// CurveWeight says how much a model counts in a curve; the weights of a curve
// add up to one.
type CurveWeight struct {
	Name   string
	Weight float64
}

// Curve returns the expected course of the question's series, with a band that
// is to hold the given share of outcomes, between zero and one. Limit and
// Operator are not looked at; ok is false if there is no horizon or no value is
// known.
//
// The course is a mean of several models. Each forecasts the series from
// moments of its own past, and counts by how near it came: by the inverse of
// the fourth power of its mean error, near and far steps apart (Bates and Granger
// 1969 weigh by the second power; a higher one is nearer to a choice). The band
// comes from the errors that this mean made at those moments, nothing else: no
// distribution is assumed. Where there is one value only, the band has no width.
//
// Where the level shifted for good, what was before is first brought to the new
// level: the curve goes on from there, and the band does not allow for further
// shifts.
//
// A series that was never negative is taken for one that can't be. The
// arithmetic costs some milliseconds: callers that ask often keep the result.
func (*Engine) Curve(q Question, level float64) (c Curve, ok bool) {
	s, ok := newCourse(q)
	if !ok {
		return Curve{}, false
	}
	if !(level > 0 && level < 1) {
		level = DefaultCurveLevel
	}
	t := newTrial(s, curveModels())
	weights := t.weights(noOrigin)
	mean := t.mean(t.now(), weights)
	width := t.band(level)
	c = Curve{Level: level, Models: t.shares(weights)}
	c.Mean, c.Lower, c.Upper = make([]float64, q.Horizon), make([]float64, q.Horizon), make([]float64, q.Horizon)
	skip := s.steps - q.Horizon
	for i := range q.Horizon {
		m, w := mean[skip+i], width[skip+i]
		c.Mean[i] = s.restore(m, q.Bounds)
		c.Lower[i] = min(c.Mean[i], s.restore(m-w, q.Bounds))
		c.Upper[i] = max(c.Mean[i], s.restore(m+w, q.Bounds))
	}
	return c, true
}

// curveModels returns the models of the curve.
func curveModels() []curveModel {
	return []curveModel{
		curveRidge{long: true},
		curveRidge{},
		curveSmoothing{},
		curveShape{},
		curveDecomposition{},
		curveTheta{},
		curveDamped{},
		curveNaive{},
		curveNaive{long: true},
	}
}

// curveModel forecasts a course.
type curveModel interface {
	name() string
	// project writes the forecast from each origin to its path. An origin is the
	// index of the first value that is not known there; origins ascend. What is
	// learnt on the way may be used again, but the path of an origin rests only
	// on what came before it (a model may choose up to five parameters once,
	// before the first origin, and once before the last). It returns false if the
	// model can't forecast the course.
	project(c *course, origins []int, paths [][]float64) bool
}
