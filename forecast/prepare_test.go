package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

func TestOneOutlierIsDropped(t *testing.T) {
	for name, c := range map[string]struct {
		outliers map[int]float64
		dropped  []int
	}{
		"one above":         {map[int]float64{100: 90}, []int{100}},
		"one below":         {map[int]float64{100: -90}, []int{100}},
		"next to the first": {map[int]float64{1: 90}, []int{1}},
		"next to the last":  {map[int]float64{298: 90}, []int{298}},
		"the first":         {map[int]float64{0: 90}, nil},
		"the last":          {map[int]float64{299: 90}, nil},
		"two":               {map[int]float64{100: 90, 200: 90}, nil},
		"up and down":       {map[int]float64{100: 90, 200: -90}, nil},
		"for two steps":     {map[int]float64{100: 90, 101: 90}, nil},
		"not that far off":  {map[int]float64{100: 7}, nil},
		"before a null":     {map[int]float64{100: 90, 101: math.NaN()}, []int{100}},
		"none":              {nil, nil},
	} {
		r := rand.New(rand.NewPCG(10, 10))
		values := generate(300, func(int) float64 { return r.NormFloat64() })
		var want []int
		for i := range values {
			if v, ok := c.outliers[i]; ok {
				values[i] = v
			}
			if !slices.Contains(c.dropped, i) && !math.IsNaN(values[i]) {
				want = append(want, i)
			}
		}
		before := slices.Clone(values)
		s, ok := forecast.Prepare(question(values, 100, 24))
		if !ok {
			t.Fatalf("%s: not a question", name)
		}
		if known, observed := s.Known(); !slices.Equal(known, want) || !slices.Equal(observed, want) {
			t.Errorf("%s: %d values are left, %d observed, want %d", name, len(known), len(observed), len(want))
		}
		if !sameFloats(values, before) {
			t.Errorf("%s: the question was changed", name)
		}
	}
}

func sameFloats(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
}

func TestAnswersAtTheEdge(t *testing.T) {
	walk := kinds()["walk"]
	holes := func(n, from, to int) []float64 {
		values := walkOf(n)
		for i := from; i < to; i++ {
			values[i] = math.NaN()
		}
		return values
	}
	few := generate(2000, func(i int) float64 {
		if i%160 == 79 {
			return float64(i % 3)
		}
		return math.NaN()
	})
	for name, q := range map[string]forecast.Question{
		"a horizon of one step":         question(walk.Values, walk.Limit, 1),
		"the longest horizon":           question(walk.Values, walk.Limit, math.MaxInt),
		"a horizon of ages":             question(walk.Values, walk.Limit, math.MaxInt/16),
		"twelve points":                 question(walkOf(12), 20, 4),
		"twelve points, one step":       question(walkOf(12), 20, 1),
		"a horizon beyond the history":  question(walkOf(80), 20, 5000),
		"a hole in the middle":          question(holes(600, 100, 590), 60, 24),
		"a hole up to the last value":   question(holes(600, 100, 599), 60, 24),
		"nearly all nulls":              question(append(few, 1), 5, 24),
		"holes as long as the horizon":  question(holes(200, 50, 75), 60, 24),
		"the largest values":            question(generate(400, func(i int) float64 { return 1e300 * float64(i%50) }), 5e301, 24),
		"largest and least":             question(generate(400, func(i int) float64 { return math.MaxFloat64 * float64(i%3-1) }), math.MaxFloat64, 24),
		"noise of denormals and a leap": question(append(generate(400, func(i int) float64 { return 5e-324 * float64(i%7) }), 1, 0, 1, 0), 3, 24),
		"values that vanish beside it":  question(generate(400, func(i int) float64 { return 1e-300 * float64(i%7) }), 1e300, 24),
		"two years of days":             {Values: walkOf(2016), Step: barograph.Day, Limit: 100, Operator: barograph.AtLeast, Horizon: 300},
	} {
		t.Run(name, func(t *testing.T) { checkAnswer(t, q, forecast.NewEngine().Answer(q)) })
	}
}

func TestOldHistoryWithoutNewSamplesIsStale(t *testing.T) {
	values := append(walkOf(1500), generate(4000, func(int) float64 { return math.NaN() })...)
	if a := forecast.NewEngine().Answer(question(values, 100, 24)); a.State != barograph.StateStale || a.Value != values[1499] {
		t.Errorf("%s with value %v: %s; want it stale with %v", a.State, a.Value, a.Reason, values[1499])
	}
}

func TestTeethKeepTheirPeaks(t *testing.T) {
	for name, c := range map[string]struct{ cycle, peaks []float64 }{
		"reset in one step":  {[]float64{0, 10, 20, 30}, []float64{30}},
		"reset in two steps": {[]float64{0, 10, 20, 30, 12}, []float64{30}},
	} {
		var values []float64
		for range 12 {
			values = append(values, c.cycle...)
		}
		s, _ := forecast.Prepare(question(append(values, 0, 10), 35, 8))
		if got := slices.Compact(s.Peaks()); !slices.Equal(got, c.peaks) {
			t.Errorf("%s: peaks of %v, want %v", name, got, c.peaks)
		}
		if p := s.Toothedness(); p < .99 {
			t.Errorf("%s: toothedness %v", name, p)
		}
	}
}

func TestIrregularTeethAreNoSawTooth(t *testing.T) {
	for _, lengths := range [][]int{{80, 40, 15, 90, 8, 6}, {70, 20, 90, 30, 6}, {30, 60, 30, 60, 30, 60, 9}} {
		var values []float64
		for _, n := range lengths {
			for i := range n {
				values = append(values, 10+float64(i))
			}
		}
		s, _ := forecast.Prepare(question(values, 30, 24))
		if p := s.Toothedness(); p > .5 {
			t.Errorf("teeth of %v steps: toothedness %v", lengths, p)
		}
	}
}
