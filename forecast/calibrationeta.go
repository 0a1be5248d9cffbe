package forecast

import (
	"math"
	"time"

	"github.com/barograph/barograph"
)

// etaLevels are the levels of the models' conditional distribution of the time
// at which the 10 %, 50 % and 90 % quantiles are to be found: if breaches keep
// coming after the announced late time, that is looked for farther out.
type etaLevels struct{ early, median, late float64 }

func newETALevels(seen []evidence, halfLife time.Duration) etaLevels {
	early := levelTracker{target: .1, least: .02, most: .4, halfLife: halfLife}
	median := levelTracker{target: .5, least: .2, most: .8, halfLife: halfLife}
	late := levelTracker{target: .9, least: .6, most: .98, halfLife: halfLife}
	for _, e := range seen {
		if math.IsNaN(e.place) {
			continue
		}
		for _, t := range [...]*levelTracker{&early, &median, &late} {
			t.observe(e.place, e.age)
		}
	}
	middle := median.now()
	return etaLevels{min(early.now(), middle-leastGap), middle, max(late.now(), middle+leastGap)}
}

// leastGap keeps the levels apart.
const leastGap = .05

// untouched are the levels of which nothing was learnt.
func untouched() etaLevels { return etaLevels{.1, .5, .9} }

func (l etaLevels) moved() bool { return l != untouched() }

// warp returns the level that a level of the models' distribution really has. It
// is increasing, and keeps 0 and 1.
func (l etaLevels) warp(level float64) float64 {
	if !l.moved() {
		return level
	}
	at, is := 0.0, 0.0
	for _, knot := range [...][2]float64{{l.early, .1}, {l.median, .5}, {l.late, .9}, {1, 1}} {
		if level <= knot[0] {
			return is + (knot[1]-is)*(level-at)/(knot[0]-at)
		}
		at, is = knot[0], knot[1]
	}
	return 1
}

// placeOf returns the level of the announced distribution at which the breach
// came, by its quantiles; NaN for one that was there before the prediction.
// Where two quantiles fall together, it is taken to be in the middle.
func placeOf(breach, opened time.Time, eta barograph.ETA, over time.Time) float64 {
	if !breach.After(opened) {
		return math.NaN()
	}
	at, is := opened, 0.0
	for _, knot := range [...]struct {
		at time.Time
		is float64
	}{{eta.Early, .1}, {eta.Median, .5}, {eta.Late, .9}, {over, 1}} {
		if !breach.After(knot.at) {
			if width := knot.at.Sub(at); width > 0 {
				return is + (knot.is-is)*float64(breach.Sub(at))/float64(width)
			}
			return (is + knot.is) / 2
		}
		if knot.at.After(at) {
			at = knot.at
		}
		is = knot.is
	}
	return 1
}

// Constants of the control: how far one outcome moves the level, how strongly
// what has added up pulls, and the sum, in relation to its number, that pulls
// without bound.
const (
	levelGain       = .05
	levelPull       = .05
	levelSaturation = 5
)

// levelTracker keeps one quantile where it should be by conformal PID control,
// on the probability integral transform as the score: whether the outcome lay
// below the level moves it (P, quantile tracking), and so does by how much too
// often that happened so far (I, through a saturating tangent). There is no
// forecast of the score (D).
//
// The level is then drawn to its target as far as it rests on few outcomes, old
// ones counting less.
//
// Predictions that were averted because somebody acted are missing among the
// outcomes, and breaches that come late leave more time to act: what is learnt
// is where breaches come that nobody keeps from coming.
//
// Source: Angelopoulos, Candès and Tibshirani, "Conformal PID control for time
// series prediction" (2023), equations 4 to 6.
type levelTracker struct {
	target, least, most float64
	halfLife            time.Duration

	shift float64 // the level is the target and this
	sum   float64 // of the errors
	n     float64
	age   time.Duration // of the last outcome
}

// observe takes the next outcome, which is this old now.
func (t *levelTracker) observe(place float64, age time.Duration) {
	if t.n > 0 {
		t.fade(halved(t.age-age, t.halfLife))
	}
	t.age = age
	err := -t.target
	if place <= t.level() {
		err = 1 - t.target
	}
	t.n++
	t.sum += err
	t.shift = min(max(t.shift-levelGain*err, t.least-t.target), t.most-t.target)
}

// fade lets old outcomes count less. The level stays: it follows by itself.
func (t *levelTracker) fade(left float64) { t.sum, t.n = t.sum*left, t.n*left }

func (t *levelTracker) level() float64 {
	steep := t.sum * math.Log(t.n+1) / ((t.n + 1) * levelSaturation)
	const almost = .99 * math.Pi / 2
	pull := levelPull * math.Tan(min(max(steep, -almost), almost))
	return min(max(t.target+t.shift-pull, t.least), t.most)
}

// now returns the level to use by now.
func (t *levelTracker) now() float64 {
	if t.n == 0 {
		return t.target
	}
	t.fade(halved(t.age, t.halfLife))
	return t.target + (t.level()-t.target)*t.n/(t.n+priorPredictions)
}
