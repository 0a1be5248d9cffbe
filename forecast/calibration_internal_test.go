package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func calibrationNow() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }

func calibrationRule() barograph.Rule {
	return barograph.Rule{ID: "rul_1", Name: "Disk space", Horizon: barograph.Duration(3 * barograph.Day), OpenAt: .7, CloseAt: .4}
}

// announced is an outcome of a prediction that was opened so long ago, with the
// times of a breach in 10, 30 and 50 h.
func announced(ago time.Duration, probability float64, state barograph.PredictionState, breachAfter time.Duration) barograph.Outcome {
	opened := calibrationNow().Add(-ago)
	in := func(h int) time.Time { return opened.Add(time.Duration(h) * time.Hour) }
	o := barograph.Outcome{Prediction: barograph.Prediction{
		RuleID: "rul_1", State: state, OpenedAt: opened, ClosedAt: in(60),
		First: barograph.Announcement{At: opened, Probability: probability, ETA: barograph.ETA{Early: in(10), Median: in(30), Late: in(50)}},
	}}
	if breachAfter > 0 {
		o.BreachAt = opened.Add(breachAfter)
		if state == barograph.PredictionConfirmed {
			o.Prediction.Lead, o.Prediction.ClosedAt = barograph.Duration(breachAfter), o.BreachAt
		}
	}
	return o
}

// closings are outcomes a day apart, the last of them this long ago; so many of
// them came true, spread evenly.
func closings(last time.Duration, n, right int, probability float64) (out []barograph.Outcome) {
	for i := range n {
		ago := last + time.Duration(n-1-i)*barograph.Day
		if i*right/n != (i+1)*right/n {
			out = append(out, announced(ago, probability, barograph.PredictionConfirmed, 30*time.Hour))
		} else {
			out = append(out, announced(ago, probability, barograph.PredictionExpired, 0))
		}
	}
	return out
}

const decided = 3 * barograph.Day // after which the horizon of an outcome is over

// forecastOf is a forecast of the probability whose conditional distribution
// grows by the square of time.
func forecastOf(probability float64) barograph.Forecast {
	fc := barograph.Forecast{
		RuleID: "rul_1", State: barograph.StateForecast, MadeAt: calibrationNow(), Horizon: calibrationRule().Horizon,
		Probability: probability, Reason: "it rises",
	}
	for k := range fc.CDF {
		share := float64(k+1) / barograph.CDFPoints
		fc.CDF[k] = probability * share * share
	}
	fc.ETA = etaOf(fc)
	return fc
}

func TestCalibrationLearns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		outcomes  []barograph.Outcome
		said      float64
		least     float64
		most      float64
		reason    string
		unlearned bool
	}{
		{name: "nothing known", said: .85, unlearned: true},
		{name: "right as announced", outcomes: closings(decided, 40, 34, .85), said: .85, least: .83, most: .87},
		{name: "one false alarm changes little", outcomes: closings(decided, 1, 0, .85), said: .85, least: .75, most: .84},
		{
			name: "half of them came true", outcomes: closings(decided, 40, 20, .85), said: .85, least: .6, most: .72,
			reason: "it rises; by that 85 %, but this rule's warnings of 80–90 % came true 20 times of 40",
		},
		{name: "none came true: bounded", outcomes: closings(decided, 300, 0, .85), said: .85, least: .653, most: .663},
		{name: "all came true: bounded", outcomes: closings(decided, 300, 300, .75), said: .75, least: .89, most: .9},
		{name: "a surer warning than all before", outcomes: closings(decided, 40, 20, .75), said: .95, least: .8, most: .95},
		{name: "where nothing was announced", outcomes: closings(decided, 40, 30, .75), said: .2, least: .2, most: .2001},
		{
			name: "no warning is surer than a surer one", outcomes: closings(decided, 40, 4, .85), said: .75, least: .5, most: .6,
			reason: "this rule's warnings came true 4 times of 40",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newCalibration(calibrationRule(), c.outcomes, calibrationNow())
			if (k == nil) != c.unlearned {
				t.Fatalf("calibration is %+v", k)
			}
			if k == nil {
				return
			}
			fc := forecastOf(c.said)
			got := k.apply(fc)
			if got.Probability < c.least || got.Probability > c.most {
				t.Errorf("%.4f became %.4f, want %.4f to %.4f", c.said, got.Probability, c.least, c.most)
			}
			if !strings.Contains(got.Reason, c.reason) || strings.Contains(got.Reason, "came true") != (math.Abs(got.Probability-c.said) >= tellFrom) {
				t.Errorf("reason %q, want one with %q", got.Reason, c.reason)
			}
			if u := got.Uncalibrated; u != nil && (u.Probability != c.said || u.ETA != *fc.ETA) {
				t.Errorf("the models said %+v, want %+v", u, fc)
			}
		})
	}
}

