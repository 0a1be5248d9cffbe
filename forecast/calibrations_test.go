package forecast_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/configdb"
)

// learner is what learns, on a real database.
type learner struct {
	t     *testing.T
	db    *configdb.DB
	clock *clocktest.Clock
	deps  forecast.Deps
	rule  barograph.Rule
	made  int
}

func newLearner(t *testing.T) *learner {
	t.Helper()
	l := &learner{t: t, clock: clocktest.New(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))}
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: t.TempDir(), Clock: l.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	l.db = db
	l.deps = forecast.Deps{Clock: l.clock, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()}
	l.rule = barograph.Rule{
		ID: "rul_1", Name: `Disk "space"`, Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		Horizon: barograph.Duration(3 * barograph.Day), OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Enabled: true,
	}
	if err := db.CreateRule(t.Context(), l.rule); err != nil {
		t.Fatal(err)
	}
	return l
}

// close records a prediction of so many days ago that was confirmed or expired.
func (l *learner) close(daysAgo int, probability float64, came bool) {
	l.t.Helper()
	opened := l.clock.Now().Add(-time.Duration(daysAgo) * barograph.Day)
	in := func(h int) time.Time { return opened.Add(time.Duration(h) * time.Hour) }
	l.made++
	p := barograph.Prediction{
		ID: barograph.PredictionID(fmt.Sprintf("prd_%05d", l.made)), RuleID: l.rule.ID, RuleName: l.rule.Name, Severity: l.rule.Severity,
		Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "a"})},
		State:  barograph.PredictionExpired, OpenedAt: opened, ClosedAt: in(60), CloseReason: "the time passed",
		First: barograph.Announcement{At: opened, Probability: probability, ETA: barograph.ETA{Early: in(10), Median: in(30), Late: in(50)}},
	}
	if came {
		p.State, p.ClosedAt, p.Lead, p.BreachID = barograph.PredictionConfirmed, in(30), barograph.Duration(30*time.Hour), "brc_1"
	}
	p.Latest = p.First
	if err := l.db.Record(l.t.Context(), barograph.Change{Predictions: []barograph.Prediction{p}}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *learner) forecast() barograph.Forecast {
	const probability = .85
	fc := barograph.Forecast{
		RuleID: l.rule.ID, State: barograph.StateForecast, MadeAt: l.clock.Now(), Horizon: l.rule.Horizon, Probability: probability,
		ETA: &barograph.ETA{
			Early: l.clock.Now().Add(10 * time.Hour), Median: l.clock.Now().Add(30 * time.Hour), Late: l.clock.Now().Add(50 * time.Hour),
		},
	}
	for k := range fc.CDF {
		fc.CDF[k] = probability * float64(k+1) / barograph.CDFPoints
	}
	return fc
}

