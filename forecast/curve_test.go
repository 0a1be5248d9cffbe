package forecast_test

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// hourly is a question about a busy service: load by the hour of the day, less at
// weekends, with noise that persists a little and grows with the level.
func hourly(n, horizon int) forecast.Question {
	noise := autoregression(uint64(n), .6, .05)
	return forecast.Question{
		Values:  generate(n, func(i int) float64 { return hourlyLevel(i) * math.Exp(noise()) }),
		Step:    time.Hour,
		Horizon: horizon,
	}
}

func hourlyLevel(i int) float64 {
	level := 100 + 60*math.Sin(2*math.Pi*float64(i)/24)
	if i/24%7 >= 5 {
		level *= .6
	}
	return level
}

// autoregression returns a source of noise that keeps this share of its last
// value.
func autoregression(seed uint64, keeps, deviation float64) func() float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	v := 0.0
	return func() float64 {
		v = keeps*v + deviation*r.NormFloat64()
		return v
	}
}

func curve(t *testing.T, q forecast.Question, level float64) forecast.Curve {
	t.Helper()
	c, ok := forecast.NewEngine().Curve(q, level)
	if !ok {
		t.Fatal("no curve")
	}
	wellFormed(t, q, c)
	return c
}

func wellFormed(t *testing.T, q forecast.Question, c forecast.Curve) {
	t.Helper()
	if len(c.Mean) != q.Horizon || len(c.Lower) != q.Horizon || len(c.Upper) != q.Horizon {
		t.Fatalf("%d, %d and %d steps, want %d", len(c.Mean), len(c.Lower), len(c.Upper), q.Horizon)
	}
	for i := range c.Mean {
		for _, v := range []float64{c.Lower[i], c.Mean[i], c.Upper[i]} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("step %d: %v, %v, %v", i, c.Lower[i], c.Mean[i], c.Upper[i])
			}
		}
		if !(c.Lower[i] <= c.Mean[i] && c.Mean[i] <= c.Upper[i]) {
			t.Fatalf("step %d: %v, %v, %v out of order", i, c.Lower[i], c.Mean[i], c.Upper[i])
		}
	}
	sum, last := 0.0, math.Inf(1)
	for _, m := range c.Models {
		sum += m.Weight
		if m.Weight > last {
			t.Errorf("models not in order: %v", c.Models)
		}
		last = m.Weight
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("weights add up to %v: %v", sum, c.Models)
	}
}

func TestCurveIsAlwaysDefined(t *testing.T) {
	null := math.NaN()
	random := rand.New(rand.NewPCG(1, 2))
	tests := map[string][]float64{
		"one value":           {42},
		"one zero":            {0},
		"two values":          {3, 5},
		"three values":        {3, 5, -4},
		"a value after nulls": {null, math.Inf(1), 7},
		"nulls after a value": {7, null, null, math.Inf(-1)},
		"largest values":      {math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64},
		"smallest values":     generate(100, func(i int) float64 { return float64(i%7) * 5e-324 }),
		"huge":                generate(300, func(i int) float64 { return 1e300 * float64(i%24) }),
		"huge range":          generate(300, func(i int) float64 { return math.Pow(10, float64(i%24*25-300)) }),
		"huge growth":         generate(300, func(i int) float64 { return math.Pow(10, float64(i*2-300)) }),
		"both signs, huge":    generate(300, func(i int) float64 { return math.Copysign(1e300, math.Sin(float64(i))) }),
		"constant":            generate(500, func(int) float64 { return .1 }),
		"constant zero":       generate(500, func(int) float64 { return 0 }),
		"one spike":           generate(500, func(i int) float64 { return 1e12 * float64((i+1)/500) }),
		"zeros, a few counts": generate(500, func(i int) float64 { return float64((i % 50) / 49) }),
		"mostly nulls":        generate(500, func(i int) float64 { return []float64{float64(i), null}[min(1, i%40)] }),
		"one long gap":        generate(700, func(i int) float64 { return []float64{hourlyLevel(i), null}[(i+500)/600%2] }),
		"a step":              generate(400, func(i int) float64 { return float64(i / 390) }),
		"a large offset":      generate(400, func(int) float64 { return 1e15 + random.NormFloat64() }),
		"longer than is kept": generate(5000, func(i int) float64 { return math.Sin(float64(i) / 9) }),
	}
	for name, values := range tests {
		t.Run(name, func(t *testing.T) {
			for _, horizon := range []int{1, 2, 48, 400} {
				curve(t, forecast.Question{Values: values, Step: time.Hour, Horizon: horizon}, .95)
			}
		})
	}
}