// TestEvidence is about what is learnt from which prediction.
func TestEvidence(t *testing.T) {
	t.Parallel()
	turned := announced(9*barograph.Day, .8, barograph.PredictionAverted, 0)
	turned.Prediction.Turned = true
	turnedLater := announced(9*barograph.Day, .8, barograph.PredictionAverted, 20*time.Hour)
	turnedLater.Prediction.Turned = true
	corrected := announced(9*barograph.Day, .6, barograph.PredictionConfirmed, 20*time.Hour)
	u := barograph.Uncalibrated{Probability: .85, ETA: corrected.Prediction.First.ETA}
	u.ETA.Median = u.ETA.Early.Add(10 * time.Hour) // 20 h
	corrected.Prediction.First.Uncalibrated = &u
	nan := math.NaN()
	for name, c := range map[string]struct {
		outcome barograph.Outcome
		none    bool
		want    evidence
	}{
		"confirmed":                       {outcome: announced(9*barograph.Day, .8, barograph.PredictionConfirmed, 20*time.Hour), want: evidence{said: .8, came: true, place: .3}},
		"confirmed early":                 {outcome: announced(9*barograph.Day, .8, barograph.PredictionConfirmed, 5*time.Hour), want: evidence{said: .8, came: true, place: .05}},
		"confirmed late":                  {outcome: announced(9*barograph.Day, .8, barograph.PredictionConfirmed, 61*time.Hour), want: evidence{said: .8, came: true, place: .95}},
		"confirmed after the horizon":     {outcome: announced(9*barograph.Day, .8, barograph.PredictionConfirmed, 80*time.Hour), want: evidence{said: .8, place: nan}},
		"expired":                         {outcome: announced(9*barograph.Day, .8, barograph.PredictionExpired, 0), want: evidence{said: .8, place: nan}},
		"expired, and then it came":       {outcome: announced(9*barograph.Day, .8, barograph.PredictionExpired, 61*time.Hour), want: evidence{said: .8, came: true, place: .95}},
		"averted":                         {outcome: announced(9*barograph.Day, .8, barograph.PredictionAverted, 0), want: evidence{said: .8, place: nan}},
		"averted, and came much later":    {outcome: announced(9*barograph.Day, .8, barograph.PredictionAverted, 100*time.Hour), want: evidence{said: .8, place: nan}},
		"corrected: the models' word":     {outcome: corrected, want: evidence{said: .85, came: true, place: .5}},
		"somebody acted":                  {outcome: turned, want: evidence{said: .8, turned: true, place: nan}},
		"somebody acted, yet it came":     {outcome: turnedLater, want: evidence{said: .8, turned: true, place: nan}},
		"withdrawn":                       {outcome: announced(9*barograph.Day, .8, barograph.PredictionWithdrawn, 0), none: true},
		"horizon not over":                {outcome: announced(2*barograph.Day, .8, barograph.PredictionExpired, 0), none: true},
		"horizon not over, but confirmed": {outcome: announced(2*barograph.Day, .8, barograph.PredictionConfirmed, 20*time.Hour), none: true},
		"nonsense":                        {outcome: announced(9*barograph.Day, nan, barograph.PredictionExpired, 0), none: true},
	} {
		got, ok := evidenceOf(c.outcome, 3*barograph.Day, calibrationNow())
		if ok == c.none {
			t.Errorf("%s: learnt %+v", name, got)
			continue
		}
		same := got.said == c.want.said && got.came == c.want.came && got.turned == c.want.turned &&
			(math.Abs(got.place-c.want.place) < 1e-9 || math.IsNaN(got.place) && math.IsNaN(c.want.place))
		if ok && !same {
			t.Errorf("%s: learnt %+v, want %+v", name, got, c.want)
		}
	}
}

