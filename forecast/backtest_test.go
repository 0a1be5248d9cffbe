package forecast_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// listener notes what a replay tells.
type listener struct {
	forecasts []barograph.Forecast
	samples   int
}

func (l *listener) Observe(time.Time, float64)      { l.samples++ }
func (l *listener) Forecasted(f barograph.Forecast) { l.forecasts = append(l.forecasts, f) }
func (l *listener) before(t time.Time) (n int)      { return len(l.until(t)) }
func (l *listener) until(t time.Time) []barograph.Forecast {
	n := 0
	for n < len(l.forecasts) && l.forecasts[n].MadeAt.Before(t) {
		n++
	}
	return l.forecasts[:n]
}

// wander is a random walk of a sample a minute below .9, from long before epoch
// until so many hours after it.
func wander(seed uint64, hours int) []barograph.Point {
	rnd := rand.New(rand.NewPCG(seed, 3))
	var out []barograph.Point
	v := .5
	for m := -3 * 24 * 60; m < hours*60; m++ {
		v = min(.95, max(.3, v+.004*(rnd.Float64()-.49)))
		out = append(out, barograph.Point{UnixMilli: epoch.Add(time.Duration(m) * time.Minute).UnixMilli(), Value: v})
	}
	return out
}

// replayed returns what is told of the points, handed over in pieces of so many.
func replayed(t *testing.T, rule barograph.Rule, interval time.Duration, points []barograph.Point, piece int) *listener {
	t.Helper()
	cfg := forecast.DefaultConfig()
	cfg.Interval = barograph.Duration(interval)
	var l listener
	r, err := forecast.NewReplay(forecast.ReplayOptions{
		Config: cfg, Engine: forecast.NewEngine(), Rule: rule, Series: disk("web1"), Begin: time.UnixMilli(points[0].UnixMilli).UTC(), Witness: &l,
	})
	if err != nil {
		t.Fatal(err)
	}
	for len(points) > 0 {
		n := min(piece, len(points))
		if err := r.Feed(t.Context(), points[:n]); err != nil {
			t.Fatal(err)
		}
		points = points[n:]
	}
	if r.Forecasts() != len(l.forecasts) {
		t.Errorf("%d forecasts counted, %d told", r.Forecasts(), len(l.forecasts))
	}
	return &l
}

// What comes later changes nothing about what was said before.
func TestReplayDoesNotSeeTheFuture(t *testing.T) {
	t.Parallel()
	for minute := range 15 { // of a step: the looks at its end are four minutes before it
		seed := uint64(minute)
		points, changed := wander(seed, 14), wander(seed, 14)
		turn := len(points) - 6*60 + minute
		for i := turn; i < len(changed); i++ {
			changed[i].Value = .89 - changed[i].Value/4
		}
		at := time.UnixMilli(points[turn].UnixMilli)
		a, b := replayed(t, diskRule(), 4*time.Minute, points, 100), replayed(t, diskRule(), 4*time.Minute, changed, 100)
		if a.before(at) < 50 || a.before(at) == len(a.forecasts) {
			t.Fatalf("%d of %d forecasts before", a.before(at), len(a.forecasts))
		}
		if diff := cmp.Diff(a.until(at), b.until(at)); diff != "" {
			t.Errorf("seed %d: forecasts made before %s depend on what comes then:\n%s", seed, at, diff)
		}
		if cmp.Equal(a.forecasts, b.forecasts) {
			t.Error("nor do those after it")
		}
	}
}

// In which pieces the samples come makes no difference.
func TestReplayInPieces(t *testing.T) {
	t.Parallel()
	points := wander(1, 24)
	whole := replayed(t, diskRule(), time.Minute, points, len(points))
	for _, piece := range []int{1, 7, 1000} {
		got := replayed(t, diskRule(), time.Minute, points, piece)
		if diff := cmp.Diff(whole.forecasts, got.forecasts); diff != "" {
			t.Errorf("in pieces of %d:\n%s", piece, diff)
		}
		if got.samples != len(points) {
			t.Errorf("in pieces of %d: %d samples observed, want %d", piece, got.samples, len(points))
		}
	}
}

