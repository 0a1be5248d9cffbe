package forecast_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// Tolerances of what is true of answers up to rounding and to what an engine
// that looks at other windows may differ by.
const (
	nearerTolerance = .02
	longerTolerance = .2
	unitTolerance   = .02 // another unit or zero point
)

// many asks that many times as many questions: the more, the rarer the
// violations that are found.
var many = flag.Int("questions", 1, "how many times as many random questions the property tests ask")

// process draws series of one kind, with room for any future.
type process struct {
	name string
	draw func(r *rand.Rand, n int) []float64
}

// drawn returns a process whose values follow from a function that is made for
// each series.
func drawn(name string, start func(r *rand.Rand) func(i int) float64) process {
	return process{name, func(r *rand.Rand, n int) []float64 {
		next, values := start(r), make([]float64, n)
		for i := range values {
			values[i] = next(i)
		}
		return values
	}}
}

// walk, rampWithNoise and poisson are processes whose future is known.
func walk() process {
	return drawn("random walk", func(r *rand.Rand) func(int) float64 {
		level := 0.0
		return func(int) float64 { level += r.NormFloat64(); return level }
	})
}

func rampWithNoise() process {
	return drawn("ramp with noise", func(r *rand.Rand) func(int) float64 {
		slope, noise := .02+.1*r.Float64(), .1+.5*r.Float64()
		return func(i int) float64 { return slope*float64(i) + noise*r.NormFloat64() }
	})
}

func poisson() process {
	return drawn("Poisson spikes", func(r *rand.Rand) func(int) float64 {
		rate := .004 + .05*r.Float64()
		return func(int) float64 {
			if r.Float64() < rate {
				return 1 + r.ExpFloat64()
			}
			return .1 * r.Float64()
		}
	})
}

// processes are the kinds of series that monitoring knows.
func processes() []process {
	return []process{
		walk(), rampWithNoise(), poisson(),
		drawn("straight ramp", func(r *rand.Rand) func(int) float64 {
			slope := r.NormFloat64()
			return func(i int) float64 { return slope * float64(i) }
		}),
		drawn("daily wave", func(r *rand.Rand) func(int) float64 {
			height, noise := 1+5*r.Float64(), r.Float64()
			return func(i int) float64 { return 50 + height*math.Sin(2*math.Pi*float64(i)/24) + noise*r.NormFloat64() }
		}),
		drawn("autoregression", func(r *rand.Rand) func(int) float64 {
			level := 0.0
			return func(int) float64 { level = .9*level + r.NormFloat64(); return level }
		}),
		drawn("counter", func(r *rand.Rand) func(int) float64 {
			count, rate := 0.0, r.Float64()
			return func(int) float64 {
				if r.IntN(400) == 0 {
					count = 0
				}
				count += math.Floor(rate + 2*r.Float64())
				return count
			}
		}),
		drawn("saw-tooth", func(r *rand.Rand) func(int) float64 {
			period, height := 20+r.IntN(150), 10+20*r.Float64()
			return func(i int) float64 { return 60 + height*float64(i%period)/float64(period) + .1*r.NormFloat64() }
		}),
		drawn("steps", func(r *rand.Rand) func(int) float64 {
			level := 20.0
			return func(int) float64 {
				if r.IntN(200) == 0 {
					level = 10 + 30*r.Float64()
				}
				return level + .5*r.NormFloat64()
			}
		}),
		drawn("small counts", func(r *rand.Rand) func(int) float64 {
			return func(int) float64 { return float64(max(0, r.IntN(8)-4)) }
		}),
		drawn("share", func(r *rand.Rand) func(int) float64 {
			level := .5
			return func(int) float64 { level = min(max(level+.02*r.NormFloat64(), 0), 1); return level }
		}),
		drawn("bursts", func(r *rand.Rand) func(int) float64 {
			return func(int) float64 { return math.Exp(1.5 * r.NormFloat64()) }
		}),
		drawn("walk with gaps", func(r *rand.Rand) func(int) float64 {
			level := 0.0
			return func(i int) float64 {
				level += r.NormFloat64()
				if i%300 < 40 || r.IntN(9) == 0 {
					return math.NaN()
				}
				return level
			}
		}),
	}
}

