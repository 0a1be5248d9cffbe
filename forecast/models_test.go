package forecast_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// says returns what the model says to the question.
func says(t *testing.T, m forecast.Model, q forecast.Question) forecast.CDF {
	t.Helper()
	s, ok := forecast.Prepare(q)
	if !ok {
		t.Fatal("not a question")
	}
	p, ok := m.FirstPassage(s)
	if !ok {
		t.Fatalf("%s says nothing", m.Name())
	}
	return p.CDF
}

// mean returns the mean of what is said of so many questions, and of the truth.
func mean(n int, ask func(r *rand.Rand) (said, truth forecast.CDF)) (said, truth forecast.CDF) {
	for i := range n {
		a, b := ask(rand.New(rand.NewPCG(uint64(i), 7)))
		for k := range a {
			said[k] += a[k] / float64(n)
			truth[k] += b[k] / float64(n)
		}
	}
	return said, truth
}

// expectNear checks a distribution against the true one.
func expectNear(t *testing.T, said, truth forecast.CDF, tolerance float64) {
	t.Helper()
	if d := distance(said, truth); !(d <= tolerance) {
		t.Errorf("off by %.3f\n said %.3f\ntruth %.3f", d, said, truth)
	}
}

// simulated returns the distribution of the first step at which a future
// reaches the limit; each call of start draws a future, a value at a time.
func simulated(r *rand.Rand, horizon int, limit float64, start func(r *rand.Rand) func() float64) (c forecast.CDF) {
	const futures = 1500
	for range futures {
		next := start(r)
		for step := 1; step <= horizon; step++ {
			if next() >= limit {
				for k := range c {
					if (k+1)*horizon >= step*len(c) {
						c[k] += 1. / futures
					}
				}
				break
			}
		}
	}
	return c
}

func TestIncrementsFollowTheReflectionPrinciple(t *testing.T) {
	for name, c := range map[string]struct {
		operator  barograph.Operator
		points    int
		gap, rise int // rise is what it takes
		tolerance float64
	}{
		"reached":                       {barograph.AtLeast, 2000, 7, 7, .03},
		"passed":                        {barograph.Above, 2000, 7, 8, .03},
		"a history of two horizons":     {barograph.AtLeast, 80, 4, 4, .06},
		"a history of hardly a horizon": {barograph.AtLeast, 50, 4, 4, .1},
	} {
		t.Run(name, func(t *testing.T) {
			truth := reflected(40, c.rise)
			said, _ := mean(60+8000/c.points, func(r *rand.Rand) (said, _ forecast.CDF) {
				level := 0.0
				values := generate(c.points, func(int) float64 { level += float64(2*r.IntN(2) - 1); return level })
				q := question(values, level+float64(c.gap), 40)
				q.Operator = c.operator
				return says(t, forecast.Increments{}, q), truth
			})
			expectNear(t, said, truth, c.tolerance)
		})
	}
}

// reflected returns when a walk of steps up or down by one first rises by so
// much: P(S ≥ rise) + P(S > rise), S being the sum of the steps.
func reflected(horizon, rise int) (c forecast.CDF) {
	for k := range c {
		n := horizon / len(c) * (k + 1)
		for up := range n + 1 {
			p := math.Exp(lnChoose(n, up) - float64(n)*math.Ln2)
			if sum := 2*up - n; sum == rise {
				c[k] += p
			} else if sum > rise {
				c[k] += 2 * p
			}
		}
	}
	return c
}

func lnChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// moods is a series of two moods, each of 40 steps: around 0 nothing ever
// happens, around 10 every fifth step is higher by 5. It ends in the middle of
// one of them.
func moods(lively bool) []float64 {
	r, n, last := rand.New(rand.NewPCG(3, 3)), 1620, 0.0
	if lively {
		n, last = 1580, 10
	}
	values := generate(n, func(i int) float64 {
		switch {
		case i/40%2 == 0:
			return .1 * r.NormFloat64()
		case i%5 == 4:
			return 15 + .1*r.NormFloat64()
		}
		return 10 + .1*r.NormFloat64()
	})
	values[n-1] = last
	return values
}

func TestAnaloguesAskTheirLikes(t *testing.T) {
	for name, c := range map[string]struct {
		lively      bool
		limit       float64
		least, most float64
	}{
		"calm mood":   {false, 4, 0, .25}, // the mood may change
		"lively mood": {true, 14, .75, 1},
	} {
		q := question(moods(c.lively), c.limit, 8)
		if p := says(t, forecast.Analogues{}, q)[barograph.CDFPoints-1]; p < c.least || p > c.most {
			t.Errorf("%s: %.3f, want %v to %v", name, p, c.least, c.most)
		}
		if p := says(t, forecast.Increments{}, q)[barograph.CDFPoints-1]; p < .3 || p > .7 {
			t.Errorf("%s: all moments say %.3f: then nothing depends on their likeness", name, p)
		}
	}
}

