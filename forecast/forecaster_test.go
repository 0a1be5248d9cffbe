package forecast_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/logtest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// world is a forecaster with a real store, and what it says and hears.
type world struct {
	t     *testing.T
	clock *clocktest.Clock
	store *promtsdb.Store
	log   *logtest.Buffer
	set   *metrics.Set

	forecaster *forecast.Forecaster

	mu       sync.Mutex
	rules    []barograph.Rule
	heard    [][]barograph.Forecast
	sinkErr  error
	readErr  error
	writeErr error
	queries  []barograph.Query
	hold     chan struct{} // the store answers once it is closed
}

func (w *world) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.rules), nil
}

func (w *world) Forecasted(_ context.Context, _ barograph.Rule, fs []barograph.Forecast) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, fs)
	return w.sinkErr
}

func (w *world) Select(ctx context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	w.mu.Lock()
	w.queries = append(w.queries, q)
	hold, err := w.hold, w.readErr
	w.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return nil, err
	}
	return w.store.Select(ctx, q)
}

func (w *world) Write(ctx context.Context, samples []barograph.Sample) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writeErr != nil {
		return w.writeErr
	}
	return w.store.Write(ctx, samples)
}

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// newWorld returns a world in which nothing runs yet.
func newWorld(t *testing.T, rules ...barograph.Rule) *world {
	t.Helper()
	w := &world{
		t: t, rules: rules, log: new(logtest.Buffer), set: metrics.NewSet(),
		clock: clocktest.New(epoch),
	}
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace, cfg.Durability = 0, promtsdb.DurabilityOS
	store, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: w.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.store = store
	return w
}