// ask returns a question about a series of the process. The limit lies above
// the last value, by up to what the series moved in a few horizons.
func (p process) ask(r *rand.Rand) forecast.Question {
	steps := [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour}
	q := forecast.Question{
		Values: p.draw(r, 40+r.IntN(2400)), Step: steps[r.IntN(len(steps))], Start: time.Unix(int64(r.IntN(1<<30)), 0),
		Operator: barograph.AtLeast, Horizon: 12 + r.IntN(277),
	}
	last := newestKnown(q.Values)
	least, most := last, last
	for _, v := range q.Values[max(0, len(q.Values)-4*q.Horizon):] {
		if !math.IsNaN(v) {
			least, most = min(least, v), max(most, v)
		}
	}
	q.Limit = last + (.02+1.2*r.Float64())*(most-least) + 1e-6
	return q
}

func newestKnown(values []float64) float64 {
	for _, v := range slices.Backward(values) {
		if !math.IsNaN(v) {
			return v
		}
	}
	return math.NaN()
}

// forEachQuestion asks about several series of every kind.
func forEachQuestion(t *testing.T, each int, check func(t *testing.T, r *rand.Rand, q forecast.Question)) {
	t.Helper()
	for k, p := range processes() {
		t.Run(p.name, func(t *testing.T) {
			for i := range each * *many {
				r := rand.New(rand.NewPCG(uint64(k), uint64(i)))
				check(t, r, p.ask(r))
			}
		})
	}
}

// wantSound fails the test if the answer is not one.
func wantSound(t *testing.T, q forecast.Question, a forecast.Answer) {
	t.Helper()
	before := 0.0
	for k, f := range a.CDF {
		if !(f >= before && f <= forecast.CeilingProbability) {
			t.Fatalf("CDF[%d] = %v after %v", k, f, before)
		}
		before = f
	}
	switch {
	case a.Reason == "" || strings.Contains(a.Reason, "NaN") && !math.IsNaN(q.Limit) || strings.Contains(a.Reason, "Inf") && !math.IsInf(q.Limit, 0):
		t.Errorf("state %s with reason %q", a.State, a.Reason)
	case math.IsNaN(a.Value) || math.IsInf(a.Value, 0):
		t.Errorf("value %v", a.Value)
	case a.State != barograph.StateForecast:
		if a.Probability != 0 || a.ETA != (forecast.Quantiles{}) {
			t.Errorf("refusal %s with probability %v, eta %+v", a.State, a.Probability, a.ETA)
		}
	case a.Probability != before || a.Probability < forecast.FloorProbability:
		t.Errorf("probability %v with CDF %v", a.Probability, a.CDF)
	case !(0 < a.ETA.P10 && a.ETA.P10 <= a.ETA.P50 && a.ETA.P50 <= a.ETA.P90 && a.ETA.P90 <= float64(q.Horizon)):
		t.Errorf("eta %+v within %d steps", a.ETA, q.Horizon)
	}
}

// likelihood returns the distribution that an answer rests on; a crossed limit
// is certain.
func likelihood(a forecast.Answer) forecast.CDF {
	if a.State == barograph.StateAlreadyBreached {
		var c forecast.CDF
		for k := range c {
			c[k] = 1
		}
		return c
	}
	return a.CDF
}

// knowsNothing reports whether the state says that there is nothing to go by:
// such an answer can't be compared with another.
func knowsNothing(a forecast.Answer) bool {
	return a.State == barograph.StateInsufficientData || a.State == barograph.StateStale
}

func farthest(a, b forecast.CDF) float64 {
	most := 0.0
	for k := range a {
		most = max(most, math.Abs(a[k]-b[k]))
	}
	return most
}

func TestPropertyDistribution(t *testing.T) {
	e := forecast.NewEngine()
	forEachQuestion(t, 30, func(t *testing.T, _ *rand.Rand, q forecast.Question) {
		t.Helper()
		wantSound(t, q, e.Answer(q))
	})
}

