package forecast

import (
	"math"
	"slices"
)

// phaseCounts is how many errors at average size are added to each phase of the
// season, so that a phase that was seen but a few times does not speak alone.
const phaseCounts = 4

// band returns half the width of the band at each step, from the errors that the
// mean of the models made at past origins: split conformal prediction with
// normalised errors (Papadopoulos et al. 2002; Lei et al. 2018).
//
// The errors are first divided by what is usual at their step (it does not
// shrink with the distance) and at their phase of the season, and pooled. The
// quantile of the pool then holds everywhere. At each origin the models have the
// weights that the other origins give them: or else the errors would be too
// small.
func (t *trial) band(level float64) []float64 {
	errors := t.misses()
	phases := t.phaseScales(errors)
	steps := t.stepScales(errors, phases)
	var pool []float64
	for k, path := range errors {
		for i, e := range path {
			if usual := steps[i] * phases.at(t.origins[k]+i); usual > 0 && !math.IsNaN(e) {
				pool = append(pool, e/usual)
			}
		}
	}
	reach := conformalQuantile(pool, level)
	width := make([]float64, t.course.steps)
	for i := range width {
		width[i] = reach * steps[i] * phases.at(t.origins[t.now()]+i)
	}
	return width
}

// misses returns the absolute errors of the mean by past origin and step, NaN
// where the value is not known.
func (t *trial) misses() [][]float64 {
	errors := t.newPaths()[:t.now()]
	for k, path := range errors {
		mean := t.mean(k, t.weights(k))
		for i := range path {
			at := t.origins[k] + i
			path[i] = math.NaN()
			if t.course.known[at] {
				path[i] = math.Abs(mean[i] - t.course.values[at])
			}
		}
	}
	return errors
}

// phaseScale says how large errors are at each phase of the season, compared
// with their mean.
type phaseScale []float64

func (s phaseScale) at(i int) float64 { return s[i%len(s)] }

func (t *trial) phaseScales(errors [][]float64) phaseScale {
	m := max(1, t.course.short)
	sums, counts := make([]float64, m), make([]float64, m)
	total, count := 0.0, 0.0
	for k, path := range errors {
		for i, e := range path {
			if !math.IsNaN(e) {
				phase := (t.origins[k] + i) % m
				sums[phase] += e
				counts[phase]++
				total += e
				count++
			}
		}
	}
	scales := make(phaseScale, m)
	for p := range scales {
		scales[p] = 1
		if total > 0 && m > 1 {
			before, after := (p+m-1)%m, (p+1)%m
			sum := sums[before] + sums[p] + sums[after]
			number := counts[before] + counts[p] + counts[after]
			usual := total / count
			scales[p] = math.Sqrt((sum/usual + phaseCounts) / (number + phaseCounts))
		}
	}
	return scales
}

// stepScales returns the usual error by step: means made non-decreasing, then,
// beyond what could be looked at, growing as that of a random walk would.
func (t *trial) stepScales(errors [][]float64, phases phaseScale) []float64 {
	const unseen = 1e-9 // the weight of a step that no known value was at
	scales, counts := make([]float64, t.course.steps), make([]float64, t.course.steps)
	for k, path := range errors {
		for i, e := range path {
			if !math.IsNaN(e) {
				scales[i] += e / phases.at(t.origins[k]+i)
				counts[i]++
			}
		}
	}
	seen := scales[:t.window]
	for i := range seen {
		counts[i] = max(unseen, counts[i])
		seen[i] /= counts[i]
	}
	poolViolators(seen, counts[:t.window]) // isotonic regression (Ayer et al. 1955)
	for i := t.window; i < len(scales) && t.window > 0; i++ {
		scales[i] = seen[t.window-1] * math.Sqrt(float64(i+1)/float64(t.window))
	}
	return scales
}

// conformalQuantile returns the value that the next one is at most with the
// given probability: the level·(n+1)th smallest of n, and where n is too small
// for that, the largest and in proportion more. It is 0 if there are none.
func conformalQuantile(values []float64, level float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	rank := level * float64(n+1)
	if rank >= float64(n) {
		return values[n-1] * rank / float64(n)
	}
	if rank <= 1 {
		return values[0] * rank
	}
	below := int(rank)
	return values[below-1] + (rank-float64(below))*(values[below]-values[below-1])
}