func TestNoCurve(t *testing.T) {
	for name, q := range map[string]forecast.Question{
		"no values":          {Horizon: 5},
		"no known value":     {Horizon: 5, Values: []float64{math.NaN(), math.Inf(1)}},
		"no horizon":         {Values: []float64{1, 2, 3}},
		"a negative horizon": {Values: []float64{1, 2, 3}, Horizon: -1},
	} {
		if c, ok := forecast.NewEngine().Curve(q, .9); ok {
			t.Errorf("%s: %v", name, c)
		}
	}
}

func TestCurveOfConstantHasNoWidth(t *testing.T) {
	c := curve(t, forecast.Question{Values: generate(300, func(int) float64 { return 17.3 }), Horizon: 24}, .95)
	for i := range c.Mean {
		if c.Mean[i] != 17.3 || c.Lower[i] != 17.3 || c.Upper[i] != 17.3 {
			t.Fatalf("step %d: %v, %v, %v", i, c.Lower[i], c.Mean[i], c.Upper[i])
		}
	}
}

func TestCurveLevel(t *testing.T) {
	q := hourly(500, 24)
	narrow, wide := curve(t, q, .5), curve(t, q, .95)
	for i := range wide.Mean {
		if narrow.Upper[i]-narrow.Lower[i] >= wide.Upper[i]-wide.Lower[i] {
			t.Fatalf("step %d: a band of 50 %% is as wide as one of 95 %%", i)
		}
	}
	for _, level := range []float64{0, 1, -3, 95, math.NaN()} {
		if c := curve(t, q, level); c.Level != forecast.DefaultCurveLevel || !cmp.Equal(c, wide) {
			t.Errorf("level %v became %v", level, c.Level)
		}
	}
}

// The curve must not depend on the unit of the values, nor, where they have two
// signs, on their zero point or direction.
func TestCurveEquivariance(t *testing.T) {
	level := autoregression(3, .9, 1)
	signed := generate(400, func(i int) float64 { return 8*math.Sin(2*math.Pi*float64(i)/24) + level() })
	positive := hourly(400, 1).Values
	for _, test := range []struct {
		name          string
		values        []float64
		factor, shift float64
	}{
		{"unit", positive, 1024, 0},
		{"odd unit", positive, .0037, 0},
		{"unit of two signs", signed, 1000, 0},
		{"zero point", signed, 1, 2.5},
		{"direction", signed, -1, 0},
		{"all", signed, -31, 44},
	} {
		t.Run(test.name, func(t *testing.T) {
			moved := make([]float64, len(test.values))
			for i, v := range test.values {
				moved[i] = test.factor*v + test.shift
			}
			want := curve(t, forecast.Question{Values: test.values, Step: time.Hour, Horizon: 30}, .9)
			got := curve(t, forecast.Question{Values: moved, Step: time.Hour, Horizon: 30}, .9)
			low, high := want.Lower, want.Upper
			if test.factor < 0 {
				low, high = high, low
			}
			compare := func(what string, got, want []float64) {
				t.Helper()
				for i, v := range want {
					v = test.factor*v + test.shift
					if math.Abs(got[i]-v) > 1e-6*math.Abs(test.factor)*10 {
						t.Fatalf("%s, step %d: %v, want %v", what, i, got[i], v)
					}
				}
			}
			compare("mean", got.Mean, want.Mean)
			compare("lower", got.Lower, low)
			compare("upper", got.Upper, high)
		})
	}
}

func TestCurveKeepsToBounds(t *testing.T) {
	noise := autoregression(5, .99, 3)
	values := generate(300, func(int) float64 { return 95 + noise() })
	last := values[len(values)-1]
	least, most := last-1, last+1
	for name, bounds := range map[string]*barograph.Bounds{"both": {Min: &least, Max: &most}, "least": {Min: &least}, "most": {Max: &most}} {
		q := forecast.Question{Values: values, Step: time.Hour, Horizon: 100, Bounds: bounds}
		c := curve(t, q, .99)
		end := q.Horizon - 1
		if bounds.Min != nil && c.Lower[end] != least {
			t.Errorf("%s: the band goes down to %v, not to %v", name, c.Lower[end], least)
		}
		if bounds.Max != nil && c.Upper[end] != most {
			t.Errorf("%s: the band goes up to %v, not to %v", name, c.Upper[end], most)
		}
	}
}

func TestCurveOfCountsIsNotNegative(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for name, f := range map[string]func(i int) float64{
		"rare":    func(int) float64 { return math.Floor(max(0, r.NormFloat64()-.8) * 5) },
		"falling": func(i int) float64 { return math.Floor(max(0, 300-float64(i)+9*r.NormFloat64())) },
		"busy":    func(int) float64 { return math.Floor(40 + 20*math.Abs(r.NormFloat64())) },
	} {
		c := curve(t, forecast.Question{Values: generate(290, f), Step: time.Minute, Horizon: 60}, .99)
		for i, v := range c.Lower {
			if v < 0 {
				t.Fatalf("%s, step %d: %v", name, i, v)
			}
		}
	}
}