// TestCalibrationPaysOff compares the Brier score of 40 rules with and without
// what they learn on the way: those that are right as they are lose nearly
// nothing, the others gain.
func TestCalibrationPaysOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shift       float64 // of the true log odds
		least, most float64 // what is gained
	}{
		"right":           {0, -.002, .001},
		"too sure":        {-1, .01, .05},
		"much too sure":   {-2, .05, .2},
		"not sure enough": {1, .001, .05},
	} {
		before, after := brier(c.shift)
		t.Logf("%s: Brier score %.4f, calibrated %.4f", name, before, after)
		if gain := before - after; gain < c.least || gain > c.most {
			t.Errorf("%s: gained %.4f, want %.4f to %.4f", name, gain, c.least, c.most)
		}
	}
}

// brier returns the Brier scores of 40 rules of 80 predictions each, one a day.
func brier(shift float64) (before, after float64) {
	rnd := rand.New(rand.NewPCG(5, 6))
	const rules, predictions = 40, 80
	for range rules {
		var outcomes []barograph.Outcome
		for range predictions {
			for i := range outcomes { // a day goes by
				p := &outcomes[i].Prediction
				p.OpenedAt, p.ClosedAt = p.OpenedAt.Add(-barograph.Day), p.ClosedAt.Add(-barograph.Day)
			}
			said := .7 + .28*rnd.Float64()
			told := said
			if k := newCalibration(calibrationRule(), outcomes, calibrationNow()); k != nil {
				told = k.apply(forecastOf(said)).Probability
			}
			state, came := barograph.PredictionExpired, 0.0
			if rnd.Float64() < logistic(logit(said)+shift) {
				state, came = barograph.PredictionConfirmed, 1
			}
			before += (said - came) * (said - came) / (rules * predictions)
			after += (told - came) * (told - came) / (rules * predictions)
			o := announced(0, said, state, 0)
			o.Prediction.Lead = barograph.Duration(30 * time.Hour)
			outcomes = append(outcomes, o)
		}
	}
	return before, after
}

// TestHeededWarnings: of a hundred warnings, of which eighty were right, somebody
// acted on sixty-four, and none of the others was heeded.
func TestHeededWarnings(t *testing.T) {
	t.Parallel()
	outcomes := closings(decided, 36, 16, .8)
	for i := range 64 {
		o := announced(decided+time.Duration(i)*barograph.Day/2, .8, barograph.PredictionAverted, 0)
		o.Prediction.Turned = true
		outcomes = append(outcomes, o)
	}
	slices.SortStableFunc(outcomes, func(a, b barograph.Outcome) int { return a.Prediction.OpenedAt.Compare(b.Prediction.OpenedAt) })
	got := newCalibration(calibrationRule(), outcomes, calibrationNow()).apply(forecastOf(.8))
	if got.Probability < .65 || got.Probability > .75 {
		t.Errorf("probability %.3f of a rule that is right and heeded, want it corrected little", got.Probability)
	}
	if want := "came true 16 times of 36"; !strings.Contains(got.Reason, want) {
		t.Errorf("reason %q lacks %q", got.Reason, want)
	}
}

