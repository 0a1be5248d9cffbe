package forecast_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

var errAway = errors.New("away")

// island is what surrounds a forecaster in a bubble of synctest, where no real
// store can run.
type island struct {
	mu    sync.Mutex
	rules []barograph.Rule
	err   error // of listing the rules
	heard map[barograph.RuleID][]time.Time
	delay map[string]time.Duration // of the store, by metric
	panic map[string]bool          // of the calibrator, by host
	log   bytes.Buffer
	set   *metrics.Set
}

func newIsland(ids ...barograph.RuleID) *island {
	i := &island{heard: map[barograph.RuleID][]time.Time{}, delay: map[string]time.Duration{}, panic: map[string]bool{}, set: metrics.NewSet()}
	for _, id := range ids {
		rule := diskRule()
		rule.ID, rule.Name, rule.Series.Metric = id, string(id), string(id)
		i.rules = append(i.rules, rule)
	}
	return i
}

func (i *island) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rules, i.err
}

func (i *island) Forecasted(_ context.Context, r barograph.Rule, fs []barograph.Forecast) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.heard[r.ID] = append(i.heard[r.ID], fs[0].MadeAt)
	return nil
}

func (i *island) Write(context.Context, []barograph.Sample) error { return nil }

// Select gives two series that rise, and will cross the limit in a day.
func (i *island) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	i.mu.Lock()
	d := i.delay[q.Selector.Metric]
	i.mu.Unlock()
	if d > 0 {
		wait := time.NewTimer(d)
		defer wait.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wait.C:
		}
	}
	var out []barograph.SeriesPoints
	for _, host := range []string{"a", "b"} {
		sp := barograph.SeriesPoints{Series: disk(host)}
		sp.Series.Metric = q.Selector.Metric
		for at := q.From; at.Before(q.To); at = at.Add(q.Step) {
			newest := min(at.Add(q.Step).Unix(), q.To.Unix()) // in this step
			days := float64(newest-time.Date(1999, 12, 29, 0, 0, 0, 0, time.UTC).Unix()) / 86400
			sp.Points = append(sp.Points, barograph.Point{UnixMilli: at.UnixMilli(), Value: .5 + max(0, days)/10})
		}
		out = append(out, sp)
	}
	return out, nil
}

func (i *island) Calibrate(_ barograph.Rule, fc barograph.Forecast) barograph.Forecast {
	if i.panic[fc.Series.Labels.Get("host")] {
		panic("planted")
	}
	return fc
}

// run runs a forecaster for so long.
func (i *island) run(t *testing.T, d time.Duration, change func(*forecast.Config)) *forecast.Forecaster {
	t.Helper()
	f := i.forecaster(t, change)
	i.goOn(t, f, d)
	return f
}

func (i *island) goOn(t *testing.T, f *forecast.Forecaster, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := f.Run(ctx); err != nil {
		t.Error(err)
	}
}

func (i *island) forecaster(t *testing.T, change func(*forecast.Config)) *forecast.Forecaster {
	t.Helper()
	cfg := forecast.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	f, err := forecast.New(cfg, i, i, i, i, forecast.Deps{
		Clock: barograph.WallClock{}, Log: slog.New(slog.NewTextHandler(&i.log, nil)), Metrics: i.set, Calibrator: i,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (i *island) metric(line string) bool {
	var text bytes.Buffer
	i.set.WritePrometheus(&text)
	return strings.Contains(text.String(), line+"\n")
}

func TestASlowStoreDelaysNoOtherRule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIsland("quick", "slow", "dead")
		i.delay["slow"], i.delay["dead"] = 70*time.Second, 24*time.Hour
		begin := time.Now()
		f := i.run(t, 30*time.Minute, func(c *forecast.Config) { c.ReadTimeout = barograph.Duration(150 * time.Second) })
		if n := len(i.heard["quick"]); n != 30 {
			t.Errorf("the quick rule was forecast %d times in 30 minutes", n)
		}
		for n, at := range i.heard["quick"] {
			if late := at.Sub(begin.Add(time.Duration(n) * time.Minute)); late < 0 || late > time.Second {
				t.Errorf("forecast %d of the quick rule was %s late", n, late)
			}
		}
		if n := len(i.heard["slow"]); n < 12 || n > 15 { // two readings at first, then one each two minutes
			t.Errorf("the slow rule was forecast %d times", n)
		}
		if n := len(f.Latest("dead", "")); n != 0 || !strings.Contains(i.log.String(), "the series store took more than 2m30s") {
			t.Errorf("%d forecasts of the dead rule; log: %s", n, &i.log)
		}
		if i.metric("barograph_forecast_rules_busy_total 0") {
			t.Error("no rule was busy")
		}
	})
}

func TestAFaultCostsItsSeriesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIsland("one", "two")
		i.panic["a"] = true
		f := i.run(t, 90*time.Second, nil)
		for _, rule := range []barograph.RuleID{"one", "two"} {
			if got := f.Latest(rule, "a"); len(got) != 1 || got[0].State != barograph.StateInsufficientData {
				t.Errorf("series with a fault: %+v", got)
			}
			if got := f.Latest(rule, "b"); len(got) != 1 || got[0].State != barograph.StateForecast {
				t.Errorf("series without one: %+v", got)
			}
		}
		if i.metric("barograph_forecast_panics_total 0") || !strings.Contains(i.log.String(), "planted") {
			t.Errorf("nothing was told of the fault: %s", &i.log)
		}
	})
}

func TestMetricsOfARuleGoWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIsland("one", "two")
		time.AfterFunc(90*time.Second, func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.rules = i.rules[:1]
		})
		i.run(t, 3*time.Minute, nil)
		var text bytes.Buffer
		i.set.WritePrometheus(&text)
		for line, want := range map[string]bool{
			`barograph_forecast_rule_seconds_total{rule="one"}`: true, `barograph_forecast_rule_seconds_total{rule="two"}`: false,
			"barograph_forecast_reads_total": true, "barograph_forecast_read_points_total": true, "barograph_forecast_retained_bytes": true,
		} {
			if strings.Contains(text.String(), line) != want {
				t.Errorf("metric %s: want %t:\n%s", line, want, &text)
			}
		}
	})
}
