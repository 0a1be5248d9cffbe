package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// question returns one for a limit above, on an hourly grid.
func question(values []float64, limit float64, horizon int) forecast.Question {
	return forecast.Question{
		Values: values, Step: time.Hour, Limit: limit, Operator: barograph.AtLeast, Horizon: horizon,
	}
}

// generate returns n values of f.
func generate(n int, f func(i int) float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = f(i)
	}
	return values
}

// kinds are generated series of the kinds that monitoring knows, with a limit.
func kinds() map[string]forecast.Question {
	random := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	return map[string]forecast.Question{
		"ramp": question(generate(500, func(i int) float64 { return float64(i) / 10 }), 51, 48),
		"noisy ramp": func() forecast.Question {
			r := random()
			return question(generate(700, func(i int) float64 { return float64(i)/16 + r.NormFloat64() }), 46, 48)
		}(),
		"walk": func() forecast.Question {
			r, level := random(), 100.0
			return question(generate(800, func(int) float64 { level += r.NormFloat64(); return level }), 112, 48)
		}(),
		"daily": func() forecast.Question {
			r := random()
			return question(generate(700, func(i int) float64 {
				return 50 + 20*math.Sin(2*math.Pi*float64(i)/24) + 2*r.NormFloat64()
			}), 72, 12)
		}(),
		"spikes": func() forecast.Question {
			r := random()
			return question(generate(700, func(int) float64 {
				if r.IntN(50) == 0 {
					return 8
				}
				return float64(r.IntN(2))
			}), 7.5, 24)
		}(),
		"gaps": func() forecast.Question {
			r, level := random(), 0.0
			return question(generate(900, func(i int) float64 {
				level += r.NormFloat64()
				if i%7 == 0 || i > 300 && i < 400 {
					return math.NaN()
				}
				return level
			}), 35, 36)
		}(),
		"sawtooth": question(generate(900, func(i int) float64 { return 60 + 25*float64(i%168)/168 }), 90, 168),
	}
}

func TestAnswerIsADistribution(t *testing.T) {
	e := forecast.NewEngine()
	for name, q := range kinds() {
		t.Run(name, func(t *testing.T) {
			checkAnswer(t, q, e.Answer(q))
			if again := e.Answer(q); cmp.Diff(again, e.Answer(q)) != "" {
				t.Error("the same question got another answer")
			}
		})
	}
}

// checkAnswer checks what holds of every answer.
func checkAnswer(t *testing.T, q forecast.Question, a forecast.Answer) {
	t.Helper()
	before := 0.0
	for k, f := range a.CDF {
		if !(f >= before && f <= forecast.CeilingProbability) {
			t.Fatalf("CDF[%d] = %v after %v", k, f, before)
		}
		before = f
	}
	if a.Reason == "" || strings.Contains(a.Reason, "NaN") && !math.IsNaN(q.Limit) || strings.Contains(a.Reason, "Inf") && !math.IsInf(q.Limit, 0) {
		t.Errorf("state %s with reason %q", a.State, a.Reason)
	}
	if a.State != barograph.StateForecast {
		if a.Probability != 0 || a.ETA != (forecast.Quantiles{}) {
			t.Errorf("refusal %s with probability %v, eta %+v", a.State, a.Probability, a.ETA)
		}
		return
	}
	if a.Probability != a.CDF[len(a.CDF)-1] || a.Probability < forecast.FloorProbability {
		t.Errorf("probability %v with CDF %v", a.Probability, a.CDF)
	}
	if e := a.ETA; !(0 < e.P10 && e.P10 <= e.P50 && e.P50 <= e.P90 && e.P90 <= float64(q.Horizon)) {
		t.Errorf("eta %+v within %d steps", e, q.Horizon)
	}
}