// TestCalibrationNeverSilences: whatever was learnt, what the models are sure of
// is announced, and after a silence so is the rest.
func TestCalibrationNeverSilences(t *testing.T) {
	t.Parallel()
	rule := calibrationRule()
	opens := func(silence time.Duration, said float64) bool {
		k := newCalibration(rule, closings(silence, 500, 0, said), calibrationNow())
		return k.apply(forecastOf(said)).Probability >= rule.OpenAt
	}
	for _, c := range []struct {
		said    float64
		silence time.Duration
		want    bool
	}{
		{.75, decided, false},
		{.88, decided, true},
		{.75, 30 * barograph.Day, false},
		{.75, 40 * barograph.Day, true},
		{.71, 80 * barograph.Day, true},
	} {
		if got := opens(c.silence, c.said); got != c.want {
			t.Errorf("after %s of silence %.2f opens: %t, want %t", barograph.Duration(c.silence), c.said, got, c.want)
		}
	}
}

// TestCalibrationProperties tries random histories and forecasts.
func TestCalibrationProperties(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	states := []barograph.PredictionState{barograph.PredictionConfirmed, barograph.PredictionExpired, barograph.PredictionAverted}
	for range 500 {
		var outcomes []barograph.Outcome
		last := time.Duration(rnd.IntN(100*24)) * time.Hour
		for i := range rnd.IntN(60) + 1 {
			ago := last + time.Duration(100-i)*time.Duration(rnd.IntN(40)+1)*time.Hour
			outcomes = append(outcomes, announced(ago, rnd.Float64(), states[rnd.IntN(3)], time.Duration(rnd.IntN(90))*time.Hour))
		}
		k := newCalibration(calibrationRule(), outcomes, calibrationNow())
		if k == nil {
			continue
		}
		before := 0.0
		for p := FloorProbability; p <= CeilingProbability; p += .01 {
			got := k.apply(forecastOf(p))
			if got.Probability < before || got.Probability < FloorProbability || got.Probability > CeilingProbability {
				t.Fatalf("%.3f became %.4f after %.4f", p, got.Probability, before)
			}
			if moved := math.Abs(logit(got.Probability) - logit(p)); moved > k.bound+1e-9 {
				t.Fatalf("%.3f became %.4f: log odds moved by %.3f, the bound is %.3f", p, got.Probability, moved, k.bound)
			}
			before = got.Probability
			checkDistribution(t, got)
		}
	}
}

func checkDistribution(t *testing.T, fc barograph.Forecast) {
	t.Helper()
	last := 0.0
	for k, f := range fc.CDF {
		if !(f >= last && f <= CeilingProbability) {
			t.Fatalf("CDF decreases or leaves its range at %d: %v", k, fc.CDF)
		}
		last = f
	}
	if last != fc.Probability {
		t.Fatalf("CDF ends at %v, the probability is %v", last, fc.Probability)
	}
	over := fc.MadeAt.Add(fc.Horizon.Std())
	if e := fc.ETA; e.Early.Before(fc.MadeAt) || e.Median.Before(e.Early) || e.Late.Before(e.Median) || e.Late.After(over) {
		t.Fatalf("ETA %+v is out of order", e)
	}
}

// TestRefusalsAreLeftAlone, and so is a forecast of which nothing is known.
func TestRefusalsAreLeftAlone(t *testing.T) {
	t.Parallel()
	k := newCalibration(calibrationRule(), closings(decided, 40, 4, .85), calibrationNow())
	for _, fc := range []barograph.Forecast{
		{State: barograph.StateFlat, Reason: "it does not move"},
		{State: barograph.StateForecast, Probability: .8},
	} {
		if got := k.apply(fc); got.Probability != fc.Probability || got.Reason != fc.Reason || got.Uncalibrated != nil {
			t.Errorf("%+v became %+v", fc, got)
		}
	}
}