// The replay looks at the end of each step, and within it only where something
// happens.
func TestReplayLooks(t *testing.T) {
	t.Parallel()
	const step = 15 * time.Minute // of a horizon of a day
	minutes := func(l *listener) map[int]int {
		within := map[int]int{}
		for _, f := range l.forecasts {
			within[f.MadeAt.Minute()%15]++
		}
		return within
	}
	quiet := make([]barograph.Point, 5*24*60)
	for i := range quiet {
		quiet[i] = barograph.Point{UnixMilli: epoch.Add(time.Duration(i) * time.Minute).UnixMilli(), Value: .5 + .01*math.Sin(float64(i))}
	}
	got := minutes(replayed(t, diskRule(), time.Minute, quiet, 1000))
	if most := 5 * 24 * 4; got[14] < most/2 || got[14] > most { // a calm series is let pass every other step
		t.Errorf("%d forecasts at the ends of %d steps: %v", got[14], most, got)
	}
	for minute, n := range got {
		if minute != 14 && n > 20 {
			t.Errorf("%d forecasts in minute %d of a step in which nothing happens", n, minute)
		}
	}

	// A jump at minute 3 of a step is looked at when the Forecaster would look.
	jump := len(quiet) - 12*60 + 3
	for i := jump; i < len(quiet); i++ {
		quiet[i].Value += .35
	}
	at := time.UnixMilli(quiet[jump].UnixMilli).UTC()
	l := replayed(t, diskRule(), time.Minute, quiet, 1000)
	if next := l.forecasts[l.before(at)]; !next.MadeAt.Equal(at) || next.Value < .84 {
		t.Errorf("after a jump at %s it looks at %s and sees %v", at, next.MadeAt, next.Value)
	}

	// A Forecaster that looks less than once a step is replayed look by look.
	rare := replayed(t, diskRule(), 40*time.Minute, quiet, 1000)
	for _, f := range rare.forecasts {
		if f.MadeAt.Sub(epoch)%(40*time.Minute) != 0 {
			t.Errorf("a look at %s", f.MadeAt)
		}
	}
	if cadence := forecast.Cadence(forecast.DefaultConfig(), diskRule()); cadence != step {
		t.Errorf("cadence %s, want %s", cadence, step)
	}
	if n := forecast.Moments(forecast.DefaultConfig(), diskRule(), epoch, epoch.Add(barograph.Day)); n != 96 {
		t.Errorf("%d moments a day, want 96", n)
	}
}

// After a forecast that could open a prediction the replay does not wait for the
// end of a step, for a second that agrees.
func TestReplayLooksAgain(t *testing.T) {
	t.Parallel()
	ramp := make([]barograph.Point, 4*24*60)
	for i := range ramp {
		ramp[i] = barograph.Point{UnixMilli: epoch.Add(time.Duration(i) * time.Minute).UnixMilli(), Value: .2 + .69*float64(i)/float64(len(ramp))}
	}
	rule := diskRule()
	l := replayed(t, rule, time.Minute, ramp, 1000)
	for i, f := range l.forecasts {
		if f.State != barograph.StateForecast || f.Probability < rule.OpenAt {
			continue
		}
		if i+1 == len(l.forecasts) || l.forecasts[i+1].MadeAt.Sub(f.MadeAt) != time.Minute {
			t.Errorf("after %s, %v sure, it looks again at %s", f.MadeAt, f.Probability, l.forecasts[i+1].MadeAt)
		}
		return
	}
	t.Error("no ramp was seen")
}

// A rule on trouble below a limit sees the least of each step.
func TestReplayBelow(t *testing.T) {
	t.Parallel()
	below := diskRule()
	below.Operator, below.Limit = barograph.Below, .1
	points := wander(2, 24)
	mirrored := wander(2, 24)
	for i := range mirrored {
		mirrored[i].Value = 1 - mirrored[i].Value
	}
	a, b := replayed(t, diskRule(), time.Minute, points, 100), replayed(t, below, time.Minute, mirrored, 100)
	if len(a.forecasts) != len(b.forecasts) {
		t.Fatalf("%d forecasts and %d of the mirrored series", len(a.forecasts), len(b.forecasts))
	}
	for i := range a.forecasts {
		x, y := a.forecasts[i], b.forecasts[i]
		if !x.MadeAt.Equal(y.MadeAt) || x.State != y.State || math.Abs(x.Probability-y.Probability) > .02 {
			t.Fatalf("at %s %s %v, mirrored at %s %s %v", x.MadeAt, x.State, x.Probability, y.MadeAt, y.State, y.Probability)
		}
	}
}

func TestReplayStops(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	points := wander(1, 1)
	r, err := forecast.NewReplay(forecast.ReplayOptions{
		Config: forecast.DefaultConfig(), Engine: forecast.NewEngine(), Rule: diskRule(), Series: disk("web1"),
		Begin: time.UnixMilli(points[0].UnixMilli).UTC(), Witness: &listener{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Feed(ctx, points); !errors.Is(err, enough) {
		t.Errorf("it ends with %v", err)
	}
}
