package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

const (
	levelWindow = 9  // values whose median is a level
	levelReach  = 36 // values that the size of a shift is measured with, at most
	levelShifts = 3  // shifts in a history; more are its usual behaviour
	levelSharp  = .5 // of a shift, that its largest step makes at least
	levelFactor = 50 // what values are multiplied by, at most
	levelSeason = 3  // share of a season, as 1/x, after which a shift is believed
)

// levelShift is a change of the level that lasted: a route change, a clean-up.
type levelShift struct {
	at     int     // the first value after it
	by     float64 // how far it led from where the series was going
	factor float64 // what the values before it are multiplied by, 0: nothing
}

// align brings what was before the level shifts to the level after the last one,
// as if there had been none. A ramp that was set back becomes one ramp.
// Models then learn season, slope and noise from the whole history, the level from
// the part that still holds; and that past shifts were not foreseen does not count
// against them (interventions are taken out as by Chen and Liu 1993).
// It returns whether there was any.
func (c *course) align() bool {
	shifts := c.findShifts()
	for _, s := range slices.Backward(shifts) {
		if s.factor > 0 {
			floats.Scale(s.factor, c.values[:s.at])
		} else {
			floats.AddConst(s.by, c.values[:s.at])
			c.added = true
		}
	}
	c.low, c.high = floats.Min(c.values), floats.Max(c.values)
	return len(shifts) > 0
}

// findShifts returns the level shifts, newest first: where the medians of the
// values on both sides differ by much more than they do elsewhere, and a single
// step makes most of it. A few outliers don't move a median.
func (c *course) findShifts() []levelShift {
	n := len(c.values)
	if n < 4*levelWindow {
		return nil
	}
	plain := c.plain()
	rises, slope := levelRises(plain)
	size := c.shiftSize(rises)
	var shifts []levelShift
	newest := n - max(levelWindow, c.short/levelSeason)
	for i := newest - levelWindow; i >= 0; i-- {
		if math.Abs(rises[i]) <= size {
			continue
		}
		end := i + 1
		for i > 0 && rises[i-1]*rises[i] > 0 && math.Abs(rises[i-1]) > size {
			i--
		}
		at := steepest(plain, i+levelWindow, end+levelWindow, rises[i])
		if math.Abs(plain[at]-plain[at-1]) < levelSharp*size {
			continue
		}
		shifts = append(shifts, levelShift{at: at})
	}
	if len(shifts) > levelShifts {
		return nil
	}
	for j := range shifts {
		c.measure(plain, shifts, j, slope)
	}
	shifts = slices.DeleteFunc(shifts, func(s levelShift) bool { return math.Abs(s.by) < levelSharp*size })
	return c.lasting(shifts)
}

// lasting drops shifts that were taken back within a season: of such an unusual
// day nothing is left.
func (c *course) lasting(shifts []levelShift) []levelShift {
	season := max(c.short, levelReach)
	for j := len(shifts) - 1; j > 0; j-- {
		newer, older := shifts[j-1], shifts[j]
		if newer.at-older.at <= season && math.Abs(newer.by+older.by) < levelSharp*math.Abs(older.by) {
			shifts = slices.Delete(shifts, j-1, j+1)
			j--
		}
	}
	return shifts
}

// plain returns the values without their seasons. Nulls have the value before
// them, for a shift in a gap to be seen.
func (c *course) plain() []float64 {
	plain := slices.Clone(c.values)
	if m := c.short; m > 0 {
		takeSeasons(plain, m, c.long)
	}
	for i, known := range c.known {
		if !known {
			plain[i] = plain[i-1]
		}
	}
	return plain
}

// levelRises returns how much higher the level after a value is than the one
// before, more than it usually is; the first belongs to index levelWindow. The
// slope is the usual rise of a step.
func levelRises(plain []float64) (rises []float64, slope float64) {
	levels := make([]float64, len(plain)-levelWindow+1)
	var window [levelWindow]float64
	for i := range levels {
		copy(window[:], plain[i:])
		slices.Sort(window[:])
		levels[i] = window[levelWindow/2]
	}
	rises = make([]float64, len(levels)-levelWindow)
	floats.SubTo(rises, levels[levelWindow:], levels[:len(rises)])
	usual := quantileOf(rises, .5)
	floats.AddConst(-usual, rises)
	return rises, usual / levelWindow
}

// shiftSize returns how large a rise has to be to count as a shift.
func (c *course) shiftSize(rises []float64) float64 {
	sizes := make([]float64, len(rises))
	for i, v := range rises {
		sizes[i] = math.Abs(v)
	}
	spread := quantileOf(c.values, .9) - quantileOf(c.values, .1)
	return max(shiftOfUsual*quantileOf(sizes, .9), shiftOfSpread*spread)
}

// steepest returns the index before end of the largest step in the direction.
func steepest(plain []float64, from, end int, direction float64) int {
	at, most := from, math.Inf(-1)
	for i := from; i < end; i++ {
		if step := math.Copysign(1, direction) * (plain[i] - plain[i-1]); step > most {
			at, most = i, step
		}
	}
	return at
}

// measure sets the size of a shift, from as many values on both sides as there
// are up to the next shifts. Where the steps of positive values grew or shrank about as
// the level did, a factor tells the two sides apart, not a sum.
func (c *course) measure(plain []float64, shifts []levelShift, j int, slope float64) {
	s, first, end := &shifts[j], 0, len(plain)
	if j > 0 {
		end = shifts[j-1].at
	}
	if j+1 < len(shifts) {
		first = shifts[j+1].at
	}
	most := min(s.at-first, end-s.at)
	width := min(levelReach, most)
	level := quantileOf(plain[s.at:s.at+width], .5)
	before := quantileOf(plain[s.at-width:s.at], .5) + slope*float64(width)
	s.by = level - before
	if c.low <= 0 || before <= 0 || level > levelFactor*before || most < 2 {
		return
	}
	if m := c.short; m > 0 && most > m {
		most -= most % m
	}
	grown := math.Log(usualStep(c.values[s.at:s.at+most]) / usualStep(c.values[s.at-most:s.at]))
	if math.Abs(grown-math.Log(level/before)) < math.Abs(grown) {
		s.factor = level / before
	}
}

// usualStep returns the median distance of neighbours.
func usualStep(values []float64) float64 {
	steps := make([]float64, len(values)-1)
	for i := range steps {
		steps[i] = math.Abs(values[i+1] - values[i])
	}
	return quantileOf(steps, .5)
}

// quantileOf returns a quantile, the same from above as from below.
func quantileOf(values []float64, p float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	at := p * float64(n)
	return sorted[max(0, int(math.Ceil(at))-1)]/2 + sorted[min(n-1, int(at))]/2
}
