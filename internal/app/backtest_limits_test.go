package app_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// backtestOf replays the days before now, in which the series took the courses,
// of a sample every ten minutes each.
func backtestOf(t *testing.T, rule barograph.Rule, days int, courses map[string]course) (barograph.Backtest, error) {
	t.Helper()
	now := storyBegin()
	clock := clocktest.New(now)
	store := newPast(t, clock, nil).store
	for name, value := range courses {
		var samples []barograph.Sample
		for m := -60 * storyDay; m < 0; m += 10 {
			if v := value(m); !math.IsNaN(v) {
				at := now.Add(time.Duration(m) * time.Minute)
				samples = append(samples, barograph.Sample{Series: storySeries(name), UnixMilli: at.UnixMilli(), Value: v})
			}
		}
		noError(t, store.Write(t.Context(), samples))
	}
	tester := app.NewBacktester(store, forecast.DefaultConfig(), alerting.DefaultConfig(), clock)
	return tester.Backtest(t.Context(), rule, now.Add(-time.Duration(days)*barograph.Day), now)
}

// The time is in minutes before now.
func TestBacktestStories(t *testing.T) {
	t.Parallel()
	dayRule := storyRule()
	dayRule.Horizon = barograph.Duration(barograph.Day)
	breachRule := storyRule()
	breachRule.Horizon = 0
	flat := func(m int) float64 { return .4 + .01*noise(m, 1) }
	// climbs to the limit in four days, and is cleaned when it is there
	ramp := func(m int) float64 {
		return .1 + .82*float64((m+100*storyDay)%(4*storyDay))/(4*storyDay) + .004*noise(m, 2)
	}
	for name, c := range map[string]struct {
		rule    barograph.Rule
		days    int
		courses map[string]course
		summary string
		note    string
		check   func(*testing.T, barograph.Backtest)
	}{
		"a ramp hits": {
			dayRule, 10,
			map[string]course{"a": ramp},
			`in the last 10 days: [23] predictions, [23] right, median \d+ h ahead(, 1 still open)?; no breach missed`, "", foreseen,
		},
		"nothing happens": {
			dayRule, 10, map[string]course{"a": flat}, `in the last 10 days: no predictions; no breaches`, "", nil,
		},
		"a spike is missed": {
			dayRule, 10,
			map[string]course{"a": func(m int) float64 {
				if m >= -3*storyDay && m < -3*storyDay+60 {
					return .95
				}
				return flat(m)
			}},
			`in the last 10 days: no predictions; 1 breach missed`, "", func(t *testing.T, b barograph.Backtest) {
				t.Helper()
				start := storyBegin().Add(-3 * barograph.Day)
				got := b.Breaches[0]
				if !got.StartedAt.Equal(start) || !got.EndedAt.Equal(start.Add(time.Hour)) || got.PredictionID != "" || got.Value != .95 {
					t.Errorf("breach %+v", got)
				}
			},
		},
		"a spike is shorter than the rule holds": {
			dayRule, 10,
			map[string]course{"a": func(m int) float64 {
				if m == -3*storyDay {
					return .95
				}
				return flat(m)
			}},
			`in the last 10 days: no predictions; no breaches`, "", nil,
		},
		"a false alarm": {
			dayRule, 6,
			map[string]course{"a": func(m int) float64 {
				// the ramps before this one hit
				if since := m + 86*60; since > 0 {
					return .8 + .002*float64(since)/(86*60)
				}
				return ramp(m - 5*storyDay)
			}},
			`in the last 6 days: 1 prediction, 1 false; no breaches`, "", func(t *testing.T, b barograph.Backtest) {
				t.Helper()
				p := b.Predictions[0]
				if p.ClosedAt.IsZero() || p.BreachID != "" || b.Score.Precision == nil || *b.Score.Precision != 0 {
					t.Errorf("prediction %+v, score %+v", p, b.Score)
				}
			},
		},
		"all is young": {
			dayRule, 30,
			map[string]course{"a": young(3, flat), "b": young(2, flat)},
			`in the last 30 days: no predictions; no breaches \(history of only 3 d\)`, "", nil,
		},
		"some is young": {
			dayRule, 30,
			map[string]course{"a": young(3, flat), "b": flat},
			`in the last 30 days: no predictions; no breaches`, "1 of 2 series have a history of less than 30 d, the shortest of only 3 d", nil,
		},
		"there is nothing": {
			dayRule, 2, nil, `in the last 2 days: there are no series disk_used_ratio`, "", nil,
		},
		"breaches only": {
			breachRule, 10, map[string]course{"a": ramp}, `in the last 10 days: [23] breaches`, "the rule has no horizon and so makes no predictions", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := backtestOf(t, c.rule, c.days, c.courses)
			noError(t, err)
			t.Log(b.Summary)
			if !regexp.MustCompile("^" + c.summary + "$").MatchString(b.Summary) {
				t.Errorf("summary %q, want %s\n%+v\n%+v", b.Summary, c.summary, b.Predictions, b.Breaches)
			}
			if got := strings.Join(b.Notes, "; "); got != c.note {
				t.Errorf("notes %q, want %q", got, c.note)
			}
			if len(b.Series) != len(c.courses) {
				t.Errorf("series %v", b.Series)
			}
			if c.check != nil {
				c.check(t, b)
			}
		})
	}
}