// TestPropertyUnit asks in other units and from other zero points.
func TestPropertyUnit(t *testing.T) {
	e := forecast.NewEngine()
	forEachQuestion(t, 15, func(t *testing.T, r *rand.Rand, q forecast.Question) {
		t.Helper()
		want := e.Answer(q)
		for _, c := range []struct{ scale, shift float64 }{{1024, 0}, {1e-3, 0}, {8 * 3.7e9, 0}, {1, 100}, {1, -5000}, {60, 32 * r.Float64()}} {
			moved := q
			moved.Values = slices.Clone(q.Values)
			for i := range moved.Values {
				moved.Values[i] = c.scale*moved.Values[i] + c.shift
			}
			moved.Limit = c.scale*q.Limit + c.shift
			got := e.Answer(moved)
			if d := farthest(got.CDF, want.CDF); d > unitTolerance {
				t.Errorf("times %v plus %v: off by %.3f: %s %.3f, want %s %.3f", c.scale, c.shift, d, got.State, got.Probability, want.State, want.Probability)
			}
		}
	})
}

// TestPropertyMirror turns the question upside down.
func TestPropertyMirror(t *testing.T) {
	e := forecast.NewEngine()
	opposite := map[barograph.Operator]barograph.Operator{barograph.AtLeast: barograph.AtMost, barograph.Above: barograph.Below}
	forEachQuestion(t, 12, func(t *testing.T, _ *rand.Rand, q forecast.Question) {
		t.Helper()
		for _, operator := range []barograph.Operator{barograph.AtLeast, barograph.Above} {
			q.Operator = operator
			mirrored := q
			mirrored.Values = slices.Clone(q.Values)
			for i := range mirrored.Values {
				mirrored.Values[i] = -mirrored.Values[i]
			}
			mirrored.Limit, mirrored.Operator = -q.Limit, opposite[operator]
			want, got := e.Answer(q), e.Answer(mirrored)
			if got.CDF != want.CDF || got.ETA != want.ETA || got.State != want.State || got.Value != -want.Value {
				t.Errorf("%s: %s %.4f %+v, mirrored %s %.4f %+v", operator, want.State, want.Probability, want.ETA, got.State, got.Probability, got.ETA)
			}
		}
	})
}

// TestPropertyNearerLimit brings the limit nearer step by step.
func TestPropertyNearerLimit(t *testing.T) {
	e := forecast.NewEngine()
	worst := 0.0
	forEachQuestion(t, 8, func(t *testing.T, _ *rand.Rand, q forecast.Question) {
		t.Helper()
		last := newestKnown(q.Values)
		before := forecast.CDF{}
		for step := 16; step >= 0; step-- {
			near := q
			near.Limit = last + (q.Limit-last)*float64(step)/6
			a := e.Answer(near)
			if knowsNothing(a) {
				return
			}
			got := likelihood(a)
			for k := range got {
				loss := before[k] - got[k]
				if worst = max(worst, loss); loss > nearerTolerance {
					t.Errorf("limit %v, %d steps: CDF[%d] = %.4f (%s), farther off it was %.4f", near.Limit, q.Horizon, k, got[k], a.State, before[k])
					return
				}
			}
			before = got
		}
	})
	t.Logf("worst loss: %.2g", worst)
}

// TestPropertyLongerHorizon looks farther and farther ahead.
func TestPropertyLongerHorizon(t *testing.T) {
	e := forecast.NewEngine()
	for k, p := range processes() {
		worst, told := 0.0, ""
		for i := range 16 * *many {
			q := p.ask(rand.New(rand.NewPCG(uint64(k), uint64(i))))
			highest, at := 0.0, 0
			for _, percent := range []int{25, 50, 75, 90, 100, 110, 150, 200, 300} {
				long := q
				long.Horizon = max(1, q.Horizon*percent/100)
				a := e.Answer(long)
				if knowsNothing(a) {
					break
				}
				f := likelihood(a)[barograph.CDFPoints-1]
				if highest-f > worst {
					worst = highest - f
					told = fmt.Sprintf("series %d: %d of %d points: within %d steps %.3f, within %d steps %.3f (%s)",
						i, a.Points, len(q.Values), at, highest, long.Horizon, f, a.State)
				}
				if f > highest {
					highest, at = f, long.Horizon
				}
			}
		}
		t.Logf("%s: worst loss %.3f", p.name, worst)
		if worst > longerTolerance {
			t.Errorf("%s: a longer horizon is less probable by %.3f: %s", p.name, worst, told)
		}
	}
}

