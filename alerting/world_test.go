package alerting_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/logtest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// Help for the tests of judging: an engine on a real database and a real series
// store, in a time that only passes when the test says so.

// fragile is the database, which fails when the test says so.
type fragile struct {
	*configdb.DB

	mu     sync.Mutex
	refuse func(barograph.Change) error
	down   error
	tries  int // of Record
}

func (f *fragile) failure(c *barograph.Change) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c != nil {
		f.tries++
	}
	if f.down == nil && c != nil && f.refuse != nil {
		return f.refuse(*c)
	}
	return f.down
}

func (f *fragile) fail(down error, refuse func(barograph.Change) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.refuse = down, refuse
}

func (f *fragile) Rules(ctx context.Context, p barograph.Page) ([]barograph.Rule, error) {
	if err := f.failure(nil); err != nil {
		return nil, err
	}
	return f.DB.Rules(ctx, p)
}

func (f *fragile) Record(ctx context.Context, c barograph.Change) error {
	if err := f.failure(&c); err != nil {
		return err
	}
	return f.DB.Record(ctx, c)
}

// logBuffer is a log that tests read.
type logBuffer struct{ logtest.Buffer }

func (l *logBuffer) count(words string) int { return l.Count(words) }

type world struct {
	t      testing.TB
	clock  *clocktest.Clock
	db     *fragile
	series *promtsdb.Store
	log    *logBuffer
	cfg    alerting.Config
	engine *alerting.Engine
	wakes  chan struct{}
}

func worldStart() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// newWorld makes an engine that knows the rules. Nothing happens by itself in
// it: either the test calls tick, or it runs the engine.
func newWorld(tb testing.TB, rules ...barograph.Rule) *world {
	tb.Helper()
	w := &world{
		t: tb, clock: clocktest.New(worldStart()), log: &logBuffer{},
		db: &fragile{DB: database(tb)}, cfg: alerting.DefaultConfig(), wakes: make(chan struct{}, 1),
	}
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace, cfg.Durability = 0, promtsdb.DurabilityOS
	series, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: w.clock,
	})
	w.noError(err)
	tb.Cleanup(func() { _ = series.Close() })
	w.series = series
	for _, r := range rules {
		w.noError(w.db.CreateRule(tb.Context(), r))
	}
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	changes, stopChanges := w.db.Changes()
	w.t.Cleanup(stopChanges)
	e, err := alerting.NewEngine(w.t.Context(), w.cfg, alerting.EngineOptions{
		Store: w.db, Reader: w.series, Changes: changes, Clock: w.clock,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: metrics.NewSet(),
		Recorded: func() {
			select {
			case w.wakes <- struct{}{}:
			default:
			}
		},
	})
	w.noError(err)
	w.engine = e
}

// run runs the engine until stop is called. The clock's ticks are sent by hand.
func (w *world) run() (stop func()) {
	w.t.Helper()
	return startRun(w.t, w.engine.Run)
}

// restart is another engine, after so long.
func (w *world) restart(away time.Duration) {
	w.t.Helper()
	w.clock.Move(away)
	w.start()
	w.tick()
}