// young is a course that began so many days ago.
func young(days int, c course) course {
	return func(m int) float64 {
		if m < -days*storyDay {
			return math.NaN()
		}
		return c(m)
	}
}

// foreseen checks that breaches and predictions know each other.
func foreseen(t *testing.T, b barograph.Backtest) {
	t.Helper()
	known := map[barograph.PredictionID]barograph.Prediction{}
	for _, p := range b.Predictions {
		known[p.ID] = p
	}
	for _, br := range b.Breaches {
		p := known[br.PredictionID]
		if p.BreachID != br.ID || p.State != barograph.PredictionConfirmed || p.Lead != br.Lead || p.Lead.Std() != br.StartedAt.Sub(p.OpenedAt) {
			t.Errorf("breach %+v\nof prediction %+v", br, p)
		}
	}
	if b.Score.Precision == nil || *b.Score.Precision != 1 || b.Score.Recall == nil || *b.Score.Recall != 1 || b.Score.BrierScore == nil {
		t.Errorf("score %+v", b.Score)
	}
}

func TestBacktestBounds(t *testing.T) {
	t.Parallel()
	now := storyBegin()
	clock := clocktest.New(now)
	store := newPast(t, clock, nil).store
	var samples []barograph.Sample
	for i := range 1001 {
		samples = append(samples, barograph.Sample{
			Series: storySeries("host-" + strconv.Itoa(i)), UnixMilli: now.Add(-time.Minute).UnixMilli(), Value: .5,
		})
	}
	noError(t, store.Write(t.Context(), samples))
	tester := app.NewBacktester(store, forecast.DefaultConfig(), alerting.DefaultConfig(), clock)
	hourly, few := storyRule(), storyRule()
	hourly.Horizon = barograph.Duration(time.Hour)
	hourly.Series, _ = barograph.ParseSelector(`disk_used_ratio{host=~"host-1.?"}`)
	few.Series, _ = barograph.ParseSelector(`disk_used_ratio{host="host-1"}`)
	const day = barograph.Day
	for name, c := range map[string]struct {
		rule     barograph.Rule
		from, to time.Time
		field    string
		words    string
	}{
		"too many series":    {storyRule(), now.Add(-day), now, "series", "disk_used_ratio chooses 1001 series or more; a backtest takes at most 1000"},
		"too many forecasts": {hourly, now.Add(-30 * day), now, "from", "475915 forecasts would be made (11 series, each 1m "},
		"too long":           {few, now.Add(-401 * day), now, "from", "looks back at most 400d"},
		"nothing":            {few, now, now, "from", "is not before"},
		"backwards":          {few, now.Add(-day), now.Add(-2 * day), "from", "is not before"},
		"the future":         {few, now.Add(day), now.Add(2 * day), "from", "is not before 2026-03-02T00:00:00Z"},
		"before all time":    {few, time.Time{}, now, "from", "looks back at most 400d"},
	} {
		_, err := tester.Backtest(t.Context(), c.rule, c.from, c.to)
		e, ok := errors.AsType[*barograph.Error](err)
		if !ok || e.Kind != barograph.KindInvalid || e.Fields[0].Field != c.field || !strings.Contains(e.Fields[0].Message, c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := tester.Backtest(t.Context(), few, now.Add(-day), now.Add(day))
	if err != nil || !b.To.Equal(now) {
		t.Errorf("up to the future: %v, %v", b.To, err)
	}
}

// stuck is a store that answers nobody.
type stuck struct{}

func (stuck) Select(ctx context.Context, _ barograph.Query) ([]barograph.SeriesPoints, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A backtest ends with its context, and says why. Of those that come while two
// are running, each waits for a while.
func TestBacktestsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := clocktest.New(storyBegin())
		tester := app.NewBacktester(stuck{}, forecast.DefaultConfig(), alerting.DefaultConfig(), clock)
		test := func(ctx context.Context) error {
			_, err := tester.Backtest(ctx, storyRule(), clock.Now().Add(-barograph.Day), clock.Now())
			return err
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		for range 2 {
			go func() { ended <- test(ctx) }()
		}
		synctest.Wait()
		began := time.Now()
		if err := test(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable || time.Since(began) != 10*time.Second {
			t.Errorf("the third: %v, after %s", err, time.Since(began))
		}
		hasty, stop := context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer stop()
		if err := test(hasty); !errors.Is(err, enough) {
			t.Errorf("the hasty: %v", err)
		}
		cancel(enough)
		for range 2 {
			if err := <-ended; !errors.Is(err, enough) {
				t.Errorf("ended with %v", err)
			}
		}
		hasty, stop = context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer stop()
		if err := test(hasty); !errors.Is(err, enough) {
			t.Errorf("after them: %v", err)
		}
	})
}

// A backtest stops within moments when nobody waits for it, also in the midst of
// the forecasts.
func TestBacktestStops(t *testing.T) {
	t.Parallel()
	now := storyBegin()
	clock := clocktest.New(now)
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace, cfg.Durability, cfg.OutOfOrderWindow = 0, promtsdb.DurabilityOS, barograph.Duration(100*barograph.Day)
	store, err := promtsdb.Open(cfg, promtsdb.Deps{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: clock})
	noError(t, err)
	t.Cleanup(func() { store.Close() })
	var samples []barograph.Sample
	for i := range 60 {
		for m := -20 * storyDay; m < 0; m += 10 {
			samples = append(samples, barograph.Sample{
				Series: storySeries(strconv.Itoa(i)), UnixMilli: now.Add(time.Duration(m) * time.Minute).UnixMilli(),
				Value: .5 + .3*math.Sin(float64(m)/300) + .1*noise(m, uint64(i)),
			})
		}
	}
	noError(t, store.Write(t.Context(), samples))
	tester := app.NewBacktester(store, forecast.DefaultConfig(), alerting.DefaultConfig(), clock)
	enough := errors.New("enough")
	clocktest.AtMost(t, 2*time.Second, "a backtest that is given 300ms", func() time.Duration {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, enough)
		defer cancel()
		began := time.Now()
		_, err := tester.Backtest(ctx, storyRule(), now.Add(-10*barograph.Day), now)
		took := time.Since(began)
		if !errors.Is(err, enough) {
			t.Errorf("%v after %s", err, took)
		}
		return took
	})
}
