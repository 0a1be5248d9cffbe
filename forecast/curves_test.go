package forecast_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// Rule finds a rule of the world.
func (w *world) Rule(_ context.Context, id barograph.RuleID) (barograph.Rule, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		if r.ID == id {
			return r, nil
		}
	}
	return barograph.Rule{}, barograph.Errorf(barograph.KindNotFound, "there is no rule %s", id)
}

// Predictions lists one that is open.
func (w *world) Predictions(_ context.Context, f barograph.PredictionFilter, _ barograph.Page) ([]barograph.Prediction, error) {
	if f.State != barograph.PredictionOpen {
		w.t.Errorf("asked for predictions that are %q", f.State)
	}
	return []barograph.Prediction{{ID: "prd_gone", RuleID: "rul_gone"}, {ID: "prd_1", RuleID: "rul_disk", Series: disk("web1")}}, nil
}

// curves returns what draws the series of the world.
func (w *world) curves() *forecast.Curves {
	w.t.Helper()
	c, err := forecast.NewCurves(forecast.DefaultConfig(), w, w, w, forecast.Deps{Clock: w.clock, Log: quiet(), Metrics: metrics.NewSet()})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) reads() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queries)
}

func (w *world) curve(c *forecast.Curves, series barograph.Series) barograph.Curve {
	w.t.Helper()
	curve, err := c.Curve(w.t.Context(), "rul_disk", series, .8)
	if err != nil {
		w.t.Fatal(err)
	}
	return curve
}