func TestEquivariance(t *testing.T) {
	e := forecast.NewEngine()
	for name, q := range kinds() {
		for _, c := range []struct{ scale, shift float64 }{{2, 0}, {.001, 0}, {1e6, 0}, {1, 1000}, {-1, 0}, {-3, 17}} {
			moved := q
			moved.Values = generate(len(q.Values), func(i int) float64 { return c.scale*q.Values[i] + c.shift })
			moved.Limit = c.scale*q.Limit + c.shift
			if c.scale < 0 {
				moved.Operator = barograph.AtMost
			}
			want, got := e.Answer(q), e.Answer(moved)
			if got.State != want.State || distance(got.CDF, want.CDF) > .02 {
				t.Errorf("%s times %v plus %v: %s %.3f, want %s %.3f",
					name, c.scale, c.shift, got.State, got.Probability, want.State, want.Probability)
			}
		}
	}
}

func TestPowersOfTwoAndMirrorsAreExact(t *testing.T) {
	e := forecast.NewEngine()
	for name, q := range kinds() {
		mirrored := q
		mirrored.Values = generate(len(q.Values), func(i int) float64 { return -1024 * q.Values[i] })
		mirrored.Limit, mirrored.Operator = -1024*q.Limit, barograph.AtMost
		want, got := e.Answer(q), e.Answer(mirrored)
		if got.CDF != want.CDF || got.ETA != want.ETA || got.State != want.State {
			t.Errorf("%s: mirrored %+v, want %+v", name, got, want)
		}
	}
}

func distance(a, b forecast.CDF) float64 {
	most := 0.0
	for k := range a {
		most = max(most, math.Abs(a[k]-b[k]))
	}
	return most
}

func TestNearerLimitIsNotLessProbable(t *testing.T) {
	e := forecast.NewEngine()
	for name, q := range kinds() {
		last := lastKnown(q.Values)
		before := forecast.CDF{}
		for step := 20; step >= 1; step-- {
			near := q
			near.Limit = last + (q.Limit-last)*float64(step)/10
			got := e.Answer(near)
			if near.Limit <= last {
				continue
			}
			for k := range got.CDF {
				if got.CDF[k] < before[k]-.02 {
					t.Fatalf("%s: limit %v: CDF[%d] = %v, farther off it was %v", name, near.Limit, k, got.CDF[k], before[k])
				}
			}
			before = got.CDF
		}
	}
}

func TestLongerHorizonIsNotLessProbable(t *testing.T) {
	const tolerance = .15 // documented with the package
	e := forecast.NewEngine()
	for name, q := range kinds() {
		highest := 0.0
		for _, times := range []float64{.5, .75, 1, 1.5, 2, 3} {
			long := q
			long.Horizon = int(times * float64(q.Horizon))
			a := e.Answer(long)
			p := a.CDF[len(a.CDF)-1]
			if p < highest-tolerance {
				t.Errorf("%s: horizon %d: %.3f (%s), a shorter one had %.3f", name, long.Horizon, p, a.State, highest)
			}
			highest = max(highest, p)
		}
	}
}

func lastKnown(values []float64) float64 {
	for _, v := range slices.Backward(values) {
		if !math.IsNaN(v) {
			return v
		}
	}
	return math.NaN()
}

func TestNullsNeverCross(t *testing.T) {
	values := generate(600, func(i int) float64 {
		if i%3 == 0 {
			return math.NaN()
		}
		return float64(i % 5)
	})
	asInf := slices.Clone(values)
	for i, v := range asInf {
		if math.IsNaN(v) {
			asInf[i] = math.Inf(1)
		}
	}
	e := forecast.NewEngine()
	a := e.Answer(question(values, 50, 24))
	if p := a.CDF[len(a.CDF)-1]; p > .05 {
		t.Errorf("nulls gave a probability of %v", p)
	}
	if diff := cmp.Diff(a, e.Answer(question(asInf, 50, 24))); diff != "" {
		t.Errorf("infinite values are not nulls:\n%s", diff)
	}
}