// start runs the forecaster until the test ends.
func (w *world) start(change func(*forecast.Config)) {
	w.t.Helper()
	cfg := forecast.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	f, err := forecast.New(cfg, w, w, w, w, forecast.Deps{
		Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.set,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.forecaster = f
	ctx, cancel := context.WithCancel(w.t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := f.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(func() { cancel(); run.Wait() })
}

// sweep waits for a sweep that began after the call.
func (w *world) sweep() {
	w.clock.Tick() // ends the wait after the sweep before
	w.clock.Tick() // taken once this one is done, and starts another
}

// take returns the batches that were heard since it was called last.
func (w *world) take() [][]barograph.Forecast {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.heard
	w.heard = nil
	return heard
}

func (w *world) with(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// record stores values of a series, one each five minutes, the last one now.
func (w *world) record(series barograph.Series, values ...float64) {
	w.t.Helper()
	samples := make([]barograph.Sample, len(values))
	for i, v := range values {
		at := w.clock.Now().Add(-time.Duration(len(values)-1-i) * 5 * time.Minute)
		samples[i] = barograph.Sample{Series: series, UnixMilli: at.UnixMilli(), Value: v}
	}
	if err := w.store.Write(w.t.Context(), samples); err != nil {
		w.t.Fatal(err)
	}
}

func disk(host string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host})}
}

func diskRule() barograph.Rule {
	return barograph.Rule{
		ID: "rul_disk", Name: "disk_full", Series: barograph.Selector{Metric: "disk_used_ratio"},
		Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(barograph.Day),
		OpenAt: .6, CloseAt: .3, Severity: barograph.SeverityWarning, Enabled: true,
	}
}

// filling are three days that end at .8 and rise by .1 in ten hours.
func filling() []float64 {
	return generate(3*288, func(i int) float64 { return .8 - float64(3*288-1-i)/1200 })
}

func steady() []float64 { return generate(3*288, func(i int) float64 { return .5 + float64(i%2)/1e4 }) }

func TestForecastsReachSinkStoreAndMemory(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.record(disk("web2"), steady()...)
	w.start(nil)
	w.sweep()

	batches := w.take()
	if len(batches) != 1 || len(batches[0]) != 2 {
		t.Fatalf("heard %v, want one batch of two", batches)
	}
	f := batches[0][0]
	if f.State != barograph.StateForecast || f.RuleID != "rul_disk" || !f.MadeAt.Equal(epoch) || math.Abs(f.Value-.8) > 1e-9 {
		t.Fatalf("forecast %+v", f)
	}
	crossing := epoch.Add(10 * time.Hour)
	if f.Probability < .8 || f.ETA.Early.After(crossing.Add(time.Hour)) || f.ETA.Late.Before(crossing.Add(-time.Hour)) {
		t.Errorf("probability %v, eta %+v, want %s", f.Probability, f.ETA, crossing)
	}
	if got := batches[0][1]; got.State != barograph.StateFlat || got.ETA != nil || !strings.Contains(got.Reason, "50 % for 3 d") {
		t.Errorf("steady series: %+v", got)
	}

	latest := w.forecaster.Latest("", "")
	if len(latest) != 2 || !latest[0].Series.Equal(disk("web1")) {
		t.Errorf("latest %+v, want web1 first of two", latest)
	}
	if got := w.forecaster.Latest("rul_disk", "web2"); len(got) != 1 || !got[0].Series.Equal(disk("web2")) {
		t.Errorf("latest of web2: %+v", got)
	}
	if got := w.forecaster.Latest("rul_other", ""); len(got) != 0 {
		t.Errorf("latest of another rule: %+v", got)
	}
	w.checkResults(f)
}

// checkResults checks the series that a forecast was written to.
func (w *world) checkResults(f barograph.Forecast) {
	w.t.Helper()
	want := map[string]float64{
		`barograph_breach_probability{host="web1",metric="disk_used_ratio",rule="disk_full"}`:         f.Probability,
		`barograph_breach_probability{host="web2",metric="disk_used_ratio",rule="disk_full"}`:         0,
		`barograph_eta_seconds{host="web1",metric="disk_used_ratio",quantile="0.1",rule="disk_full"}`: f.ETA.Early.Sub(f.MadeAt).Seconds(),
		`barograph_eta_seconds{host="web1",metric="disk_used_ratio",quantile="0.5",rule="disk_full"}`: f.ETA.Median.Sub(f.MadeAt).Seconds(),
		`barograph_eta_seconds{host="web1",metric="disk_used_ratio",quantile="0.9",rule="disk_full"}`: f.ETA.Late.Sub(f.MadeAt).Seconds(),
	}
	n := 0
	for _, metric := range []string{forecast.ProbabilityMetric, forecast.ETAMetric} {
		found, err := w.store.Select(w.t.Context(), barograph.Query{
			Selector: barograph.Selector{Metric: metric}, From: f.MadeAt, To: f.MadeAt.Add(time.Second),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, sp := range found {
			n++
			if v, ok := want[sp.Series.String()]; !ok || len(sp.Points) != 1 || sp.Points[0].Value != v {
				w.t.Errorf("result %s = %v, want %v", sp.Series, sp.Points, v)
			}
		}
	}
	if n != len(want) {
		w.t.Errorf("%d result series, want %d", n, len(want))
	}
}

func TestNothingNewIsSkippedUntilItGoesStale(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.start(nil)
	w.sweep()
	w.take()

	w.clock.Move(time.Minute)
	w.sweep()
	if got := w.take(); len(got) != 0 {
		t.Fatalf("nothing new, and heard %+v", got)
	}
	w.clock.Move(4 * time.Minute)
	w.record(disk("web1"), .81)
	w.sweep()
	if got := w.take(); len(got) != 1 || math.Abs(got[0][0].Value-.81) > 1e-9 || !got[0][0].MadeAt.Equal(epoch.Add(5*time.Minute)) {
		t.Fatalf("a new value, and heard %+v", got)
	}
	for range 8 {
		w.clock.Move(30 * time.Minute)
		w.sweep()
	}
	var states []barograph.ForecastState
	for _, batch := range w.take() {
		states = append(states, batch[0].State)
	}
	if want := []barograph.ForecastState{barograph.StateStale}; !slices.Equal(states, want) {
		t.Errorf("silence gave %v, want %v once", states, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if tail := w.queries[2]; tail.To.Sub(tail.From) > time.Hour || tail.Rollup != barograph.RollupMax {
		t.Errorf("the first query after those for the whole history was %+v, want a short one", tail)
	}
}

func TestLateSamplesAreSeenAfterAReload(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), steady()...)
	w.start(func(c *forecast.Config) { c.ReloadInterval = barograph.Duration(20 * time.Minute) })
	w.sweep()
	w.take()
	late := barograph.Sample{Series: disk("web1"), UnixMilli: epoch.Add(-20*time.Hour + time.Minute).UnixMilli(), Value: .95}
	if err := w.store.Write(t.Context(), []barograph.Sample{late}); err != nil {
		t.Fatal(err)
	}
	w.clock.Move(10 * time.Minute)
	w.sweep()
	if got := w.take(); len(got) != 0 {
		t.Errorf("before the reload: %+v", got)
	}
	w.clock.Move(15 * time.Minute)
	w.sweep()
	if got := w.take(); len(got) != 1 {
		t.Errorf("after the reload heard %+v, want one batch", got)
	}
}

func TestRulesChooseWhatIsForecast(t *testing.T) {
	off, breachOnly, all := diskRule(), diskRule(), diskRule()
	off.ID, off.Enabled = "rul_off", false
	breachOnly.ID, breachOnly.Horizon = "rul_breach", 0
	all.ID, all.Name, all.Series = "rul_all", "all", barograph.Selector{}
	w := newWorld(t, off, breachOnly, all)
	w.record(disk("web1"), filling()...)
	w.start(nil)
	w.sweep()
	w.clock.Move(5 * time.Minute)
	w.record(disk("web1"), .801)
	w.sweep()
	for _, batch := range w.take() {
		for _, f := range batch {
			if f.RuleID != "rul_all" || f.Series.Metric != "disk_used_ratio" {
				t.Errorf("forecast of %s under %s", f.Series, f.RuleID)
			}
		}
	}
	nearer := all
	nearer.Limit = .7
	w.with(func() { w.rules = []barograph.Rule{nearer} })
	w.sweep()
	if got := w.take(); len(got) == 0 || got[0][0].State != barograph.StateAlreadyBreached {
		t.Errorf("with a changed limit heard %+v", got)
	}
	w.with(func() { w.rules = nil })
	w.sweep()
	if got := w.forecaster.Latest("", ""); len(got) != 0 {
		t.Errorf("latest of a deleted rule: %+v", got)
	}
}

func TestTroubleIsLoggedOnceAndStopsNothing(t *testing.T) {
	w := newWorld(t, diskRule())
	w.record(disk("web1"), filling()...)
	w.sinkErr, w.writeErr = errors.New("sink away"), errors.New("store full")
	w.start(nil)
	for range 3 {
		w.sweep()
	}
	if got := w.take(); len(got) < 3 || len(got[2]) != 1 || got[2][0].State != barograph.StateForecast {
		t.Errorf("a sink that refuses heard %+v, want the forecast again each time", got)
	}
	w.with(func() { w.sinkErr, w.writeErr = nil, nil })
	w.sweep()
	w.take()
	w.sweep()
	if got := w.take(); len(got) != 0 {
		t.Errorf("a content sink heard again %+v", got)
	}
	w.with(func() { w.readErr = errors.New("disk gone") })
	w.sweep()
	w.sweep()
	w.with(func() { w.readErr = nil })
	w.sweep()
	w.clock.Tick()
	for line, want := range map[string]int{
		"sink away": 1, "store full": 1, "disk gone": 1, "works again": 3,
	} {
		if got := strings.Count(w.log.String(), line); got != want {
			t.Errorf("%q logged %d times, want %d:\n%s", line, got, want, w.log)
		}
	}
	if got := w.forecaster.Latest("", ""); len(got) != 1 {
		t.Errorf("latest %+v", got)
	}
}

func TestMaxSeries(t *testing.T) {
	w := newWorld(t, diskRule())
	for _, host := range []string{"a", "b", "c"} {
		w.record(disk(host), filling()...)
	}
	w.start(func(c *forecast.Config) { c.MaxSeries = 2 })
	w.sweep()
	if got := w.forecaster.Latest("", ""); len(got) != 2 {
		t.Errorf("%d series forecast, want 2", len(got))
	}
	w.clock.Tick()
	if !strings.Contains(w.log.String(), "chooses 3 series") {
		t.Errorf("log says nothing of the third: %s", w.log)
	}
	var text bytes.Buffer
	w.set.WritePrometheus(&text)
	for _, want := range []string{"barograph_forecast_series 2\n", "barograph_forecast_seconds_count", `barograph_forecasts_total{state="forecast"} 2`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("metrics lack %q:\n%s", want, &text)
		}
	}
}

func TestGrid(t *testing.T) {
	for _, c := range []struct {
		horizon time.Duration
		want    forecast.Grid
	}{
		{time.Minute, forecast.Grid{Step: time.Second, Horizon: 60, History: 2016}},
		{time.Hour, forecast.Grid{Step: time.Minute, Horizon: 60, History: 2016}},
		{6 * time.Hour, forecast.Grid{Step: 5 * time.Minute, Horizon: 72, History: 2016}},
		{barograph.Day, forecast.Grid{Step: 15 * time.Minute, Horizon: 96, History: 1440}},
		{barograph.Week, forecast.Grid{Step: 2 * time.Hour, Horizon: 84, History: 588}},
		{30 * barograph.Day, forecast.Grid{Step: 8 * time.Hour, Horizon: 90, History: 630}},
		{barograph.MaxHorizon, forecast.Grid{Step: barograph.Day, Horizon: 90, History: 630}},
	} {
		rule := diskRule()
		rule.Horizon = barograph.Duration(c.horizon)
		c.want.Rollup = barograph.RollupMax
		if got := forecast.NewGrid(rule); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.horizon, got, c.want)
		}
	}
	rule := diskRule()
	rule.Operator = barograph.AtMost
	if got := forecast.NewGrid(rule); got.Rollup != barograph.RollupMin {
		t.Errorf("limit below is rolled up by %s", got.Rollup)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := forecast.DefaultConfig().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	err := forecast.Config{Workers: -1}.Validate()
	for _, field := range []string{"interval", "reload_interval", "read_timeout", "max_series", "workers"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
}