// TestPropertySameAnswer asks the same again: of the same engine, of another
// one, and of one that many ask at once.
func TestPropertySameAnswer(t *testing.T) {
	var questions []forecast.Question
	for k, p := range processes() {
		for i := range 6 {
			questions = append(questions, p.ask(rand.New(rand.NewPCG(uint64(k), uint64(100+i)))))
		}
	}
	shared := forecast.NewEngine()
	want := make([]forecast.Answer, len(questions))
	for i, q := range questions {
		want[i] = forecast.NewEngine().Answer(q)
	}
	var askers sync.WaitGroup
	for asker := range 4 {
		askers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(asker), 1))
			for _, i := range r.Perm(len(questions)) {
				if diff := cmp.Diff(want[i], shared.Answer(questions[i])); diff != "" {
					t.Errorf("question %d: another answer:\n%s", i, diff)
					return
				}
			}
		})
	}
	askers.Wait()
}

// TestPropertyQuestionIsLeftAlone makes sure that an answer changes nothing of
// what it was asked with.
func TestPropertyQuestionIsLeftAlone(t *testing.T) {
	e := forecast.NewEngine()
	forEachQuestion(t, 5, func(t *testing.T, _ *rand.Rand, q forecast.Question) {
		t.Helper()
		before := slices.Clone(q.Values)
		e.Answer(q)
		if !slices.EqualFunc(before, q.Values, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Error("the values were changed")
		}
	})
}

// TestPropertyNulls makes values unknown: what stands for null does not matter,
// and no null is ever above a limit.
func TestPropertyNulls(t *testing.T) {
	e := forecast.NewEngine()
	nulls := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1)}
	forEachQuestion(t, 15, func(t *testing.T, r *rand.Rand, q forecast.Question) {
		t.Helper()
		values, others := slices.Clone(q.Values), slices.Clone(q.Values)
		for i := range len(values) - 1 {
			if r.IntN(4) == 0 || math.IsNaN(values[i]) {
				values[i], others[i] = math.NaN(), nulls[r.IntN(len(nulls))]
			}
		}
		q.Values = values
		want := e.Answer(q)
		q.Values = others
		if diff := cmp.Diff(want, e.Answer(q)); diff != "" {
			t.Errorf("infinite values are not nulls:\n%s", diff)
		}
		q.Values = slices.Concat([]float64{math.NaN(), math.Inf(1), math.NaN()}, values)
		q.Start = q.Start.Add(-3 * q.Step)
		if len(q.Values) < 2000 {
			if diff := cmp.Diff(want, e.Answer(q)); diff != "" {
				t.Errorf("nulls before the first value changed the answer:\n%s", diff)
			}
		}
		far := q
		known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
		far.Limit = slices.Max(known) + 20*(slices.Max(known)-slices.Min(known))
		far.Values = known
		least := e.Answer(far).CDF[barograph.CDFPoints-1]
		far.Values = values
		if got := e.Answer(far).CDF[barograph.CDFPoints-1]; got > least+.15 { // fewer points, less certainty
			t.Errorf("far above all values, with nulls: %.3f, without them %.3f", got, least)
		}
	})
}

