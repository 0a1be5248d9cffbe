package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/barograph/barograph/forecast"
)

// walkOf returns a random walk of n steps.
func walkOf(n int) []float64 {
	r, level := rand.New(rand.NewPCG(8, 8)), 0.0
	return generate(n, func(int) float64 { level += r.NormFloat64(); return level })
}

func TestWhichModelsHaveASay(t *testing.T) {
	patterned := []string{"phase", "phase levels", "renewal"} // silent without a pattern
	for name, c := range map[string]struct {
		q      forecast.Question
		silent []string
	}{
		"no pattern": {question(walkOf(800), 60, 24), patterned},
		"a history far shorter than the horizon": {
			question(walkOf(80), 60, 1000),
			append([]string{"increments", "analogues", "mean reversion", "exceedances", "autoregression"}, patterned...),
		},
		"30 points": {question(walkOf(30), 60, 4), append([]string{"autoregression"}, patterned...)},
		"20 points": {question(walkOf(20), 60, 8), append([]string{"autoregression", "analogues"}, patterned...)},
		"a level shift just now": {
			question(append(walkOf(300), 1000, 1001, 1000, 1002), 1010, 24), append([]string{"drift"}, patterned...),
		},
		"a pattern of a day": {question(spikes(0), 8, 24), nil},
		"a saw-tooth":        {question(risingTeeth(1), 80, 120), []string{"phase", "phase levels"}},
	} {
		s, ok := forecast.Prepare(c.q)
		if !ok {
			t.Fatalf("%s: not a question", name)
		}
		for _, m := range forecast.NewEngine().Models() {
			if _, ok := m.FirstPassage(s); ok == slices.Contains(c.silent, m.Name()) {
				t.Errorf("%s: %s says something: %v", name, m.Name(), ok)
			}
		}
	}
}

func TestModelsSayDistributionsThatGrowAsTheLimitNears(t *testing.T) {
	// The product-limit estimate is not exactly monotone: of windows that were cut
	// short, more are still there to count against a crossing that comes sooner.
	const tolerance = .01
	questions := kinds()
	questions["spikes at noon"] = question(spikes(0), 12, 20)
	questions["rising teeth"] = question(risingTeeth(1), 85, 120)
	for name, q := range questions {
		last := lastKnown(q.Values)
		for _, m := range forecast.NewEngine().Models() {
			var farther forecast.CDF
			for part := 1.5; part > 0; part -= .05 {
				near := q
				near.Limit = last + part*(q.Limit-last)
				s, _ := forecast.Prepare(near)
				p, ok := m.FirstPassage(s)
				if !ok {
					break
				}
				for k, f := range p.CDF {
					if !(f >= 0 && f <= 1) || k > 0 && f < p.CDF[k-1] {
						t.Fatalf("%s: %s says %v", name, m.Name(), p.CDF)
					}
					if f < farther[k]-tolerance {
						t.Errorf("%s: %s at limit %v: CDF[%d] = %.4f, farther off it was %.4f", name, m.Name(), near.Limit, k, f, farther[k])
					}
				}
				farther = p.CDF
			}
		}
	}
}

func TestMixtureHeedsEveryModelTheRightWay(t *testing.T) {
	e, r := forecast.NewEngine(), rand.New(rand.NewPCG(9, 9))
	for name, q := range kinds() {
		s, _ := forecast.Prepare(q)
		for range 100 {
			said, flat := make([]forecast.CDF, len(e.Models())), r.IntN(2) == 0
			for j := range said {
				said[j] = anyCDF(r)
				for k := range said[j] {
					if flat { // at once or never
						said[j][k] = said[j][10]
					}
				}
			}
			before := e.Mix(s, said)
			j := r.IntN(len(said))
			more := anyCDF(r)
			for k := range more {
				said[j][k] = max(said[j][k], more[k])
			}
			after, last := e.Mix(s, said), 0.0
			for k, f := range after {
				if f < before[k] {
					t.Fatalf("%s: %s says more, the mixture %v rather than %v", name, e.Models()[j].Name(), after, before)
				}
				if !(f >= last && f >= forecast.FloorProbability*float64(k+1)/20-1e-12 && f <= forecast.CeilingProbability) {
					t.Fatalf("%s: mixture %v", name, after)
				}
				last = f
			}
		}
	}
}

// anyCDF draws a distribution, now and then a certain one.
func anyCDF(r *rand.Rand) (c forecast.CDF) {
	for k := range c {
		c[k] = math.Pow(r.Float64(), 4)
		if r.IntN(100) == 0 {
			c[k] = float64(r.IntN(2))
		}
	}
	slices.Sort(c[:])
	return c
}

func TestFittedCoefficients(t *testing.T) {
	names, nonNegative := forecast.NewEngine().Terms()
	fitted := forecast.FittedCoefficients()
	for i, name := range names {
		if c := fitted[name]; i < nonNegative && c < 0 || math.Abs(c) > 10 {
			t.Errorf("%s: %v", name, c)
		}
	}
	for name := range fitted {
		if !slices.Contains(names, name) {
			t.Errorf("%q is of no use to any model", name)
		}
	}
	models := forecast.NewEngine().Models()
	if want := 8 * len(models); nonNegative != want || len(names) != want+16 {
		t.Errorf("%d terms, %d of models, want %d and %d", len(names), nonNegative, want+16, want)
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
		t.Errorf("two terms share a name: %q", names)
	}
}

func TestGatesAreShares(t *testing.T) {
	questions := kinds()
	questions["spikes at noon"] = question(spikes(0), 12, 20)
	questions["one value"] = question([]float64{1}, 2, 1)
	questions["counter"] = question(generate(300, func(i int) float64 { return float64(i / 7) }), 60, 24)
	for name, q := range questions {
		s, _ := forecast.Prepare(q)
		for i, pair := range s.GatePairs() {
			if a, b := pair[0], pair[1]; !(a >= 0 && b >= 0) || math.Abs(a+b-1) > 1e-15 {
				t.Errorf("%s: gates %d: %v and %v", name, i, a, b)
			}
		}
	}
	for name, want := range map[string]struct {
		pair int
		open bool
	}{"daily": {0, true}, "walk": {0, false}, "ramp": {1, true}, "counter": {3, true}, "spikes": {3, false}} {
		s, _ := forecast.Prepare(questions[name])
		if open := s.GatePairs()[want.pair][0] > .5; open != want.open {
			t.Errorf("%s: gate %d open: %v", name, 2*want.pair, open)
		}
	}
}

func TestModelsNeedNoMemory(t *testing.T) {
	for name, q := range map[string]forecast.Question{
		"busy": busy(), "walk": kinds()["walk"], "gaps": kinds()["gaps"], "rising teeth": question(risingTeeth(1), 80, 120),
	} {
		s, _ := forecast.Prepare(q)
		for _, m := range forecast.NewEngine().Models() {
			if n := testing.AllocsPerRun(3, func() { m.FirstPassage(s) }); n > 0 {
				t.Errorf("%s: %s allocates %v times", name, m.Name(), n)
			}
		}
	}
	e, q := forecast.NewEngine(), busy()
	least := math.Inf(1) // pools are emptied now and then, on purpose where races are looked for
	for range 20 {
		least = min(least, testing.AllocsPerRun(1, func() { e.Answer(q) }))
	}
	if least > answerAllocations {
		t.Errorf("an answer takes %v allocations", least)
	}
}

// answerAllocations are those of the names of the models and of the reason.
const answerAllocations = 12