func TestStrictOperatorsDifferByEqualityOnly(t *testing.T) {
	e := forecast.NewEngine()
	values := generate(400, func(i int) float64 { return float64(i % 10) })
	values[len(values)-1] = 9
	for _, c := range []struct {
		operator barograph.Operator
		limit    float64
		want     barograph.ForecastState
	}{
		{barograph.AtLeast, 9, barograph.StateAlreadyBreached},
		{barograph.Above, 9, barograph.StateForecast},
		{barograph.Above, 8.9, barograph.StateAlreadyBreached},
		{barograph.AtMost, 9, barograph.StateAlreadyBreached},
		{barograph.Below, 9, barograph.StateForecast},
		{barograph.Below, 9.1, barograph.StateAlreadyBreached},
	} {
		q := question(values, c.limit, 24)
		q.Operator = c.operator
		if got := e.Answer(q); got.State != c.want {
			t.Errorf("9 %s %v: %s (%s), want %s", c.operator, c.limit, got.State, got.Reason, c.want)
		}
	}
}

func TestNeverPassedIsNotNearlyReached(t *testing.T) {
	values := generate(400, func(i int) float64 { return float64(i % 24) }) // ends at 15
	e := forecast.NewEngine()
	q := question(values, 23, 24)
	if a := e.Answer(q); a.Probability < opens {
		t.Errorf("23, reached each day: %.3f, %s", a.Probability, a.Reason)
	}
	q.Operator = barograph.Above
	if a := e.Answer(q); a.CDF[len(a.CDF)-1] > .4 {
		t.Errorf("23, never passed: %.3f, %s", a.Probability, a.Reason)
	}
}

func TestRampETA(t *testing.T) {
	e := forecast.NewEngine()
	for _, n := range []int{60, 200, 1000, 5000} {
		a := e.Answer(question(generate(n, func(i int) float64 { return float64(i) }), float64(n-1)+30, 48))
		if a.State != barograph.StateForecast || a.Probability < opens {
			t.Fatalf("%d points: %s %.3f: %s", n, a.State, a.Probability, a.Reason)
		}
		if a.ETA.P10 > 30 || a.ETA.P90 < 29 || a.ETA.P90-a.ETA.P10 > 10 {
			t.Errorf("%d points: eta %+v, want 30", n, a.ETA)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(uint64(1), uint16(300), uint8(0), 10.0, 1.0, 24, int64(time.Hour))
	f.Add(uint64(2), uint16(5000), uint8(255), 1e300, 1e300, 288, int64(time.Second))
	f.Add(uint64(3), uint16(12), uint8(3), math.NaN(), 1e-300, 1, int64(math.MaxInt64))
	f.Add(uint64(4), uint16(2016), uint8(7), -1e-300, 1e-300, 1<<40, int64(-5))
	f.Add(uint64(5), uint16(1), uint8(1), math.MaxFloat64, math.MaxFloat64, -1, int64(0))
	e := forecast.NewEngine()
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, kind uint8, limit, scale float64, horizon int, step int64) {
		r := rand.New(rand.NewPCG(seed, 0))
		odd := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 1e-300, -1e-300, 0, math.MaxFloat64}
		values := generate(int(n)%5001, func(i int) float64 {
			switch {
			case kind&1 != 0 && r.IntN(4) == 0:
				return odd[r.IntN(len(odd))]
			case kind&2 != 0:
				return scale * float64(i)
			case kind&4 != 0:
				return scale * float64(r.IntN(3))
			}
			return scale * r.NormFloat64()
		})
		q := forecast.Question{Values: values, Step: time.Duration(step), Limit: limit, Horizon: horizon, Operator: barograph.AtLeast}
		if kind&8 != 0 {
			q.Operator = barograph.Below
		}
		if kind&16 != 0 {
			q.Bounds = &barograph.Bounds{Min: &scale}
		}
		if kind&32 != 0 {
			q.Start, q.Now = time.Unix(0, int64(seed)), time.Unix(int64(horizon), 0)
		}
		checkAnswer(t, q, e.Answer(q))
	})
}