func TestCurveOfSeasons(t *testing.T) {
	noise := autoregression(9, 0, 1)
	for _, test := range []struct {
		name    string
		n       int
		step    time.Duration
		horizon int
		level   func(i int) float64
	}{
		{"by day and week", 900, time.Hour, 120, hourlyLevel},
		{"by day, in five minutes", 1400, 5 * time.Minute, 288, func(i int) float64 { return 50 + 30*math.Sin(2*math.Pi*float64(i)/288) }},
		{"by day, growing", 600, time.Hour, 48, func(i int) float64 { return float64(i)/3 + 30*math.Sin(2*math.Pi*float64(i)/24) }},
		{"of two signs", 600, time.Hour, 48, func(i int) float64 { return 30 * math.Cos(2*math.Pi*float64(i)/24) }},
		{"every 37 steps", 600, time.Minute, 74, func(i int) float64 { return 20 + float64(i%37) }},
		{"by year", 300, barograph.Week, 13, func(i int) float64 { return 100 + 50*math.Sin(2*math.Pi*float64(i)/52) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			values := generate(test.n, func(i int) float64 { return test.level(i) + noise() })
			c := curve(t, forecast.Question{Values: values, Step: test.step, Horizon: test.horizon}, .95)
			miss, held := 0.0, 0
			for i, v := range c.Mean {
				want := test.level(test.n + i)
				miss += math.Abs(v-want) / float64(test.horizon)
				if c.Lower[i] <= want && want <= c.Upper[i] {
					held++
				}
			}
			if miss > 1.5 { // deviations of the noise
				t.Errorf("off by %.2f on the mean: %v", miss, c.Models)
			}
			if share := float64(held) / float64(test.horizon); share < .95 {
				t.Errorf("the band holds %.2f of the true levels", share)
			}
		})
	}
}

func TestCurveAfterTrailingNulls(t *testing.T) {
	q := hourly(700, 24)
	for i := 690; i < 700; i++ {
		q.Values[i] = math.NaN()
	}
	c := curve(t, q, .95)
	for i, v := range c.Mean {
		if want := hourlyLevel(700 + i); math.Abs(v-want) > .2*want {
			t.Errorf("step %d: %v, want about %v", i, v, want)
		}
	}
}

func TestCurveWithNulls(t *testing.T) {
	q := hourly(800, 48)
	want := curve(t, q, .95)
	r := rand.New(rand.NewPCG(2, 9))
	for i := range q.Values {
		if r.Float64() < .1 || i > 500 && i < 560 {
			q.Values[i] = math.NaN()
		}
	}
	miss := 0.0
	for i, v := range curve(t, q, .95).Mean {
		miss += math.Abs(v/want.Mean[i]-1) / 48
	}
	if miss > .05 {
		t.Errorf("nulls move the mean by %.3f", miss)
	}
}

// The band has to hold as many outcomes as it says: about, as neighbouring
// outcomes depend on each other.
func TestCurveCoverage(t *testing.T) {
	t.Parallel()
	const n, horizon, series = 240, 24, 120
	e := forecast.NewEngine()
	for name, next := range map[string]func(r *rand.Rand, i int, last float64) float64{
		"white noise":    func(r *rand.Rand, _ int, _ float64) float64 { return r.NormFloat64() },
		"skewed noise":   func(r *rand.Rand, _ int, _ float64) float64 { return 20 + r.ExpFloat64() },
		"autoregression": func(r *rand.Rand, _ int, last float64) float64 { return .8*last + r.NormFloat64() },
		"random walk":    func(r *rand.Rand, _ int, last float64) float64 { return last + r.NormFloat64() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, level := range []float64{.8, .95} {
				held, near, far := 0.0, 0.0, 0.0
				for s := range series {
					r, last := rand.New(rand.NewPCG(uint64(s), 3)), 0.0
					values := generate(n+horizon, func(i int) float64 { last = next(r, i, last); return last })
					c, _ := e.Curve(forecast.Question{Values: values[:n], Step: time.Hour, Horizon: horizon}, level)
					for i, v := range values[n:] {
						if c.Lower[i] <= v && v <= c.Upper[i] {
							held++
						}
					}
					near += c.Upper[0] - c.Lower[0]
					far += c.Upper[horizon-1] - c.Lower[horizon-1]
				}
				if share := held / series / horizon; math.Abs(share-level) > .05 {
					t.Errorf("a band of %v holds %.3f", level, share)
				}
				if widens := far / near; name == "random walk" && widens < 2 {
					t.Errorf("the band of a random walk widens %.2f times in %d steps", widens, horizon)
				}
			}
		})
	}
}

