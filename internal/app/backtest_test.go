package app_test

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/promtsdb"
)

// course is what a series did: its value at the minute, NaN for none.
type course func(minute int) float64

// past is a series store full of a generated history, of a sample a minute.
type past struct {
	t       testing.TB
	store   *promtsdb.Store
	begin   time.Time // minute 0
	courses map[string]course
}

func newPast(tb testing.TB, clock barograph.Clock, courses map[string]course) *past {
	tb.Helper()
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace, cfg.Durability = 0, promtsdb.DurabilityOS
	cfg.OutOfOrderWindow = barograph.Duration(100 * barograph.Day)
	store, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: clock,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	return &past{t: tb, store: store, begin: storyBegin(), courses: courses}
}

func storyBegin() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

func storySeries(name string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": name})}
}

// samples returns those of the minute, sorted by series.
func (p *past) samples(minute int) []barograph.Sample {
	var out []barograph.Sample
	for name, value := range p.courses {
		if v := value(minute); !math.IsNaN(v) {
			out = append(out, barograph.Sample{Series: storySeries(name), UnixMilli: p.at(minute).UnixMilli(), Value: v})
		}
	}
	slices.SortFunc(out, func(a, b barograph.Sample) int { return strings.Compare(a.Series.String(), b.Series.String()) })
	return out
}

func (p *past) at(minute int) time.Time { return p.begin.Add(time.Duration(minute) * time.Minute) }