// coverage returns how often outcomes of the shape lie between the early and
// the late level, and below the median, of what was learnt from those before.
func coverage(shape func(u float64) float64) (inside, below float64) {
	rnd := rand.New(rand.NewPCG(3, 4))
	const n, warm = 2000, 50
	var seen []evidence
	in, under := 0, 0
	for i := range n {
		place := shape(rnd.Float64())
		if i >= warm {
			recent := seen[max(0, len(seen)-150):]
			for j := range recent { // a day apart
				recent[j].age = time.Duration(len(recent)-j) * barograph.Day
			}
			l := newETALevels(recent, evidenceHalfLife)
			if place >= l.early && place <= l.late {
				in++
			}
			if place <= l.median {
				under++
			}
		}
		seen = append(seen, evidence{came: true, place: place})
	}
	return float64(in) / (n - warm), float64(under) / (n - warm)
}

func TestETALevels(t *testing.T) {
	t.Parallel()
	// Without control: .80 and .50, .80 and .25, .63 and .71, .48 and .50, 1 and .50.
	for name, c := range map[string]struct {
		shape                          func(float64) float64
		leastInside, mostInside, least float64
		most                           float64
	}{
		"right already":        {shape: func(u float64) float64 { return u }, leastInside: .76, mostInside: .84, least: .45, most: .55},
		"breaches come late":   {shape: math.Sqrt, leastInside: .76, mostInside: .86, least: .34, most: .55},
		"breaches come early":  {shape: func(u float64) float64 { return u * u }, leastInside: .7, mostInside: .84, least: .45, most: .66},
		"ranges are too tight": {shape: func(u float64) float64 { return .5 + .5*math.Copysign(math.Pow(math.Abs(2*u-1), .3), u-.5) }, leastInside: .6, mostInside: .85, least: .45, most: .55},
		"ranges are too wide":  {shape: func(u float64) float64 { return .25 + u/2 }, leastInside: .75, mostInside: .98, least: .45, most: .55},
	} {
		inside, below := coverage(c.shape)
		t.Logf("%s: %.3f inside, %.3f below the median", name, inside, below)
		if inside < c.leastInside || inside > c.mostInside || below < c.least || below > c.most {
			t.Errorf("%s: %.3f inside, %.3f below the median", name, inside, below)
		}
	}
}

// TestLateBreachesMoveTheRange: the announced times follow.
func TestLateBreachesMoveTheRange(t *testing.T) {
	t.Parallel()
	var outcomes []barograph.Outcome
	for i := range 30 {
		outcomes = append(outcomes, announced(decided+time.Duration(30-i)*barograph.Day, .85, barograph.PredictionConfirmed, 60*time.Hour))
	}
	k := newCalibration(calibrationRule(), outcomes, calibrationNow())
	fc := forecastOf(.85)
	got := k.apply(fc)
	if !got.ETA.Early.After(fc.ETA.Early) || !got.ETA.Median.After(fc.ETA.Median) || !got.ETA.Late.After(fc.ETA.Late) {
		t.Errorf("ETA %+v became %+v, want later", fc.ETA, got.ETA)
	}
	checkDistribution(t, got)
	few := newCalibration(calibrationRule(), outcomes[:1], calibrationNow()).apply(fc)
	if moved := few.ETA.Median.Sub(fc.ETA.Median); moved > 30*time.Minute {
		t.Errorf("one late breach moved the median by %s", moved)
	}
}

func TestPoolViolators(t *testing.T) {
	t.Parallel()
	values := []float64{.1, .4, .3, .2, .8, .7, .9}
	poolViolators(values, []float64{1, 1, 2, 1, 3, 1, 1})
	want := []float64{.1, .3, .3, .3, .775, .775, .9}
	for i := range want {
		if math.Abs(values[i]-want[i]) > 1e-9 {
			t.Fatalf("pooled to %v, want %v", values, want)
		}
	}
}

func BenchmarkCalibrate(b *testing.B) {
	k := newCalibration(calibrationRule(), closings(decided, 200, 100, .85), calibrationNow())
	fc := forecastOf(.6)
	b.ReportAllocs()
	for b.Loop() {
		k.apply(fc)
	}
}
