package forecast

import (
	"cmp"
	"math"
	"slices"
)

const (
	curveOrigins = 16 // past moments that the models are tried at, at most
	curvePower   = 4  // of a model's mean error, that it counts by the inverse of
	curveLeast   = 12 // values that the models are given, where there are as many to spare
	noOrigin     = -1
)

// trial is what the models forecast from moments of the past, and from now.
type trial struct {
	course  *course
	origins []int // the last one is now
	window  int   // steps after a past origin that are known and looked at
	models  []string
	paths   [][][]float64 // by model, origin and step
	errors  [][]apart     // mean errors by model and past origin
}

// apart holds something for the near half of the steps and the far one.
type apart struct{ near, far float64 }

// newTrial lets the models forecast. Those that can't are left out; the naive
// one always can.
func newTrial(c *course, models []curveModel) *trial {
	t := &trial{course: c}
	t.chooseOrigins()
	for _, m := range models {
		paths := t.newPaths()
		if !m.project(c, t.origins, paths) {
			continue
		}
		for _, path := range paths {
			for i, v := range path {
				path[i] = c.clip(v)
			}
		}
		t.models = append(t.models, m.name())
		t.paths = append(t.paths, paths)
		t.errors = append(t.errors, t.compare(paths))
	}
	return t
}

// newPaths returns a path for each origin, the one from now of all steps.
func (t *trial) newPaths() [][]float64 {
	paths := make([][]float64, len(t.origins))
	all := make([]float64, t.now()*t.window+t.course.steps)
	for k := range t.now() {
		paths[k] = all[k*t.window : (k+1)*t.window]
	}
	paths[t.now()] = all[t.now()*t.window:]
	return paths
}

// chooseOrigins sets the moments: the first after a third of the history, or half
// of a short one, the last so that its whole window is in the past, and no nearer
// to each other than needed to have enough.
func (t *trial) chooseOrigins() {
	n := len(t.course.values)
	if n > 1 {
		t.window = min(t.course.steps, max(1, n/3))
		room := n - t.window - max(n/3, min(n/2, curveLeast))
		stride := max(1, min(room/(curveOrigins-1), max(t.window/2, t.course.short)))
		for k := min(curveOrigins-1, room/stride); k >= 0; k-- {
			t.origins = append(t.origins, n-t.window-k*stride)
		}
	}
	t.origins = append(t.origins, n)
}

func (t *trial) now() int { return len(t.origins) - 1 }

// compare returns the mean errors of the paths, on the scale that models work
// on. Each half is mixed with the whole, for it is but a short look.
func (t *trial) compare(paths [][]float64) []apart {
	c, half := t.course, max(1, t.window/2)
	errors := make([]apart, t.now())
	for k := range errors {
		var sum, count apart
		for i, v := range paths[k] {
			at := t.origins[k] + i
			if !c.known[at] {
				continue
			}
			miss := math.Abs(c.enter(v) - c.work[at])
			if i < half {
				sum.near += miss
				count.near++
			} else {
				sum.far += miss
				count.far++
			}
		}
		whole := (sum.near + sum.far) / max(1, count.near+count.far)
		errors[k] = apart{
			near: whole/2 + sum.near/max(1, count.near)/2,
			far:  whole/2 + sum.far/max(1, count.far)/2,
		}
	}
	return errors
}

// weights returns how much each model counts, from its errors at all past
// origins but one.
func (t *trial) weights(without int) []apart {
	weights := make([]apart, len(t.models))
	for j, errors := range t.errors {
		for k, e := range errors {
			if k != without {
				weights[j].near += e.near
				weights[j].far += e.far
			}
		}
	}
	best := apart{math.Inf(1), math.Inf(1)}
	for _, w := range weights {
		best = apart{min(best.near, w.near), min(best.far, w.far)}
	}
	var sum apart
	for j, w := range weights {
		weights[j] = apart{inversePower(best.near, w.near), inversePower(best.far, w.far)}
		sum.near += weights[j].near
		sum.far += weights[j].far
	}
	for j := range weights {
		weights[j].near /= sum.near
		weights[j].far /= sum.far
	}
	return weights
}

// inversePower returns (best/miss)^curvePower, also where both are zero.
func inversePower(best, miss float64) float64 {
	const least = 1e-14 // values are about one, a smaller error is rounding
	return math.Pow((best+least)/(miss+least), curvePower)
}

// mean returns the weighted mean of the models' paths from an origin. The
// weights go over from near to far along the way.
func (t *trial) mean(origin int, weights []apart) []float64 {
	path := make([]float64, len(t.paths[0][origin]))
	for j, w := range weights {
		for i, v := range t.paths[j][origin] {
			far := min(1, (float64(i)+.5)/float64(max(1, t.window)))
			path[i] += v * ((1-far)*w.near + far*w.far)
		}
	}
	return path
}

// shares returns the weights of the whole way, heaviest first.
func (t *trial) shares(weights []apart) []CurveWeight {
	shares := make([]CurveWeight, len(weights))
	for j, w := range weights {
		shares[j] = CurveWeight{t.models[j], (w.near + w.far) / 2}
	}
	slices.SortStableFunc(shares, func(a, b CurveWeight) int { return cmp.Compare(b.Weight, a.Weight) })
	return shares
}
