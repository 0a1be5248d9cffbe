package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// expectCourse compares the curve with what the series does if nothing else happens.
func expectCourse(t *testing.T, q forecast.Question, within float64, level func(i int) float64) {
	t.Helper()
	c := curve(t, q, .95)
	for i, v := range c.Mean {
		if want := level(len(q.Values) + i); math.Abs(v-want) > within {
			t.Errorf("step %d of %d: %.2f, want %.2f: %v", i, q.Horizon, v, want, c.Models)
			return
		}
	}
}

func TestCurveKeepsToTheLastLevel(t *testing.T) {
	day := func(i int) float64 { return math.Sin(2 * math.Pi * float64(i) / 24) }
	step := func(at int, before, after float64) func(i int) float64 {
		return func(i int) float64 {
			if i < at {
				return before
			}
			return after
		}
	}
	for name, test := range map[string]struct {
		n, horizon int
		step       time.Duration
		noise      float64
		within     float64
		level      func(i int) float64
	}{
		"up":                   {984, 288, 5 * time.Minute, 1, 2, step(888, 20, 45)},
		"up, in noise":         {984, 288, 5 * time.Minute, 3, 5, step(888, 20, 45)},
		"down":                 {984, 288, 5 * time.Minute, 1, 2, step(888, 45, 20)},
		"below zero":           {984, 288, 5 * time.Minute, 1, 2, step(888, -20, -45)},
		"after a few values":   {984, 288, 5 * time.Minute, 1, 3, step(972, 20, 45)},
		"twice":                {984, 288, 5 * time.Minute, 1, 2, func(i int) float64 { return step(400, 70, 20)(i) + step(888, 0, 25)(i) }},
		"a season goes on":     {700, 48, time.Hour, 1, 8, func(i int) float64 { return 100 + 30*day(i) + step(660, 0, 150)(i) }},
		"a season of new size": {700, 48, time.Hour, .1, 5, func(i int) float64 { return (100 + 40*day(i)) * step(640, 1, .2)(i) }},
	} {
		t.Run(name, func(t *testing.T) {
			noise := autoregression(21, 0, test.noise)
			values := generate(test.n, func(i int) float64 { return test.level(i) + noise() })
			expectCourse(t, forecast.Question{Values: values, Step: test.step, Horizon: test.horizon}, test.within, test.level)
		})
	}
}

func TestCurveAfterAReset(t *testing.T) {
	const n, reset = 378, 360
	for name, test := range map[string]struct{ noise, slope, within float64 }{
		"exactly":  {0, 1, 1.5},
		"in noise": {.1, 1, 2},
		"faster":   {0, 2, 5},
		"slower":   {.05, .5, 3},
	} {
		t.Run(name, func(t *testing.T) {
			noise := autoregression(22, 0, test.noise)
			level := func(i int) float64 {
				if i < reset {
					return 50 + float64(i)/12
				}
				return 30 + test.slope*float64(i-reset)/12
			}
			values := generate(n, func(i int) float64 { return level(i) + noise() })
			q := forecast.Question{Values: values, Step: 2 * time.Hour, Horizon: 84}
			expectCourse(t, q, test.within, level)
			if c := curve(t, q, .95); c.Mean[83] < c.Mean[0]+2 {
				t.Errorf("from %v to %v does not rise", c.Mean[0], c.Mean[83])
			}
		})
	}
}

func TestCurveTakesNoOutlierForAShift(t *testing.T) {
	day := func(i int) float64 { return 100 + 30*math.Sin(2*math.Pi*float64(i)/24) }
	flat := func(int) float64 { return 20 }
	for name, test := range map[string]struct {
		level      func(i int) float64
		from, till int
		within     float64
	}{
		"one":                  {flat, 480, 481, 3},
		"the last":             {flat, 499, 500, 25},
		"the last few":         {flat, 497, 500, 60},
		"half a day, long ago": {flat, 250, 262, 3},
		"a day":                {day, 410, 434, 12},
		"the last few of many": {day, 495, 500, 60},
	} {
		t.Run(name, func(t *testing.T) {
			noise := autoregression(23, 0, 1)
			values := generate(500, func(i int) float64 {
				if test.from <= i && i < test.till {
					return test.level(i) + 80 + noise()
				}
				return test.level(i) + noise()
			})
			c := curve(t, forecast.Question{Values: values, Step: time.Hour, Horizon: 48}, .95)
			miss := 0.0
			for i, v := range c.Mean[24:] {
				miss += math.Abs(v-test.level(524+i)) / 24
			}
			if miss > test.within { // 80 would be a new level
				t.Errorf("after a day still off by %.2f on the mean: %v", miss, c.Models)
			}
		})
	}
}