// What a model forecasts from a moment of the past must not change with what came
// after it: or else the errors there would say nothing about those to come. Two
// late values change places, so that the range and the mean stay.
func TestCurveModelsDoNotLookAhead(t *testing.T) {
	q := hourly(900, 48)
	before := forecast.CurveProjections(q)
	const a, b = 853, 865
	swapped := q
	swapped.Values = append([]float64(nil), q.Values...)
	swapped.Values[a], swapped.Values[b] = swapped.Values[b], swapped.Values[a]
	for name, after := range forecast.CurveProjections(swapped) {
		if !before[name].Project() || !after.Project() {
			t.Errorf("%s has nothing to say", name)
		}
		for k, origin := range after.Origins {
			if origin <= a && !cmp.Equal(after.Paths[k], before[name].Paths[k]) {
				t.Errorf("%s, from %d of %d: changed by a later value", name, origin, len(q.Values))
			}
		}
	}
}

// Each model must forecast what it is made for, also where others would outvote it.
func TestCurveModelsAlone(t *testing.T) {
	noise := autoregression(11, 0, .5)
	season := func(i int) float64 { return 100 + 40*math.Sin(2*math.Pi*float64(i)/24) }
	line := func(i int) float64 { return 20 + float64(i)/4 }
	for name, test := range map[string]struct {
		level  func(i int) float64
		within float64
		models []string
	}{
		"day":          {season, 1.5, []string{"ridge_long_memory", "ridge_short_memory", "double_seasonal_smoothing", "level_shape", "decomposition", "theta", "damped_trend", "seasonal_naive"}},
		"day and week": {hourlyLevel, 4, []string{"ridge_long_memory", "ridge_short_memory", "double_seasonal_smoothing", "level_shape", "decomposition", "seasonal_naive_long"}},
		"line":         {line, 5, []string{"ridge_long_memory", "ridge_short_memory", "theta", "damped_trend"}},
	} {
		const n, horizon = 700, 36
		values := generate(n, func(i int) float64 { return test.level(i) + noise() })
		projections := forecast.CurveProjections(forecast.Question{Values: values, Step: time.Hour, Horizon: horizon})
		for _, model := range test.models {
			p := projections[model]
			if !p.Project() {
				t.Errorf("%s: %s has nothing to say", name, model)
				continue
			}
			miss, last := 0.0, len(p.Paths)-1
			for i, v := range p.Paths[last] {
				miss += math.Abs(v*p.Unit-test.level(n+i)) / horizon
			}
			if miss > test.within {
				t.Errorf("%s: %s is off by %.2f on the mean", name, model, miss)
			}
		}
	}
}

func TestCurveModels(t *testing.T) {
	c := curve(t, hourly(700, 48), .95)
	names := make(map[string]bool)
	for _, m := range c.Models {
		names[m.Name] = true
	}
	if len(names) != len(c.Models) || len(names) < 5 {
		t.Errorf("models: %v", c.Models)
	}
}

func TestCurveIsTheSameEachTime(t *testing.T) {
	e, q := forecast.NewEngine(), hourly(400, 24)
	want := curve(t, q, .9)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if got, _ := e.Curve(q, .9); !cmp.Equal(got, want) {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
	wait.Wait()
}

// The past alone counts: values that are too old to be kept change nothing.
func TestCurveKeepsTheNewest(t *testing.T) {
	q := hourly(3000, 24)
	want := curve(t, q, .9)
	q.Values[5] = 1e9
	if got := curve(t, q, .9); !cmp.Equal(got, want, cmpopts.EquateApprox(0, 0)) {
		t.Error(cmp.Diff(want, got))
	}
}

func FuzzCurve(f *testing.F) {
	f.Add(uint64(1), 300, 24, 3600, .95, 0.0, 1.0)
	f.Add(uint64(2), 2, 1, 1, .5, 300.0, .5)
	f.Add(uint64(3), 2500, 100, 300, .99, -300.0, .9)
	f.Fuzz(func(t *testing.T, seed uint64, n, horizon, step int, level, power, known float64) {
		if n < 0 || n > 3000 || horizon > 1000 {
			t.Skip("a question of this size only takes longer")
		}
		r := rand.New(rand.NewPCG(seed, seed))
		values := make([]float64, n)
		for i := range values {
			switch {
			case r.Float64() > known:
				values[i] = math.NaN()
			case seed%3 == 0:
				values[i] = math.Pow(10, power*r.Float64())
			case seed%3 == 1:
				values[i] = r.NormFloat64() * math.Pow(10, power)
			default:
				values[i] = math.Floor(3 * r.Float64() * math.Sin(float64(i)/20))
			}
		}
		q := forecast.Question{Values: values, Step: time.Duration(step) * time.Second, Horizon: horizon}
		if c, ok := forecast.NewEngine().Curve(q, level); ok {
			wellFormed(t, q, c)
		}
	})
}
