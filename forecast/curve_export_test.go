package forecast

import "math"

// CurveProjection is what a model of the curve forecasts from the moments that a
// curve looks at.
type CurveProjection struct {
	Project func() bool // fills Paths
	Origins []int
	Paths   [][]float64
	Unit    float64 // of the paths
}

// CurveProjections returns those of all models by name.
func CurveProjections(q Question) map[string]CurveProjection {
	projections := make(map[string]CurveProjection)
	c, ok := newCourse(q)
	if !ok {
		return projections
	}
	t := &trial{course: c}
	t.chooseOrigins()
	for _, m := range curveModels() {
		paths := t.newPaths()
		projections[m.name()] = CurveProjection{
			Project: func() bool { return m.project(c, t.origins, paths) },
			Origins: t.origins, Paths: paths, Unit: math.Ldexp(1, c.scale),
		}
	}
	return projections
}

// CurveShifts returns where level shifts are seen, newest first.
func CurveShifts(q Question) []int {
	c := &course{}
	c.load(q.Values)
	c.findSeasons(stepOf(q))
	var found []int
	for _, s := range c.findShifts() {
		found = append(found, s.at)
	}
	return found
}