func (w *world) noError(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// at sets the time to so long after the start.
func (w *world) at(after string) {
	w.t.Helper()
	d, err := barograph.ParseDuration(after)
	w.noError(err)
	w.clock.Set(worldStart().Add(d.Std()))
}

// tick lets the engine look at the time and the database and record what
// follows, as its Run does.
func (w *world) tick() { alerting.Step(w.t.Context(), w.engine) }

// sample stores and judges one, at the time it is.
func (w *world) sample(series barograph.Series, value float64) {
	w.sampleAt(w.clock.Now(), series, value)
}

func (w *world) sampleAt(at time.Time, series barograph.Series, value float64) {
	w.t.Helper()
	samples := []barograph.Sample{{Series: series, UnixMilli: at.UnixMilli(), Value: value}}
	w.noError(w.series.Write(w.t.Context(), samples))
	w.engine.Observe(samples)
}

// unjudged stores a sample that the engine never saw.
func (w *world) unjudged(series barograph.Series, value float64) {
	w.t.Helper()
	w.noError(w.series.Write(w.t.Context(), []barograph.Sample{{Series: series, UnixMilli: w.clock.Now().UnixMilli(), Value: value}}))
}

// forecast hands over a forecast with an ETA as so many hours from now.
func (w *world) forecast(r barograph.Rule, s barograph.Series, value, probability float64, early, median, late int) {
	w.t.Helper()
	now := w.clock.Now()
	hours := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	w.noError(w.engine.Forecasted(w.t.Context(), r, []barograph.Forecast{{
		RuleID: r.ID, Series: s, State: barograph.StateForecast, MadeAt: now, Horizon: r.Horizon, Value: value, Probability: probability,
		ETA: &barograph.ETA{Early: hours(early), Median: hours(median), Late: hours(late)}, Reason: "it rises",
	}}))
}

// predict opens a prediction from now until an hour later, of 19 to 39 h from then.
func (w *world) predict(r barograph.Rule, s barograph.Series) {
	w.t.Helper()
	const value = .8
	w.forecast(r, s, value, .9, 20, 30, 40)
	w.clock.Move(time.Hour)
	w.sample(s, value)
	w.forecast(r, s, value, .9, 19, 29, 39)
	w.tick()
}

// expect fails the test unless these are all the events in the database, in the
// order of their IDs.
func (w *world) expect(want ...barograph.EventType) {
	w.t.Helper()
	var got []barograph.EventType
	for _, e := range w.events() {
		got = append(got, e.Type)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Fatalf("events (-want +got):\n%s\n%s", diff, w.log)
	}
}

func (w *world) events() []barograph.Event {
	w.t.Helper()
	events, err := w.db.Events(context.Background(), barograph.EventFilter{}, barograph.Page{})
	w.noError(err)
	slices.Reverse(events)
	return events
}

func (w *world) last() barograph.Event {
	w.t.Helper()
	events := w.events()
	if len(events) == 0 {
		w.t.Fatal("no events")
	}
	return events[len(events)-1]
}

func (w *world) predictions() []barograph.Prediction {
	w.t.Helper()
	ps, err := w.db.Predictions(context.Background(), barograph.PredictionFilter{}, barograph.Page{})
	w.noError(err)
	slices.Reverse(ps)
	return ps
}

func (w *world) breaches() []barograph.Breach {
	w.t.Helper()
	bs, err := w.db.Breaches(context.Background(), barograph.PredictionFilter{}, barograph.Page{})
	w.noError(err)
	slices.Reverse(bs)
	return bs
}

// score returns the counts of the only rule's card as
// "open confirmed averted turned expired withdrawn breaches foreseen".
func (w *world) score() [8]int {
	w.t.Helper()
	cards, err := w.db.Scorecards(context.Background(), time.Time{}, time.Time{})
	w.noError(err)
	if len(cards) != 1 {
		w.t.Fatalf("%d scorecards", len(cards))
	}
	c := cards[0]
	return [8]int{c.Open, c.Confirmed, c.Averted, c.Turned, c.Expired, c.Withdrawn, c.Breaches, c.Foreseen}
}

func (w *world) wantScore(want [8]int) {
	w.t.Helper()
	if got := w.score(); got != want {
		w.t.Errorf("score is %v, want %v (open confirmed averted turned expired withdrawn breaches foreseen)", got, want)
	}
}

func diskRule() barograph.Rule {
	return barograph.Rule{
		ID: "rul_disk", Name: "Disk space", Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		Horizon: barograph.Duration(3 * barograph.Day), OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Enabled: true,
	}
}

func disk(host string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host, "mount": "/"})}
}

var errDown = errors.New("the disk is on fire")