// TestPropertyOldHistory puts more before a long history.
func TestPropertyOldHistory(t *testing.T) {
	const farBack = 4100 // points, twice what is kept
	e := forecast.NewEngine()
	for k, p := range processes() {
		for i := range 4 {
			r := rand.New(rand.NewPCG(uint64(k), uint64(i)))
			q := p.ask(r)
			q.Values = p.draw(r, farBack)
			q.Limit = newestKnown(q.Values) + r.ExpFloat64()
			want := e.Answer(q)
			old := make([]float64, 1+r.IntN(900))
			for j := range old {
				old[j] = [...]float64{1e9, -1e9, math.NaN(), 0}[r.IntN(4)]
			}
			q.Values = slices.Concat(old, q.Values)
			q.Start = q.Start.Add(-time.Duration(len(old)) * q.Step)
			if diff := cmp.Diff(want, e.Answer(q)); diff != "" {
				t.Errorf("%s: %d points before the last %d changed the answer:\n%s", p.name, len(old), farBack, diff)
			}
		}
	}
}

// outcome is an answer and what came after it.
type outcome struct {
	answer forecast.Answer
	hit    bool
	when   float64 // steps
	inside bool    // the announced range
}

// liveThrough asks about series whose future is known to the test.
func liveThrough(p process, questions, horizon int, limit func(r *rand.Rand, values []float64) float64) []outcome {
	e := forecast.NewEngine()
	var all []outcome
	for i := range questions * *many {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		known := 300 + r.IntN(700)
		values := p.draw(r, known+horizon)
		q := forecast.Question{
			Values: values[:known], Step: 15 * time.Minute, Operator: barograph.AtLeast, Horizon: horizon, Limit: limit(r, values[:known]),
		}
		a := e.Answer(q)
		if a.State == barograph.StateAlreadyBreached || knowsNothing(a) {
			continue
		}
		o := outcome{answer: a}
		for step, v := range values[known:] {
			if v >= q.Limit {
				// It crossed some time within that step.
				o.hit, o.when = true, float64(step)+r.Float64()
				break
			}
		}
		o.inside = o.hit && a.ETA.P10 <= o.when && o.when <= a.ETA.P90
		all = append(all, o)
	}
	return all
}

// score returns the share of crossings inside the announced range and the
// expected calibration error in ten classes of probability.
func score(all []outcome) (coverage, calibration float64, hits int) {
	var n, said, was [10]float64
	announced, inside := 0., 0.
	for _, o := range all {
		f := o.answer.CDF[barograph.CDFPoints-1]
		k := min(9, int(10*f))
		n[k]++
		said[k] += f
		if o.hit {
			hits++
			was[k]++
		}
		if o.hit && o.answer.State == barograph.StateForecast {
			announced++
			if o.inside {
				inside++
			}
		}
	}
	for k := range n {
		calibration += math.Abs(said[k]-was[k]) / float64(len(all))
	}
	return inside / announced, calibration, hits
}

// TestCalibrationWhereTruthIsKnown asks about processes of which the test knows
// the law.
func TestCalibrationWhereTruthIsKnown(t *testing.T) {
	const horizon, questions = 96, 800
	for _, c := range []struct {
		process process
		limit   func(r *rand.Rand, values []float64) float64
	}{
		{walk(), func(r *rand.Rand, values []float64) float64 {
			return values[len(values)-1] + math.Sqrt(horizon)*(.2+2*r.Float64())
		}},
		{rampWithNoise(), func(r *rand.Rand, values []float64) float64 {
			n := len(values)
			pace := (values[n-1] - values[0]) / float64(n-1)
			return values[n-1] + pace*horizon*(.2+1.2*r.Float64())
		}},
		{poisson(), func(r *rand.Rand, _ []float64) float64 { return 1 + 2*r.Float64() }},
	} {
		t.Run(c.process.name, func(t *testing.T) {
			all := liveThrough(c.process, questions, horizon, c.limit)
			coverage, calibration, hits := score(all)
			t.Logf("%d questions, %d crossings: the 80 %% range holds %.3f, calibration error %.3f", len(all), hits, coverage, calibration)
			if !(coverage >= .7 && coverage <= .92) {
				t.Errorf("the announced 80 %% range holds %.3f of the crossings, want .7 to .92", coverage)
			}
			if !(calibration <= .08) {
				t.Errorf("expected calibration error %.3f, want at most .08", calibration)
			}
		})
	}
}

