package forecast_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// The situations here are those that users of other monitoring systems
// complained about; each test names where. Opening a prediction takes a
// probability of one half or more.
const opens = .5

// gridded returns a question on another grid than hourly.
func gridded(step time.Duration, values []float64, operator barograph.Operator, limit float64, horizon time.Duration) forecast.Question {
	return forecast.Question{Values: values, Step: step, Limit: limit, Operator: operator, Horizon: int(horizon / step)}
}

func answer(t *testing.T, q forecast.Question) forecast.Answer {
	t.Helper()
	a := forecast.NewEngine().Answer(q)
	checkAnswer(t, q, a)
	return a
}

// wantQuiet fails the test if the answer would open a prediction.
func wantQuiet(t *testing.T, when any, a forecast.Answer) {
	t.Helper()
	if a.Probability >= opens {
		t.Errorf("%v: %.2f, %s: %s", when, a.Probability, a.State, a.Reason)
	}
}

func wantState(t *testing.T, when any, a forecast.Answer, want barograph.ForecastState) {
	t.Helper()
	if a.State != want {
		t.Errorf("%v: %s (%.3f: %s), want %s", when, a.State, a.Probability, a.Reason, want)
	}
}

// netdata#9802: 1 GB is written every night from 02:50 to 03:00 and deleted.
func TestNightlyDumpThenDeleted(t *testing.T) {
	const night, perDay = 11, 96 // the quarter from 02:45 on
	values := generate(4*perDay, func(i int) float64 {
		if i%perDay == night {
			return 41
		}
		return 40
	})
	for _, n := range []int{perDay + night + 1, perDay + night + 2, 2*perDay + night + 1, 2*perDay + night + 2, 3*perDay + 50} {
		wantQuiet(t, n, answer(t, gridded(15*time.Minute, values[:n], barograph.AtLeast, 45, barograph.Day)))
	}
}

// netdata#6114: one minute of data after a reboot, disk 4 GB free and flat.
func TestOneMinuteAfterReboot(t *testing.T) {
	flat := generate(200, func(int) float64 { return 4 })
	q := gridded(5*time.Minute, flat[:1], barograph.AtMost, 1, 6*time.Hour)
	wantState(t, "one point", answer(t, q), barograph.StateInsufficientData)
	q.Values = flat[:35]
	a := answer(t, q)
	wantState(t, "under half a horizon", a, barograph.StateInsufficientData)
	if want := "have 2.9 h of history, need 3 h"; a.Reason != want {
		t.Errorf("reason %q, want %q", a.Reason, want)
	}
	q.Values = flat
	wantState(t, "later", answer(t, q), barograph.StateFlat)
}

// netdata#1173: an unused disk whose free space wavers by a block.
func TestUnusedDiskWithBlockNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	values := generate(600, func(int) float64 { return 100e9 + 4096*float64(r.IntN(3)-1) })
	wantState(t, "noise", answer(t, gridded(time.Hour, values, barograph.AtMost, 10e9, barograph.Week)), barograph.StateFlat)
}

// netdata#7842: a disk fills to 100 % and stays there.
func TestDiskFillsAndStays(t *testing.T) {
	values := generate(700, func(i int) float64 { return min(100, 30+float64(i)/8) })
	full := 560
	a := answer(t, question(values[:full-100], 90, 168))
	wantState(t, "before", a, barograph.StateForecast)
	if at := float64(480 - (full - 101)); a.Probability < .8 || a.ETA.P10 > at || a.ETA.P90 < at-1 {
		t.Errorf("before: %.2f, eta %+v, want %v", a.Probability, a.ETA, at)
	}
	for _, n := range []int{full - 70, full + 1, len(values)} {
		wantState(t, n, answer(t, question(values[:n], 90, 168)), barograph.StateAlreadyBreached)
	}
}