func (p *past) write(from, to int) {
	p.t.Helper()
	var batch []barograph.Sample
	for m := from; m < to; m++ {
		batch = append(batch, p.samples(m)...)
		if len(batch) > 5000 || m == to-1 {
			if err := p.store.Write(p.t.Context(), batch); err != nil {
				p.t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// told is the story that somebody tells: the real server or a backtest.
type told struct {
	Predictions []barograph.Prediction
	Breaches    []barograph.Breach
}

// live runs the real parts, a Forecaster and an alerting Engine on a real
// database, while the samples of the minutes come in one by one.
func (p *past) live(rule barograph.Rule, f forecast.Config, a alerting.Config, from, to int) told {
	t := p.t
	t.Helper()
	clock := clocktest.New(p.at(from))
	judging := clocktest.New(p.at(from))
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir(), Clock: clock})
	noError(t, err)
	defer db.Close()
	noError(t, db.CreateRule(t.Context(), rule))
	log := slog.New(slog.DiscardHandler)
	engine, err := alerting.NewEngine(t.Context(), a, alerting.EngineOptions{
		Store: db, Reader: p.store, Clock: judging, Log: log, Metrics: metrics.NewSet(), Recorded: func() {},
	})
	noError(t, err)
	deps := forecast.Deps{Clock: clock, Log: log, Metrics: metrics.NewSet()}
	learnt := forecast.NewCalibrations(db, db, deps)
	deps.Calibrator = learnt
	forecaster, err := forecast.New(f, db, p.store, discard{}, engine, deps)
	noError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { _ = engine.Run(ctx) })
	every := int(f.Interval.Std() / time.Minute)
	for m := from; m < to; m++ {
		clock.Set(p.at(m))
		if (m-from)%int(forecast.LearnEvery/time.Minute) == 0 {
			noError(t, learnt.Refresh(ctx))
		}
		samples := p.samples(m)
		noError(t, p.store.Write(ctx, samples))
		engine.Observe(samples)
		switch {
		case m == from:
			parts.Go(func() { _ = forecaster.Run(ctx) }) // it looks at once
		case (m-from)%every == 0:
			clock.Tick()
		}
		synctest.Wait()
		judging.Set(p.at(m))
		if (m-from)%int(a.Interval.Std()/time.Minute) == 0 {
			judging.Tick()
			synctest.Wait()
		}
	}
	stop()
	parts.Wait()
	predictions, err := db.Predictions(t.Context(), barograph.PredictionFilter{}, barograph.Page{})
	noError(t, err)
	breaches, err := db.Breaches(t.Context(), barograph.PredictionFilter{}, barograph.Page{})
	noError(t, err)
	return told{predictions, breaches}
}

// discard is where the forecaster's results go.
type discard struct{}

func (discard) Write(context.Context, []barograph.Sample) error { return nil }

func noError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// minutely are configurations in which nothing happens within a minute.
func minutely(interval time.Duration) (forecast.Config, alerting.Config) {
	f, a := forecast.DefaultConfig(), alerting.DefaultConfig()
	f.Interval, a.Interval = barograph.Duration(interval), barograph.Duration(5*time.Minute)
	return f, a
}

func storyRule() barograph.Rule {
	return barograph.Rule{
		ID: "rul_disk", Name: "Disk space", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		For: barograph.Duration(5 * time.Minute), Horizon: barograph.Duration(6 * time.Hour), OpenAt: .7, CloseAt: .4,
		Severity: barograph.SeverityWarning, Enabled: true,
	}
}

// noise is the same at every call.
func noise(minute int, seed uint64) float64 {
	return rand.New(rand.NewPCG(seed, uint64(minute))).Float64() - .5
}

// The stories. What is of interest happens after two days.
const (
	storyDay  = 24 * 60
	storyFrom = 2 * storyDay
	storyTo   = storyFrom + 27*60
)

func stories() map[string]course {
	wave := func(m int) float64 { return .5 + .02*math.Sin(2*math.Pi*float64(m)/storyDay) }
	const sawPeriod, sawCrossing = 11 * 60, 11 * 60 * 8 / 9
	saw := func(m, offset int) float64 { return .5 + .45*float64((m+offset)%sawPeriod)/sawPeriod }
	half := func(m int) int { return 2 * (m - storyFrom) } // half minutes since
	return map[string]course{
		// fills, is cleaned and fills again
		"fills": func(m int) float64 { return saw(m, 0) + .004*noise(m, 1) },
		// the same, and was foreseen before the backtest begins
		"soon": func(m int) float64 { return saw(m, sawCrossing-60-storyFrom%sawPeriod+sawPeriod) + .004*noise(m, 7) },
		// climbs, and then thinks better of it
		"turns": func(m int) float64 {
			v := wave(m) + .01*noise(m, 2)
			switch since := half(m) - 6*60; {
			case since > 22*60:
			case since > 10*60:
				v += .33 - .33*float64(since-10*60)/(12*60)
			case since > 0:
				v += .33 * float64(since) / (10 * 60)
			}
			return v
		},
		// climbs, and stays below the limit
		"stays": func(m int) float64 {
			v := wave(m) + .01*noise(m, 3)
			if since := half(m) - 9*60; since > 0 {
				v += min(.36, .36*float64(since)/(12*60))
			}
			return v
		},
		// nobody could have known
		"spikes": func(m int) float64 {
			if m >= storyFrom+15*60 && m < storyFrom+16*60 {
				return .97
			}
			return wave(m) + .01*noise(m, 4)
		},
		// too short to count
		"twitches": func(m int) float64 {
			if m%777 < 4 && m > storyFrom {
				return .95
			}
			return wave(m) + .01*noise(m, 5)
		},
		// was broken then
		"broken": func(m int) float64 {
			if since := m - storyFrom; since > -90 && since < 60 {
				return .93
			}
			return wave(m) + .01*noise(m, 8)
		},
		// is there for a day only, and not always
		"young": func(m int) float64 {
			since := half(m) - 11*60 + storyDay
			if since < 0 || since > 50*60 || since%500 > 470 {
				return math.NaN()
			}
			return .3 + .35*float64(since)/(25*60) + .01*noise(m, 6)
		},
	}
}

// TestBacktestTellsTheStoryOfTheServer compares a backtest with what the server
// told while the same samples came in: with the same looks all is the same.
func TestBacktestTellsTheStoryOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want, got := twice(t, 5*time.Minute)
		corrected := func(p barograph.Prediction) bool { return p.First.Uncalibrated != nil }
		if len(want.Predictions) < 3 || len(want.Breaches) < 3 || !slices.ContainsFunc(want.Predictions, corrected) {
			t.Fatalf("a dull story: %+v", want)
		}
		for _, diff := range []string{
			cmp.Diff(want.Predictions, got.Predictions, sameStory()), cmp.Diff(want.Breaches, got.Breaches, sameStory()),
		} {
			if diff != "" {
				t.Errorf("the server and the backtest tell different stories (-server +backtest):\n%s", diff)
			}
		}
	})
}