func TestSelectNearestIsTheFrontOfTheSort(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		checkSelection(t, r.Uint64(), uint16(r.IntN(200)), uint16(r.IntN(200)), uint8(r.IntN(6)))
	}
}

func FuzzSelectNearest(f *testing.F) {
	f.Add(uint64(1), uint16(0), uint16(0), uint8(0))
	f.Add(uint64(2), uint16(1000), uint16(120), uint8(1))
	f.Add(uint64(3), uint16(31), uint16(31), uint8(5))
	f.Fuzz(checkSelection)
}

// checkSelection compares the selection with a full sort: different is how many
// different distances there are, 0 for no two the same.
func checkSelection(t *testing.T, seed uint64, size, n uint16, different uint8) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	distances := generate(int(size)%2000, func(int) float64 {
		if different > 0 {
			return float64(r.IntN(int(different)))
		}
		return r.ExpFloat64()
	})
	most := min(int(n), len(distances))
	sorted := make([]int, len(distances))
	for i := range sorted {
		sorted[i] = i
	}
	slices.SortFunc(sorted, func(a, b int) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), b-a)
	})
	got := forecast.SelectNearest(distances, most)[:most]
	want := sorted[:most]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("the %d nearest of %v: %v, want %v", most, distances, got, want)
	}
}

// spikes is a month of hours with a spike of 10 at noon, seen from six o'clock,
// when all is higher than on other days by lifted.
func spikes(lifted float64) []float64 {
	r := rand.New(rand.NewPCG(6, 6))
	values := generate(30*24+7, func(i int) float64 {
		if i%24 == 12 {
			return 10 + .2*r.Float64()
		}
		return .2 * r.Float64()
	})
	values[len(values)-1] += lifted
	return values
}

func TestPhaseKnowsTheHour(t *testing.T) {
	for name, c := range map[string]struct {
		lifted, limit float64
		rise, levels  bool
	}{
		"as on other days":                       {0, 8, true, true},
		"higher than any day was":                {0, 11, false, false},
		"as far above as on other days":          {4, 13, true, false},
		"nearer than the spike, but never there": {2, 11, true, false},
		"where the spike was, though farther":    {-2.5, 9.9, false, true},
	} {
		q := question(spikes(c.lifted), c.limit, 20)
		for model, reached := range map[forecast.Phase]bool{{}: c.rise, {Levels: true}: c.levels} {
			said := says(t, model, q)
			if said[4] > .05 { // noon is six hours away
				t.Errorf("%s: %s says %.3f for five hours", name, model.Name(), said[4])
			}
			if p := said[5]; reached && p < .95 || !reached && p > .05 {
				t.Errorf("%s: %s says %.3f for six hours, want %v", name, model.Name(), p, reached)
			}
		}
	}
}

// autoregressive returns the next values of a process after those given; the
// coefficients are those of the values one, two, … steps before.
func autoregressive(r *rand.Rand, before []float64, coefficients map[int]float64) func() float64 {
	longest := 0
	for lag := range coefficients {
		longest = max(longest, lag)
	}
	values := slices.Clone(before[max(0, len(before)-longest):])
	return func() float64 {
		v := r.NormFloat64()
		for lag, c := range coefficients {
			if lag <= len(values) {
				v += c * values[len(values)-lag]
			}
		}
		values = append(values, v)
		return v
	}
}

// autoregressiveQuestion returns a question about such a process, and the truth.
func autoregressiveQuestion(r *rand.Rand, coefficients map[int]float64, last, above float64, horizon int) (forecast.Question, forecast.CDF) {
	next := autoregressive(r, nil, coefficients)
	values := generate(1500, func(int) float64 { return next() })
	if !math.IsNaN(last) {
		values[len(values)-1] = last
	}
	limit := values[len(values)-1] + above
	return question(values, limit, horizon), simulated(r, horizon, limit, func(r *rand.Rand) func() float64 {
		return autoregressive(r, values, coefficients)
	})
}

func TestReversionComesBackFromASpike(t *testing.T) {
	ask := func(m forecast.Model) (said, truth forecast.CDF) {
		return mean(25, func(r *rand.Rand) (said, truth forecast.CDF) {
			q, truth := autoregressiveQuestion(r, map[int]float64{1: .8}, 4, .2, 20)
			return says(t, m, q), truth
		})
	}
	// The pace of the return is estimated from a few horizons and comes out a bit
	// too fast.
	said, truth := ask(forecast.Reversion{})
	expectNear(t, said, truth, .08)
	if all, _ := ask(forecast.Increments{}); distance(all, truth) < .3 {
		t.Errorf("increments are right too: this shows nothing\n said %.3f\ntruth %.3f", all, truth)
	}
}