// kubernetes-mixin#98: a saw-tooth from 60 to 85 % each week, limit 90 %.
func TestWeeklySawtoothBelowTheLimit(t *testing.T) {
	const week = 84 // steps of two hours
	values := generate(8*week, func(i int) float64 { return 60 + 25*float64(i%week)/week })
	for n := 4 * week; n <= len(values); n += 5 {
		wantQuiet(t, n, answer(t, gridded(2*time.Hour, values[:n], barograph.AtLeast, 90, barograph.Week)))
	}
}

// Checkmk manual: a clean-up from 80 to 30 %, then the old slope goes on.
func TestCleanUpThenTheOldSlope(t *testing.T) {
	const perDay = 12
	clean := 30 * perDay
	values := generate(36*perDay, func(i int) float64 {
		if i < clean {
			return 50 + float64(i)/perDay
		}
		return 30 + float64(i-clean)/perDay
	})
	for n := clean; n <= len(values); n += 3 {
		wantQuiet(t, n, answer(t, gridded(2*time.Hour, values[:n], barograph.AtMost, 5, barograph.Week)))
		if n > clean+perDay {
			wantQuiet(t, n, answer(t, gridded(2*time.Hour, values[:n], barograph.AtLeast, 90, barograph.Week)))
		}
	}
	a := answer(t, gridded(2*time.Hour, values, barograph.AtLeast, 40, barograph.Week))
	if at := 4.*perDay + 1; a.Probability < opens || a.ETA.P10 > at || a.ETA.P90 < at-perDay/2 {
		t.Errorf("new slope: %.2f, eta %+v, want %v: %s", a.Probability, a.ETA, at, a.Reason)
	}
}

// The same, but the slope after the clean-up is another one.
func TestCleanUpThenANewSlope(t *testing.T) {
	const perDay = 12
	clean := 30 * perDay
	values := generate(36*perDay, func(i int) float64 {
		if i < clean {
			return 50 + float64(i)/perDay
		}
		return 30 + 3*float64(i-clean)/perDay
	})
	a := answer(t, gridded(2*time.Hour, values, barograph.AtLeast, 90, barograph.Week))
	want := "the value rises by about 3 a day; at that pace the limit, 42.2 away, is reached in 14.1 d, after the horizon of 7 d"
	if a.State != barograph.StateBeyondHorizon || a.Reason != want {
		t.Errorf("%s (%.2f), %q, want %q", a.State, a.Probability, a.Reason, want)
	}
}

// awesome-prometheus-alerts#154: a ramp with one point ten times as high.
func TestRampWithOneOutlier(t *testing.T) {
	for _, at := range []int{200, 390, 398} {
		values := generate(400, func(i int) float64 { return 20 + float64(i)/20 })
		values[at] *= 10
		a := answer(t, question(values, 42, 84))
		crossing := 40.
		if a.Probability < opens || a.ETA.P10 > crossing || a.ETA.P90 < crossing {
			t.Errorf("outlier at %d: %.2f, eta %+v, want %v: %s", at, a.Probability, a.ETA, crossing, a.Reason)
		}
		flat := generate(400, func(int) float64 { return 20 })
		flat[at] *= 10
		wantQuiet(t, "outlier alone", answer(t, question(flat, 42, 84)))
	}
}

// prometheus#2458: a daily sine on a slow ramp; the ETA is right within a day.
func TestDailySineOnSlowRamp(t *testing.T) {
	const perDay = 12
	f := func(i int) float64 {
		return 40 + .5*float64(i)/perDay + 10*math.Sin(2*math.Pi*float64(i)/perDay)
	}
	n := 40 * perDay
	limit := 40 + .5*44 + 10. // the peak of about four days from now
	want := 0
	for f(n+want-1) < limit {
		want++
	}
	a := answer(t, gridded(2*time.Hour, generate(n, f), barograph.AtLeast, limit, barograph.Week))
	if a.Probability < opens || math.Abs(a.ETA.P50-float64(want)) > perDay {
		t.Errorf("%.2f, eta %+v, want %d: %s", a.Probability, a.ETA, want, a.Reason)
	}
}