func TestCalibrationsLearnFromTheDatabase(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	c := forecast.NewCalibrations(l.db, l.db, l.deps)
	for i := range 40 {
		l.close(43-i, .85, i%2 == 0)
	}
	if got := c.Calibrate(l.rule, l.forecast()); got.Probability != .85 {
		t.Errorf("before anything was learnt: %v", got.Probability)
	}
	refresh := func() {
		t.Helper()
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	got := c.Calibrate(l.rule, l.forecast())
	if got.Probability < .6 || got.Probability > .72 || got.Uncalibrated == nil || got.Uncalibrated.Probability != .85 {
		t.Errorf("half came true: %v, the models said %+v", got.Probability, got.Uncalibrated)
	}
	if want := "this rule's warnings of 80–90 % came true 20 times of 40"; !strings.Contains(got.Reason, want) {
		t.Errorf("reason %q lacks %q", got.Reason, want)
	}
	other := l.rule
	other.ID = "rul_2"
	if got := c.Calibrate(other, l.forecast()); got.Probability != .85 {
		t.Errorf("another rule: %v", got.Probability)
	}

	// Of another limit nothing is known, from the moment that it is in force.
	l.rule.Limit, l.rule.UpdatedAt = .95, l.clock.Now()
	if err := l.db.UpdateRule(t.Context(), l.rule); err != nil {
		t.Fatal(err)
	}
	edited, err := l.db.Rule(t.Context(), l.rule.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Calibrate(edited, l.forecast()); got.Probability != .85 {
		t.Errorf("another limit: %v", got.Probability)
	}
	refresh()
	if got := c.Calibrate(edited, l.forecast()); got.Probability != .85 {
		t.Errorf("another limit, later: %v", got.Probability)
	}
}

// TestCalibrationsKeepWhatTheyKnow when the database is away.
func TestCalibrationsKeepWhatTheyKnow(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	for i := range 40 {
		l.close(50-i, .85, false)
	}
	var log bytes.Buffer
	l.deps.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := forecast.NewCalibrations(l.db, l.db, l.deps)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := c.Calibrate(l.rule, l.forecast()).Probability
	if err := l.db.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	for range 3 {
		l.clock.Tick()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := c.Calibrate(l.rule, l.forecast()).Probability; got != before || got > .8 {
		t.Errorf("probability %v, was %v", got, before)
	}
	if n := strings.Count(log.String(), "calibration stays as it was"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &log)
	}
}

// risingDisk is a store with one series that rises to the limit.
type risingDisk struct{ now time.Time }

func (r risingDisk) Select(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	found := barograph.SeriesPoints{Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": "a"})}}
	for at := r.now.Add(-60 * barograph.Day); !at.After(r.now); at = at.Add(time.Hour) {
		if !at.Before(q.From) && at.Before(q.To) {
			found.Points = append(found.Points, barograph.Point{UnixMilli: at.UnixMilli(), Value: .88 - r.now.Sub(at).Hours()/24*.01})
		}
	}
	return []barograph.SeriesPoints{found}, nil
}

func (risingDisk) Write(context.Context, []barograph.Sample) error { return nil }

// heard keeps the forecasts that were told.
type heard struct {
	mu  sync.Mutex
	all []barograph.Forecast
}

func (h *heard) Forecasted(_ context.Context, _ barograph.Rule, fs []barograph.Forecast) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, fs...)
	return nil
}

// TestForecasterTellsCalibrated: what is learnt reaches whoever is told.
func TestForecasterTellsCalibrated(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	for i := range 60 {
		for b := range 10 {
			l.close(70-i, (float64(b)+.5)/10, false)
		}
	}
	c := forecast.NewCalibrations(l.db, l.db, l.deps)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.deps.Calibrator = c
	told := &heard{}
	store := risingDisk{l.clock.Now()}
	f, err := forecast.New(forecast.DefaultConfig(), l.db, store, store, told, l.deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	for range 2 {
		l.clock.Tick()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(told.all) == 0 {
		t.Fatal("nothing was told")
	}
	fc := told.all[0]
	if fc.State != barograph.StateForecast || fc.Uncalibrated == nil || fc.Probability >= fc.Uncalibrated.Probability {
		t.Errorf("told %+v, of models that are never right", fc)
	}
	if latest := f.Latest("", ""); len(latest) != 1 || latest[0].Probability != fc.Probability {
		t.Errorf("latest %+v, told %v", latest, fc.Probability)
	}
}

func TestScoreboard(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	for i := range 10 {
		l.close(20-i, .85, i < 7)
	}
	s := forecast.NewScoreboard(l.db, l.deps)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	look := func() string {
		l.clock.Tick()
		l.clock.Tick() // taken when the tick before is done with
		var b bytes.Buffer
		l.deps.Metrics.WritePrometheus(&b)
		return b.String()
	}
	text := look()
	for _, want := range []string{
		`barograph_rule_precision_ratio{rule="Disk \"space\""} 0.7`,
		`barograph_rule_coverage_ratio{rule="Disk \"space\""} 1`,
		`barograph_rule_brier_score{rule="Disk \"space\""} 0.23249999`,
		`barograph_rule_reliability_ratio{rule="Disk \"space\"",announced="0.8"} 0.7`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "recall") {
		t.Error("a recall, though there was no breach")
	}
	l.rule.Name = "Disks"
	if err := l.db.UpdateRule(t.Context(), l.rule); err != nil {
		t.Fatal(err)
	}
	if text = look(); strings.Contains(text, "space") || !strings.Contains(text, `{rule="Disks"}`) {
		t.Errorf("after it was renamed:\n%s", text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
