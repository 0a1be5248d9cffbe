package forecast_test

import (
	"math"
	"testing"

	"github.com/barograph/barograph/forecast"
)

func TestProductLimitByHand(t *testing.T) {
	// Six windows: one crosses after 2 steps, two after 5; the history ends 3 and
	// 8 steps after the start of two; one does not cross.
	w := forecast.Windows{
		Points: 200, Horizon: 20, Look: 32, Chance: .3,
		All: []forecast.Window{{2, 20, 1}, {0, 3, 1}, {5, 20, 1}, {5, 9, 1}, {0, 8, 1}, {0, 20, 1}},
	}
	crossed := map[int]float64{2: 1, 5: 2}
	atRisk := func(step int) float64 {
		switch {
		case step <= 2:
			return 6
		case step == 3:
			return 5
		case step <= 5:
			return 4
		case step <= 8:
			return 2
		}
		return 1
	}
	for _, prior := range []float64{0, .5, 6, 1e6} {
		hazard := 1 - math.Pow(1-w.Chance, 1./32)
		survival := 1.0
		var want forecast.CDF
		for step := 1; step <= 20; step++ {
			survival *= 1 - (crossed[step]+hazard*prior)/(atRisk(step)+prior)
			want[step-1] = 1 - survival
		}
		expectNear(t, w.ProductLimit(prior), want, 1e-12)
	}
	plain := w.ProductLimit(0)
	for at, want := range map[int]float64{1: 0, 2: 1. / 6, 4: 1. / 6, 5: 1 - 5./6*2/4, 20: 7. / 12} {
		if got := plain[at-1]; math.Abs(got-want) > 1e-12 {
			t.Errorf("within %d steps %v, want %v", at, got, want)
		}
	}
}

func TestProductLimitBeyondWhatWasSeen(t *testing.T) {
	// All windows end after 4 steps or at once: after that only the prior is left,
	// of which every fifth crosses within the look, also beyond the whole history.
	w := forecast.Windows{
		Points: 11, Horizon: 40, Look: 8, Chance: .2,
		All: []forecast.Window{{0, 4, 2}, {0, 4, 1}, {0, 0, 5}},
	}
	for _, prior := range []float64{0, 3} {
		hazard := 1 - math.Pow(1-w.Chance, 1./8)
		survival := 1.0
		var want forecast.CDF
		for step := 1; step <= 40; step++ {
			if step <= 4 {
				survival *= 1 - hazard*prior/(3+prior)
			} else {
				survival *= 1 - hazard
			}
			if step%2 == 0 {
				want[step/2-1] = 1 - survival
			}
		}
		expectNear(t, w.ProductLimit(prior), want, 1e-12)
	}
}

func TestPriorCountsAgainstIndependentWindows(t *testing.T) {
	var line forecast.CDF
	for k := range line {
		line[k] = float64(k) / 40
	}
	all := []forecast.Window{{3, 32, 1}, {0, 32, 2}, {7, 32, 1}, {0, 32, 1}, {0, 32, 1}}
	for name, c := range map[string]struct {
		points             int
		straight, pulledBy float64
	}{
		"room for three side by side": {96, 0, forecast.WindowPrior / 3},
		"room for less than one":      {20, 0, forecast.WindowPrior},
		"room for more than there is": {3200, 0, forecast.WindowPrior / 5},
		"half a straight line":        {96, .5, forecast.WindowPrior / 3},
		"a straight line":             {96, 1, forecast.WindowPrior / 3},
	} {
		w := forecast.Windows{Points: c.points, Horizon: 20, Look: 32, Chance: .4, Straight: c.straight, Line: line, All: all}
		want := w.ProductLimit((1 - c.straight) * c.pulledBy * 6) // the total weight is 6
		for k := range want {
			want[k] += c.straight * c.pulledBy / (1 + c.pulledBy) * (line[k] - want[k])
		}
		got, ok := w.Passage()
		if !ok {
			t.Fatalf("%s: nothing", name)
		}
		if d := distance(got, want); !(d < 1e-12) {
			t.Errorf("%s: off by %v", name, d)
		}
	}
	if _, ok := (forecast.Windows{Points: 96, Horizon: 20, Look: 32, All: all[:1]}).Passage(); ok {
		t.Error("one window is no estimate")
	}
}