func (w *world) curveAt(c *forecast.Curves, at time.Time) barograph.Curve {
	w.t.Helper()
	curve, err := c.CurveAt(w.t.Context(), "rul_disk", disk("web1"), .8, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return curve
}

func TestCurve(t *testing.T) {
	w := newWorld(t, diskRule())
	w.clock.Move(7 * time.Minute)
	w.record(disk("web1"), filling()[600:]...) // nothing before
	other := disk("web1")
	other.Labels = other.Labels.With("mount", "/var")
	w.record(other, steady()...) // has the same labels and one more
	c := w.curves()
	curve := w.curve(c, disk("web1"))

	if !curve.Start.Equal(epoch) || curve.StepSeconds != 900 || curve.Limit != .9 || curve.Level != .8 || len(curve.Models) == 0 {
		t.Errorf("curve %+v", curve)
	}
	if len(curve.Mean) != 96 || len(curve.Lower) != 96 || len(curve.Upper) != 96 || len(curve.History) != 288 {
		t.Fatalf("%d of mean, %d, %d, %d of history", len(curve.Mean), len(curve.Lower), len(curve.Upper), len(curve.History))
	}
	last := curve.History[len(curve.History)-1]
	if last == nil || math.Abs(*last-.8) > .005 || curve.History[0] != nil {
		t.Errorf("history from %v to %v, want nil to .8", curve.History[0], last)
	}
	for i := range curve.Mean {
		if curve.Lower[i] > curve.Mean[i] || curve.Mean[i] > curve.Upper[i] {
			t.Fatalf("step %d: %v, %v, %v", i, curve.Lower[i], curve.Mean[i], curve.Upper[i])
		}
	}
	w.with(func() {
		if q := w.queries[0]; q.Rollup != barograph.RollupMean || !q.To.Equal(epoch) {
			t.Errorf("asked for %+v, want the means of complete steps", q)
		}
	})
}

func TestCurvesAreKeptForAStep(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	c := w.curves()
	expect := func(what string, reads int) {
		t.Helper()
		w.curve(c, disk("web1"))
		if got := w.reads(); got != reads {
			t.Errorf("%s: %d readings so far, want %d", what, got, reads)
		}
	}
	expect("first", 1)
	w.clock.Move(14 * time.Minute)
	expect("in the same step", 1)
	w.clock.Move(time.Minute)
	expect("in the next step", 2)
	w.with(func() { w.rules[0].Annotations = map[string]string{"summary": "other words"} })
	expect("with other words", 2)
	w.with(func() { w.rules[0].Limit = .95 })
	if curve := w.curve(c, disk("web1")); curve.Limit != .95 {
		t.Errorf("limit %v", curve.Limit)
	}
	expect("with another limit", 3)
	if _, err := c.Curve(t.Context(), "rul_disk", disk("web1"), .9); err != nil || w.reads() != 4 {
		t.Errorf("another level: %v, %d readings", err, w.reads())
	}

	w.with(func() { w.readErr = errAway })
	w.clock.Move(time.Hour)
	before := w.curve(c, disk("web1"))
	if age := w.clock.Now().Sub(before.MadeAt); age != time.Hour {
		t.Errorf("while the store is away the curve is %s old", age)
	}
	if _, err := c.Curve(t.Context(), "rul_disk", disk("web2"), .8); err == nil || !strings.Contains(err.Error(), "away") {
		t.Errorf("a curve that never was: %v", err)
	}
	w.with(func() { w.readErr = nil })
	if fresh := w.curve(c, disk("web1")); !fresh.MadeAt.Equal(w.clock.Now()) {
		t.Errorf("with the store back the curve is of %s", fresh.MadeAt)
	}
}

func TestCurveAtKnowsNothingOfLater(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	c := w.curves()
	then, at := w.curve(c, disk("web1")), w.clock.Now().Add(7*time.Minute)

	w.clock.Move(24 * time.Hour)
	since := make([]float64, 280)
	for i := range since {
		since[i] = .1
	}
	w.record(disk("web1"), since...) // it was cleaned up
	back := w.curveAt(c, at)
	if !back.MadeAt.Equal(at) || !back.Start.Equal(then.Start) {
		t.Errorf("as of %s it was made at %s, begins at %s, want %s", at, back.MadeAt, back.Start, then.Start)
	}
	if diff := cmp.Diff(then.Mean, back.Mean) + cmp.Diff(then.Upper, back.Upper) + cmp.Diff(then.History, back.History); diff != "" {
		t.Errorf("it is not what was said then: %s", diff)
	}
	if now := w.curve(c, disk("web1")); now.Mean[0] > .5 {
		t.Errorf("now %v is expected, as was then", now.Mean[0])
	}
	reads := w.reads()
	w.curveAt(c, at.Add(time.Minute))
	w.curve(c, disk("web1"))
	if got := w.reads(); got != reads {
		t.Errorf("%d readings for what is known", got-reads)
	}
	if w.curveAt(c, at.Add(-15*time.Minute)); w.reads() != reads+1 {
		t.Errorf("%d readings for the step before", w.reads()-reads)
	}
	if ahead := w.curveAt(c, w.clock.Now().Add(time.Hour)); !ahead.MadeAt.Equal(w.clock.Now()) {
		t.Errorf("of the future it was made at %s", ahead.MadeAt)
	}
	w.with(func() { w.rules[0].Limit = .95 })
	if other := w.curveAt(c, at); other.Limit != .95 {
		t.Errorf("by the rule as it is now the limit is %v", other.Limit)
	}
}

func TestCurvesThatWereNot(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	c := w.curves()
	for name, q := range map[string]struct {
		rule   barograph.RuleID
		series barograph.Series
		at     time.Time
		kind   barograph.Kind
	}{
		"before anything": {"rul_disk", disk("web1"), epoch.AddDate(-1, 0, 0), barograph.KindNotFound},
		"no rule":         {"rul_x", disk("web1"), epoch, barograph.KindNotFound},
		"other series":    {"rul_disk", barograph.Series{Metric: "load_average"}, epoch, barograph.KindInvalid},
	} {
		w.clock.Move(time.Minute)
		if _, err := c.CurveAt(t.Context(), q.rule, q.series, .8, q.at); barograph.KindOf(err) != q.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.with(func() { w.readErr = errAway })
	if _, err := c.CurveAt(t.Context(), "rul_disk", disk("web1"), .8, epoch); err == nil {
		t.Error("a curve without a store")
	}
}

func TestManyViewersCostOneCurve(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.hold = make(chan struct{})
	c := w.curves()
	var viewers sync.WaitGroup
	view := func(ctx context.Context) {
		viewers.Go(func() {
			if _, err := c.Curve(ctx, "rul_disk", disk("web1"), .95); err != nil {
				t.Error(err)
			}
		})
	}
	impatient, leave := context.WithCancel(t.Context())
	view(impatient)
	for w.reads() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 50 {
		view(t.Context())
	}
	leave() // the others still want it
	close(w.hold)
	viewers.Wait()
	if n := w.reads(); n != 1 {
		t.Errorf("%d readings", n)
	}
}

func TestCurvesThatAreNot(t *testing.T) {
	blind := diskRule()
	blind.ID, blind.Horizon = "rul_blind", 0
	w := newWorld(t, diskRule(), blind)
	w.record(disk("web1"), .5) // in a step that is not complete
	c := w.curves()
	load := barograph.Series{Metric: "load_average"}
	for name, q := range map[string]struct {
		rule   barograph.RuleID
		series barograph.Series
		level  float64
		kind   barograph.Kind
		says   string
	}{
		"no rule":       {"rul_x", disk("web1"), .9, barograph.KindNotFound, "rul_x"},
		"no horizon":    {"rul_blind", disk("web1"), .9, barograph.KindInvalid, "horizon"},
		"other series":  {"rul_disk", load, .9, barograph.KindInvalid, "load_average"},
		"level":         {"rul_disk", disk("web1"), 1, barograph.KindInvalid, "level"},
		"no samples":    {"rul_disk", disk("web2"), .9, barograph.KindNotFound, "web2"},
		"only just now": {"rul_disk", disk("web1"), .9, barograph.KindNotFound, "15m"},
	} {
		_, err := c.Curve(t.Context(), q.rule, q.series, q.level)
		if barograph.KindOf(err) != q.kind || !strings.Contains(err.Error(), q.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bubbleWorld is the world without a store.
type bubbleWorld struct {
	*world

	island *island
}

func (b bubbleWorld) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	b.with(func() { b.queries = append(b.queries, q) })
	return b.island.Select(ctx, q)
}

func TestCurvesOfOpenPredictionsAreMadeAtNight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at midnight
		island := newIsland("rul_disk")
		w := bubbleWorld{&world{t: t}, island}
		rule := diskRule()
		rule.Series = barograph.Selector{}
		w.rules = []barograph.Rule{rule}
		c, err := forecast.NewCurves(forecast.DefaultConfig(), w, w, w, forecast.Deps{Clock: barograph.WallClock{}, Log: quiet(), Metrics: metrics.NewSet()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = c.Run(ctx) })
		for hour, want := range []int{0, 0, 0, 1, 1} {
			time.Sleep(time.Duration(hour)*time.Hour + 30*time.Minute - time.Since(midnight()))
			if got := w.reads(); got != want {
				t.Errorf("at %s: %d curves, want %d", time.Now().Format(time.TimeOnly), got, want)
			}
		}
		time.Sleep(48 * time.Hour)
		if got := w.reads(); got != 3 {
			t.Errorf("after three nights %d curves", got)
		}
		stop()
		run.Wait()
	})
}

// midnight is when the time of every bubble begins.
func midnight() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