func TestAutoregressionKnowsItsProcess(t *testing.T) {
	for name, c := range map[string]struct {
		coefficients map[int]float64
		season       int
		above        float64
	}{
		"of order two":         {map[int]float64{1: 1.2, 2: -.5}, 0, 2},
		"of order one":         {map[int]float64{1: .8}, 0, 1},
		"with a daily pattern": {map[int]float64{1: .5, 24: .9, 25: -.45}, 24, 2},
	} {
		t.Run(name, func(t *testing.T) {
			missed := 0.0
			said, truth := mean(25, func(r *rand.Rand) (said, truth forecast.CDF) {
				q, truth := autoregressiveQuestion(r, c.coefficients, math.NaN(), c.above, 20)
				if s, _ := forecast.Prepare(q); s.Season() != c.season {
					t.Fatalf("season of %d steps, want %d", s.Season(), c.season)
				}
				said = says(t, forecast.Autoregression{}, q)
				missed += distance(said, truth) / 25
				return said, truth
			})
			expectNear(t, said, truth, .05)
			if missed > .12 {
				t.Errorf("off by %.3f in the mean", missed)
			}
		})
	}
}

func TestExceedancesOfIndependentValues(t *testing.T) {
	const horizon = 60
	for _, p := range []float64{.003, .01, .05, .2} {
		var truth forecast.CDF
		for k := range truth {
			truth[k] = 1 - math.Pow(1-p, float64((k+1)*horizon/len(truth)))
		}
		said, _ := mean(40, func(r *rand.Rand) (said, _ forecast.CDF) {
			values := generate(2000, func(int) float64 { return r.NormFloat64() })
			values[len(values)-1] = 0
			return says(t, forecast.Exceedances{}, question(values, math.Sqrt2*math.Erfinv(1-2*p), horizon)), truth
		})
		expectNear(t, said, truth, .06)
	}
}

func TestInverseGaussianIsTheIntegralOfItsDensity(t *testing.T) {
	for _, c := range []struct{ gap, slope, variance float64 }{
		{1, .1, .04},
		{1, 0, .2},
		{1, -.05, .3},
		{3, .5, 4},
		{1, .1, .001},
		{1, .1, .0002},  // where exp(2·slope·gap/variance) is beyond float64
		{1, .1, .00001}, // all but certain
	} {
		const cells = 4000 // a step
		sum := 0.0
		for i := range 40 * cells {
			at := (float64(i) + .5) / cells
			off := c.gap - c.slope*at
			sum += c.gap / math.Sqrt(2*math.Pi*c.variance*at*at*at) * math.Exp(-off*off/(2*c.variance*at)) / cells
			if (i+1)%(5*cells/2) != 0 {
				continue
			}
			steps := float64(i+1) / cells
			if got := forecast.InverseGaussian(steps, c.gap, c.slope, c.variance); math.Abs(got-sum) > 1e-4 {
				t.Errorf("%+v: %.5f within %.1f steps, want %.5f", c, got, steps, sum)
			}
		}
	}
}

func TestDriftIsInverseGaussian(t *testing.T) {
	const horizon, gap, slope = 60, 30.0, 1.0
	var truth forecast.CDF
	for k := range truth {
		truth[k] = forecast.InverseGaussian(float64((k+1)*horizon)/float64(len(truth)), gap, slope, 1)
	}
	said, _ := mean(60, func(r *rand.Rand) (said, _ forecast.CDF) {
		level := 0.0
		values := generate(1000, func(int) float64 { level += slope + r.NormFloat64(); return level })
		return says(t, forecast.Drift{}, question(values, level+gap, horizon)), truth
	})
	expectNear(t, said, truth, .05)

	said = says(t, forecast.Drift{}, question(generate(500, func(i int) float64 { return float64(i) }), 529, 60))
	for k, f := range said { // 30 steps to go
		if at := 3 * (k + 1); at < 30 && f > .01 || at > 30 && f < .99 {
			t.Errorf("exact line: %.3f within %d steps", f, at)
		}
	}
}

// risingTeeth is a saw-tooth of 120 steps from 20 on whose peaks rise by so much
// from tooth to tooth, seen from a quarter of the 17th on.
func risingTeeth(by float64) []float64 {
	return generate(16*120+30, func(i int) float64 {
		peak := 60 + by*float64(i/120)
		return 20 + (peak-20)*float64(i%120)/119
	})
}

func TestRenewalRaisesThePeaks(t *testing.T) {
	const horizon = 120
	for name, c := range map[string]struct {
		rise, limit float64
		crosses     int // after how many steps; 0: not
	}{
		"peaks of the same height, reached":     {0, 59, 86},
		"peaks of the same height, not reached": {0, 61, 0},
		"peaks that rise, reached now":          {1, 75.7, 90},
		"peaks that rise, not yet reached":      {1, 77.5, 0},
	} {
		said := says(t, forecast.Renewal{}, question(risingTeeth(c.rise), c.limit, horizon))
		for k, f := range said {
			switch at := (k + 1) * horizon / len(said); {
			case (c.crosses == 0 || at < c.crosses-6) && f > .1:
				t.Errorf("%s: %.3f within %d steps, want none before %d", name, f, at, c.crosses)
			case c.crosses > 0 && at > c.crosses+6 && f < .9:
				t.Errorf("%s: %.3f within %d steps, want it after %d", name, f, at, c.crosses)
			}
		}
	}
}