// TestWalkFollowsTheReflectionPrinciple compares the mean probability for a
// random walk with its law: twice the chance to end beyond the limit, which is
// Siegmund's .5826 steps' deviations farther off for a walk in discrete time
// (Corrected diffusion approximations, Advances in Applied Probability 11, 1979).
func TestWalkFollowsTheReflectionPrinciple(t *testing.T) {
	const horizon = 96
	for _, gap := range []float64{3, 8, 15} {
		all := liveThrough(walk(), 250, horizon, func(_ *rand.Rand, values []float64) float64 { return values[len(values)-1] + gap })
		mean := 0.
		for _, o := range all {
			mean += o.answer.CDF[barograph.CDFPoints-1] / float64(len(all))
		}
		law := math.Erfc((gap + .5826) / math.Sqrt(2*horizon))
		t.Logf("%v away: mean probability %.3f, by the law %.3f", gap, mean, law)
		if math.Abs(mean-law) > .06 {
			t.Errorf("%v away: mean probability %.3f, by the law %.3f", gap, mean, law)
		}
	}
}

// FuzzQuestion asks anything: values of any bits, on any grid, with any bounds.
func FuzzQuestion(f *testing.F) {
	number := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		return data
	}
	f.Add([]byte(nil), uint16(0), uint8(0), 1.0, 24, int64(time.Hour), int64(0), 0.0, 1.0)
	f.Add(number(1, 2, 3), uint16(500), uint8(1), 10.0, 96, int64(time.Minute), int64(1e18), -1.0, 11.0)
	f.Add(number(0, 0, 0, 1), uint16(5000), uint8(2), -1.0, 288, int64(15*time.Minute), int64(-1), 0.0, math.Inf(1))
	f.Add(number(1e300, -1e300, math.NaN(), math.Inf(-1)), uint16(2017), uint8(0x1b), 1e300, 12, int64(-7), int64(math.MinInt64), math.NaN(), 5.0)
	f.Add(number(math.SmallestNonzeroFloat64, math.MaxFloat64), uint16(4032), uint8(0xff), -math.MaxFloat64, math.MaxInt, int64(math.MaxInt64), int64(math.MaxInt64), 1e308, -1e308)
	f.Add(number(math.Copysign(0, -1), 0), uint16(13), uint8(0x24), 0.0, math.MinInt, int64(0), int64(5), 0.0, 0.0)
	e := forecast.NewEngine()
	f.Fuzz(func(t *testing.T, data []byte, n uint16, kind uint8, limit float64, horizon int, step, now int64, least, most float64) {
		q := forecast.Question{
			Values: anyValues(data, int(n)%5001, kind), Limit: limit, Horizon: horizon, Step: time.Duration(step),
			Operator: [...]barograph.Operator{barograph.AtLeast, barograph.Above, barograph.AtMost, barograph.Below}[kind&3],
		}
		if kind&4 != 0 {
			q.Bounds = &barograph.Bounds{Min: &least}
		}
		if kind&8 != 0 {
			q.Bounds = &barograph.Bounds{Min: &least, Max: &most}
		}
		if kind&16 != 0 {
			q.Start, q.Now = time.Unix(0, now).Add(-time.Duration(step)), time.Unix(0, now)
		}
		a := e.Answer(q)
		wantSound(t, q, a)
		if again := e.Answer(q); again.CDF != a.CDF || again.State != a.State || again.Reason != a.Reason {
			t.Errorf("the same question got %s (%s), then %s (%s)", a.State, a.Reason, again.State, again.Reason)
		}
	})
}

// anyValues makes n values of the bits of data, over and over; with a trend or
// as whole numbers if kind says so.
func anyValues(data []byte, n int, kind uint8) []float64 {
	values := make([]float64, n)
	if len(data) < 8 {
		return values
	}
	words := len(data) / 8
	for i := range values {
		v := math.Float64frombits(binary.LittleEndian.Uint64(data[i%words*8:]))
		switch {
		case kind&32 != 0:
			v += float64(i)
		case kind&64 != 0:
			v = math.Trunc(v)
		case kind&128 != 0 && i%5 == 4:
			v = math.NaN()
		}
		values[i] = v
	}
	return values
}
