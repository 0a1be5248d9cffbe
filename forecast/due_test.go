package forecast_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

// counter returns a metric of the forecaster.
func (w *world) counter(name string) int {
	w.t.Helper()
	var text bytes.Buffer
	w.set.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				w.t.Fatal(err)
			}
			return n
		}
	}
	w.t.Fatalf("no metric %s", name)
	return 0
}

const skippedCalm = `barograph_forecasts_skipped_total{why="calm"}`

// calm returns a world with a series around .5, limit .9, that was asked about
// twice and is calm.
func calm(t *testing.T, change func(*barograph.Rule)) *world {
	t.Helper()
	rule := diskRule()
	if change != nil {
		change(&rule)
	}
	w := newWorld(t, rule)
	w.record(disk("web1"), steady()...)
	w.start(nil)
	w.sweep()
	if rule.Operator.Upward() {
		w.pass(.5002)
	} else {
		w.pass(.4999)
	}
	if got := w.take(); len(got) != 2 {
		t.Fatalf("heard %d batches, want two before it is skipped", len(got))
	}
	return w
}

// pass lets a minute pass, with a sample and a sweep at its end.
func (w *world) pass(value float64) {
	w.t.Helper()
	w.clock.Move(time.Minute)
	w.record(disk("web1"), value)
	w.sweep()
}

func TestCalmSeriesAreSkippedForTwoSteps(t *testing.T) {
	w := calm(t, nil)
	asked := 0
	for i := range 90 { // three times two steps of 15 minutes
		w.pass(.5 + float64(i%3)/1e4)
		asked += len(w.take())
	}
	if asked != 3 {
		t.Errorf("asked %d times in 90 minutes, want 3", asked)
	}
	if n := w.counter(skippedCalm); n < 80 {
		t.Errorf("skipped as calm %d times", n)
	}
	latest := w.forecaster.Latest("", "")[0]
	if age := w.clock.Now().Sub(latest.MadeAt); latest.Value < .5 || latest.Value > .5003 || age > 30*time.Minute {
		t.Errorf("latest %+v, made %s ago", latest, age)
	}
}

func TestCalmSeriesAreAskedWhenItMatters(t *testing.T) {
	for name, c := range map[string]struct {
		rule  func(*barograph.Rule)
		value float64
		asked bool
		state barograph.ForecastState
	}{
		"a little nearer":           {nil, .51, false, ""},
		"noticeably nearer":         {nil, .55, true, ""},
		"over the limit":            {nil, .91, true, barograph.StateAlreadyBreached},
		"over a limit that is near": {func(r *barograph.Rule) { r.Limit = .7 }, .70001, true, barograph.StateAlreadyBreached},
		"away from the limit":       {nil, .4, false, ""},
		"falls towards a limit below": {
			func(r *barograph.Rule) { r.Operator, r.Limit = barograph.Below, .1 }, .45, true, "",
		},
		"rises from a limit below": {
			func(r *barograph.Rule) { r.Operator, r.Limit = barograph.Below, .1 }, .55, false, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := calm(t, c.rule)
			w.pass(c.value)
			heard := w.take()
			if got := len(heard) > 0; got != c.asked {
				t.Errorf("asked: %t, want %t", got, c.asked)
			}
			if c.state != "" && (len(heard) == 0 || heard[0][0].State != c.state) {
				t.Errorf("heard %+v, want state %s", heard, c.state)
			}
		})
	}
}

func TestCalmSeriesGoStale(t *testing.T) {
	w := calm(t, nil)
	w.pass(.5002)
	w.clock.Move(5 * time.Hour)
	w.sweep()
	if got := w.take(); len(got) != 1 || got[0][0].State != barograph.StateStale {
		t.Errorf("heard %+v, want stale", got)
	}
}

func TestCalmIsHandedOverAgainTwice(t *testing.T) {
	w := calm(t, nil)
	w.with(func() { w.sinkErr = errAway })
	w.pass(.55) // matters
	w.with(func() { w.sinkErr = nil })
	w.take()
	for i := range 4 {
		w.pass(.5501 + float64(i)/1e4)
	}
	if got := len(w.take()); got < 2 {
		t.Errorf("after a refusal heard %d times, want two that agree", got)
	}
}

func TestUnlikelyIsNotCalmForACautiousRule(t *testing.T) {
	w := newWorld(t, diskRule())
	rule := diskRule()
	rule.OpenAt, rule.CloseAt = .002, .001 // less than any forecast says
	rule.Limit = .56                       // near enough for a forecast
	w.rules = []barograph.Rule{rule}
	w.record(disk("web1"), generate(3*288, func(i int) float64 { return .5 + float64(i*7%13)/260 })...)
	w.start(nil)
	w.sweep()
	for range 10 {
		w.pass(.5)
	}
	if n := w.counter(skippedCalm); n != 0 {
		t.Errorf("skipped %d times: %+v", n, w.forecaster.Latest("", ""))
	}
}

// The samples of a step that is already packed change what is known, even those
// that lie far from the limit.
func TestLateSamplesOfAnOpenBlock(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), steady()...)
	w.start(func(c *forecast.Config) { c.ReloadInterval = barograph.Duration(20 * time.Minute) })
	w.sweep()
	w.take()
	late := barograph.Sample{Series: disk("web1"), UnixMilli: epoch.Add(-3*time.Hour + time.Minute).UnixMilli(), Value: .89}
	if err := w.store.Write(t.Context(), []barograph.Sample{late}); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(21 * time.Minute)
	w.sweep()
	if got := w.take(); len(got) != 1 {
		t.Errorf("heard %+v, want one batch", got)
	}
}