// Pending updates grow to 40 until patch day brings them to 0, each month.
func TestPendingUpdatesBetweenPatchDays(t *testing.T) {
	const perDay, month = 4, 120
	values := generate(4*month+15*perDay, func(i int) float64 { return math.Floor(40 * float64(i%month) / month) })
	q := gridded(6*time.Hour, values, barograph.AtLeast, 28, barograph.Week)
	a := answer(t, q)
	if want := 24.; a.Probability < opens || a.ETA.P10 > want+1 || a.ETA.P90 < want-2 {
		t.Errorf("before patch day: %.2f, eta %+v, want %v: %s", a.Probability, a.ETA, want, a.Reason)
	}
	for n := 4*month + 1; n < 4*month+7*perDay; n += 3 {
		q.Values = values[:n]
		wantQuiet(t, n, answer(t, q))
		low := q
		low.Operator, low.Limit, low.Bounds = barograph.Below, 0, &barograph.Bounds{Min: new(float64)}
		wantState(t, "a negative count", answer(t, low), barograph.StateBeyondHorizon)
	}
}

// uptime-kuma#5211: a route change lifts the RTT from 20 to 45 ms.
func TestRouteChangeLiftsRTT(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	change := 800
	values := generate(1200, func(i int) float64 {
		base := .020
		if i >= change {
			base = .045
		}
		return base + .001*math.Abs(r.NormFloat64())
	})
	for n := change - 10; n <= len(values); n += 7 {
		wantQuiet(t, n-change, answer(t, gridded(5*time.Minute, values[:n], barograph.AtLeast, .100, 6*time.Hour)))
	}
}

// openobserve#14608: hardly any values, equal ones, nulls, gaps.
func TestHardlyAnything(t *testing.T) {
	nan := math.NaN()
	for name, values := range map[string][]float64{
		"none": nil, "one": {1}, "two": {1, 2}, "nulls": {nan, nan}, "two with nulls": {nan, 1, nan, 2, nan},
	} {
		wantState(t, name, answer(t, question(values, 10, 24)), barograph.StateInsufficientData)
	}
	wantState(t, "equal", answer(t, question(generate(100, func(int) float64 { return 3 }), 10, 24)), barograph.StateFlat)
}

// homelab PR#1568: the same mount comes back under new labels, and the old
// series ends in a steep tail.
func TestStaleTailIsNotUsed(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	q := question(generate(200, func(i int) float64 { return float64(max(0, i-190)) }), 12, 24)
	q.Start = start
	q.Now = start.Add(204 * time.Hour)
	wantState(t, "late", answer(t, q), barograph.StateForecast)
	q.Now = start.Add(206 * time.Hour)
	a := answer(t, q)
	wantState(t, "stale", a, barograph.StateStale)
	if want := "the last sample is 6 h old"; a.Reason != want {
		t.Errorf("reason %q, want %q", a.Reason, want)
	}
}

func TestCalmStatesSayWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		q      forecast.Question
		state  barograph.ForecastState
		reason string
	}{
		{
			"slow ramp", question(generate(600, func(i int) float64 { return float64(i) / 24 }), 60, 168),
			barograph.StateBeyondHorizon,
			"the value rises by about 1 a day; at that pace the limit, 35 away, is reached in 35 d, after the horizon of 7 d",
		},
		{
			"falling", question(generate(600, func(i int) float64 { return 50 - float64(i)/24 }), 60, 168),
			barograph.StateMovingAway, "the value falls by about 1 a day, away from the limit, which is 35 away",
		},
		{
			"constant", question(generate(600, func(int) float64 { return 7 }), 60, 168),
			barograph.StateFlat, "the value has been 7 for 25 d",
		},
		{
			"crossed", question(generate(600, func(int) float64 { return 70 }), 60, 168),
			barograph.StateAlreadyBreached, "the last value 70 is >= 60",
		},
	} {
		a := answer(t, c.q)
		if a.State != c.state || a.Reason != c.reason {
			t.Errorf("%s: %s, %q (%v); want %s, %q", c.name, a.State, a.Reason, a.CDF[19], c.state, c.reason)
		}
	}
}