// TestBacktestLooksOnceAStep lets the server look every minute, and the
// backtest once in a step of the grid, which is five: the outcomes are the same,
// at almost the same times, and breaches are seen no later.
func TestBacktestLooksOnceAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want, got := twice(t, time.Minute)
		about := cmp.Comparer(func(a, b time.Time) bool { return a.Sub(b).Abs() <= 30*time.Minute })
		type outcome struct {
			Series         string
			State          barograph.PredictionState
			Opened, Closed time.Time
		}
		type breach struct {
			Series         string
			Foreseen       bool
			Started, Ended int64
		}
		outline := func(s told) (outcomes []outcome, breaches []breach) {
			for _, p := range s.Predictions {
				outcomes = append(outcomes, outcome{p.Series.String(), p.State, p.OpenedAt, p.ClosedAt})
			}
			for _, b := range s.Breaches {
				breaches = append(breaches, breach{b.Series.String(), b.PredictionID != "", b.StartedAt.Unix(), b.EndedAt.Unix()})
			}
			return outcomes, breaches
		}
		wantOutcomes, wantBreaches := outline(want)
		gotOutcomes, gotBreaches := outline(got)
		if diff := cmp.Diff(wantOutcomes, gotOutcomes, about); diff != "" {
			t.Errorf("predictions (-server +backtest):\n%s", diff)
		}
		if diff := cmp.Diff(wantBreaches, gotBreaches); diff != "" {
			t.Errorf("breaches (-server +backtest):\n%s", diff)
		}
	})
}

// twice tells the stories twice: by the server that looks at every interval, and
// by a backtest.
func twice(t *testing.T, interval time.Duration) (live, tested told) {
	t.Helper()
	rule := storyRule()
	f, a := minutely(interval)
	clock := clocktest.New(storyBegin().Add(storyTo * time.Minute))
	p := newPast(t, clock, stories())
	warmUp := int(rule.Horizon.Std() / time.Minute)
	p.write(0, storyFrom-warmUp)
	live = p.live(rule, f, a, storyFrom-warmUp, storyTo).since(p.at(storyFrom))
	got, err := app.NewBacktester(p.store, f, a, clock).Backtest(t.Context(), rule, p.at(storyFrom), p.at(storyTo))
	noError(t, err)
	t.Log(got.Summary)
	return live, told{got.Predictions, got.Breaches}
}

// since returns what a backtest from the time on lists, in its order.
func (s told) since(from time.Time) told {
	s.Predictions = slices.DeleteFunc(s.Predictions, func(p barograph.Prediction) bool {
		return p.State != barograph.PredictionOpen && p.ClosedAt.Before(from)
	})
	s.Breaches = slices.DeleteFunc(s.Breaches, func(b barograph.Breach) bool { return b.StartedAt.Before(from) })
	slices.SortFunc(s.Predictions, func(a, b barograph.Prediction) int {
		return strings.Compare(a.OpenedAt.Format(time.RFC3339)+a.Series.String(), b.OpenedAt.Format(time.RFC3339)+b.Series.String())
	})
	slices.SortFunc(s.Breaches, func(a, b barograph.Breach) int {
		return strings.Compare(a.StartedAt.Format(time.RFC3339)+a.Series.String(), b.StartedAt.Format(time.RFC3339)+b.Series.String())
	})
	return s
}

// sameStory compares all but the random part of IDs.
func sameStory() cmp.Option {
	known := func(id string) string { return id[:min(len(id), 14)] } // prefix and time
	return cmp.Options{
		cmpopts.EquateEmpty(),
		cmp.Transformer("prediction", func(id barograph.PredictionID) string { return known(string(id)) }),
		cmp.Transformer("breach", func(id barograph.BreachID) string { return known(string(id)) }),
	}
}

// BenchmarkBacktest replays 30 days of 100 series, of a sample a minute each,
// under a rule that looks 7 days ahead.
func BenchmarkBacktest(b *testing.B) {
	const days, fleet = 52, 100
	courses := map[string]course{}
	for i := range fleet {
		courses["host-"+strconv.Itoa(i)] = func(m int) float64 {
			day := float64(m) / storyDay
			saw := math.Mod(day+float64(i), 5+float64(i%9)) / 14
			return .3 + saw*float64(i%4)/2 + .05*math.Sin(2*math.Pi*day) + .02*noise(m, uint64(i))
		}
	}
	clock := clocktest.New(storyBegin().Add(days * barograph.Day))
	p := newPast(b, clock, courses)
	p.write(0, days*storyDay)
	rule := storyRule()
	rule.Horizon = barograph.Duration(barograph.Week)
	tester := app.NewBacktester(p.store, forecast.DefaultConfig(), alerting.DefaultConfig(), clock)
	for b.Loop() {
		got, err := tester.Backtest(b.Context(), rule, clock.Now().Add(-30*barograph.Day), clock.Now())
		noError(b, err)
		b.ReportMetric(float64(got.Forecasts), "forecasts")
		b.ReportMetric(float64(len(got.Predictions)), "predictions")
		b.ReportMetric(float64(len(got.Breaches)), "breaches")
		b.Log(got.Summary)
	}
}