func TestCurveShifts(t *testing.T) {
	flat := func(int) float64 { return 50 }
	rise := func(i int) float64 { return float64(i) / 40 }
	day := func(i int) float64 { return 200 + 30*math.Sin(2*math.Pi*float64(i)/288) }
	for name, test := range map[string]struct {
		level func(i int) float64
		at    []int // by 40 each, up and down by turns
		want  []int // newest first
	}{
		"none":                   {flat, nil, nil},
		"one":                    {flat, []int{1900}, []int{1900}},
		"on a ramp":              {rise, []int{1900}, []int{1900}},
		"on a season":            {day, []int{1900}, []int{1900}},
		"taken back late":        {flat, []int{700, 1400}, []int{1400, 700}},
		"taken back soon":        {flat, []int{385, 400}, nil},
		"a day on a season":      {day, []int{800, 1080}, nil},
		"and then one":           {flat, []int{150, 165, 1400}, []int{1400}},
		"an outlier":             {flat, []int{400, 401}, nil},
		"a few outliers":         {flat, []int{400, 404}, nil},
		"a few to the end":       {flat, []int{1996}, nil},
		"hardly any of a season": {day, []int{1920}, nil},
		"all the time":           {flat, []int{200, 600, 750, 1200, 1330, 1700}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			noise := autoregression(27, 0, 1)
			values := generate(2000, func(i int) float64 {
				v := test.level(i) + noise()
				for turn, at := range test.at {
					if i >= at {
						v += 40 * float64(1-turn%2*2)
					}
				}
				return v
			})
			got := forecast.CurveShifts(forecast.Question{Values: values, Step: 5 * time.Minute, Horizon: 48})
			if !cmp.Equal(got, test.want) {
				t.Errorf("shifts at %v, want %v", got, test.want)
			}
		})
	}
}

// Where the level shifts all the time, that is how the series behaves.
func TestCurveOfASawtooth(t *testing.T) {
	noise := autoregression(24, 0, .2)
	tooth := func(i int) float64 { return 20 + float64(i%70) }
	values := generate(640, func(i int) float64 { return tooth(i) + noise() })
	c := curve(t, forecast.Question{Values: values, Step: time.Minute, Horizon: 70}, .95)
	miss := 0.0
	for i, v := range c.Mean {
		miss += math.Abs(v-tooth(640+i)) / 70
	}
	if miss > 3 {
		t.Errorf("off by %.2f on the mean: %v", miss, c.Models)
	}
}

func TestCurveAfterAShiftInAGap(t *testing.T) {
	noise := autoregression(25, 0, 1)
	values := generate(500, func(i int) float64 {
		switch {
		case i < 380:
			return 20 + noise()
		case i < 440:
			return math.NaN()
		}
		return 45 + noise()
	})
	expectCourse(t, forecast.Question{Values: values, Step: 5 * time.Minute, Horizon: 100}, 2, func(int) float64 { return 45 })
}

// A shift must be seen in any unit, and upside down.
func TestCurveAfterAShiftEquivariance(t *testing.T) {
	noise := autoregression(26, .5, 1)
	values := generate(401, func(i int) float64 { return 30*float64(i/350) - 10 + noise() })
	q := forecast.Question{Values: values, Step: barograph.Day, Horizon: 20}
	want := curve(t, q, .9)
	for _, factor := range []float64{-1, 3, 1e-9} {
		moved := q
		moved.Values = generate(len(values), func(i int) float64 { return factor * values[i] })
		got := curve(t, moved, .9)
		for i, v := range want.Mean {
			if math.Abs(got.Mean[i]/factor-v) > 1e-3 {
				t.Fatalf("times %v, step %d: %v, want %v", factor, i, got.Mean[i]/factor, v)
			}
		}
	}
	if again := curve(t, q, .9); !cmp.Equal(again, want) {
		t.Error("not the same again")
	}
}
