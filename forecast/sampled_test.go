package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// samplesEvery returns n points so far apart, with the values 0, 1 and so on.
func samplesEvery(step time.Duration, n int) []barograph.Point {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	points := make([]barograph.Point, n)
	for i := range points {
		points[i] = barograph.Point{UnixMilli: start.Add(time.Duration(i) * step).UnixMilli(), Value: float64(i)}
	}
	return points
}

func TestSampledGrid(t *testing.T) {
	tests := []struct {
		name          string
		horizon, step time.Duration // of the rule, between samples
		want          time.Duration
		steps         int
	}{
		{"fine samples", barograph.Week, time.Minute, 2 * time.Hour, 84},
		{"samples as far apart as the steps", barograph.Week, 2 * time.Hour, 2 * time.Hour, 84},
		{"samples a little late", barograph.Week, 2*time.Hour + 5*time.Minute, 2 * time.Hour, 84},
		{"samples a day apart", barograph.Week, barograph.Day, barograph.Day, 7},
		{"samples that jitter about an hour", 12 * time.Hour, time.Hour + 3*time.Minute, time.Hour, 12},
		{"samples 50 minutes apart", 12 * time.Hour, 50 * time.Minute, time.Hour, 12},
		{"samples a week apart", 100 * barograph.Day, barograph.Week, barograph.Week, 15},
		{"samples years apart", barograph.Week, 3000 * barograph.Day, 366 * barograph.Day, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := barograph.Rule{Operator: barograph.Above, Horizon: barograph.Duration(tt.horizon)}
			g := forecast.SampledGrid(rule, samplesEvery(tt.step, 50))
			if g.Step != tt.want || g.Horizon != tt.steps || g.Rollup != barograph.RollupMax {
				t.Errorf("got %+v, want %d steps of %s", g, tt.steps, tt.want)
			}
		})
	}
	rule := barograph.Rule{Operator: barograph.Above, Horizon: barograph.Duration(barograph.Week)}
	for n := range 2 {
		if got, want := forecast.SampledGrid(rule, samplesEvery(time.Hour, n)), forecast.NewGrid(rule); got != want {
			t.Errorf("with %d samples got %+v, want %+v", n, got, want)
		}
	}
}

func TestQuestionOfSamples(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(minutes int, v float64) barograph.Point {
		return barograph.Point{UnixMilli: start.Add(time.Duration(minutes) * time.Minute).UnixMilli(), Value: v}
	}
	points := []barograph.Point{at(1, 5), at(20, 9), at(50, 7), at(125, math.NaN()), at(130, -3), at(200, 4), at(241, 8), at(250, 99)}
	nan := math.NaN()
	for op, want := range map[barograph.Operator][]float64{
		barograph.Above:  {9, nan, -3, 4, 8},
		barograph.AtMost: {5, nan, -3, 4, 8},
	} {
		rule := barograph.Rule{Operator: op, Limit: 50, Horizon: barograph.Duration(barograph.Day), Bounds: &barograph.Bounds{}}
		g := forecast.NewGrid(rule).WithStep(rule, time.Hour)
		got := g.Question(rule, points, start.Add(245*time.Minute))
		wantQuestion := forecast.Question{
			Values: want, Start: start, Step: time.Hour, Now: start.Add(245 * time.Minute),
			Limit: 50, Operator: op, Horizon: 24, Bounds: rule.Bounds,
		}
		if diff := cmp.Diff(wantQuestion, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: %s", op, diff)
		}
	}
}

func TestQuestionOfNoSamples(t *testing.T) {
	rule := barograph.Rule{Operator: barograph.Above, Limit: 50, Horizon: barograph.Duration(barograph.Day)}
	q := forecast.NewGrid(rule).Question(rule, nil, time.Unix(1e9, 0))
	if a := forecast.NewEngine().Answer(q); a.State != barograph.StateInsufficientData {
		t.Errorf("got %+v", a)
	}
}

// TestQuestionOfAges keeps to times that can be told apart: a duration holds
// 292 years.
func TestQuestionOfAges(t *testing.T) {
	rule := barograph.Rule{Operator: barograph.Above, Limit: 50, Horizon: barograph.Duration(20 * 366 * barograph.Day)}
	points := []barograph.Point{{UnixMilli: -1e14, Value: 1}, {UnixMilli: 0, Value: 2}, {UnixMilli: 1e14, Value: 3}}
	g := forecast.SampledGrid(rule, points)
	q := g.Question(rule, points, time.UnixMilli(1e14))
	if end := q.Start.Add(time.Duration(len(q.Values)) * q.Step); q.Now.Before(q.Start) || q.Now.After(end) {
		t.Errorf("now %s is not between %s and %s", q.Now, q.Start, end)
	}
	if a := forecast.NewEngine().Answer(q); a.Value != 3 || a.State != barograph.StateInsufficientData {
		t.Errorf("got %+v", a)
	}
}
