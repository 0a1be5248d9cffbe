package app_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/configdb/pgtest"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/internal/promtsdb"
)

func series(tb testing.TB, dir string) *promtsdb.Store {
	tb.Helper()
	cfg := promtsdb.DefaultConfig()
	cfg.OutOfOrderWindow = cfg.RetentionTime
	s, err := promtsdb.Open(cfg, promtsdb.Deps{
		Dir: filepath.Join(dir, "series"), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// history fills an embedded store with some days, thin and dense ones, and
// returns it.
func history(tb testing.TB, dir string) []barograph.SeriesPoints {
	tb.Helper()
	store := series(tb, dir)
	now := time.Now().Truncate(time.Second)
	var samples []barograph.Sample
	add := func(metric string, labels map[string]string, from, step time.Duration, n int) {
		for i := range n {
			samples = append(samples, barograph.Sample{
				Series: barograph.Series{Metric: metric, Labels: barograph.NewLabels(labels)}, UnixMilli: now.Add(-from+time.Duration(i)*step).UnixMilli() + 7,
				Value: math.Sin(float64(i)) * math.Pow(10, float64(i%20-10)),
			})
		}
	}
	add("rare", map[string]string{"host": "a"}, 6*barograph.Day, 6*time.Hour, 20)
	add("common", map[string]string{"host": "a", "mount": `/srv "x", \y=z`}, 3*barograph.Day, 5*time.Minute, 800)
	add("common", map[string]string{"host": "b"}, 50*time.Minute, time.Second, 2900)
	add("barograph_forecast", map[string]string{"host": "b"}, 50*time.Minute, time.Second, 10)
	if err := store.Write(tb.Context(), samples); err != nil {
		tb.Fatal(err)
	}
	all := allOf(tb, store)
	if err := store.Close(); err != nil {
		tb.Fatal(err)
	}
	return all
}

func allOf(tb testing.TB, store barograph.SampleReader) (kept []barograph.SeriesPoints) {
	tb.Helper()
	found, err := store.Select(tb.Context(), barograph.Query{From: time.Now().Add(-100 * barograph.Day), To: time.Now().Add(time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range found {
		if s.Series.Metric != "barograph_forecast" {
			kept = append(kept, s)
		}
	}
	return kept
}

func place(cfg app.Config, dir string) app.Place { return app.Place{Config: cfg, Dir: dir} }

func move(ctx context.Context, tb testing.TB, from, to app.Place) app.Migrated {
	tb.Helper()
	m := app.Migration{From: from, To: to, Since: 60 * barograph.Day, Log: slog.New(slog.DiscardHandler)}
	done, err := m.Run(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	for name, c := range done.Metrics {
		if c.Missing+c.Altered > 0 {
			tb.Errorf("%s: %+v; %d refused: %s", name, c, done.Refused, done.Reason)
		}
	}
	return done
}

// There and back again: what comes back is what was there.
func thereAndBack(t *testing.T, far app.Config) {
	t.Helper()
	dir, back := t.TempDir(), t.TempDir()
	want := history(t, dir)
	done := move(t.Context(), t, place(app.DefaultConfig(), dir), place(far, dir))
	if done.Points != 3720 || done.Metrics["common"].Points != 3700 || done.Database != nil {
		t.Errorf("there: %+v", done)
	}
	openDB(t, dir) // which goes with it
	done = move(t.Context(), t, place(far, dir), place(app.DefaultConfig(), back))
	if done.Points != 3720 || done.Database == nil {
		t.Errorf("back: %+v", done)
	}
	store := series(t, back)
	defer store.Close()
	// VictoriaMetrics keeps some fifteen digits, of the largest value around.
	approximately := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*1e9 })
	if diff := cmp.Diff(want, allOf(t, store), approximately); diff != "" {
		t.Errorf("another history came back:\n%.2000s", diff)
	}
}

func TestMigrateToInfluxDBAndBack(t *testing.T) {
	t.Parallel()
	cfg := app.DefaultConfig()
	cfg.Store.Engine = app.EngineInfluxDB
	cfg.Store.InfluxDB = influxtest.Start(t).Config(t, 0)
	thereAndBack(t, cfg)
}

func TestMigrateToVictoriaMetricsAndBack(t *testing.T) {
	t.Parallel()
	cfg := app.DefaultConfig()
	cfg.Store.Engine = app.EnginePrometheus
	cfg.Store.Prometheus = promremotetest.VictoriaMetrics(t).Config()
	thereAndBack(t, cfg)
}

// Everything in the database comes along, into PostgreSQL and out of it.
func TestMigrateToPostgreSQLAndBack(t *testing.T) {
	t.Parallel()
	grown := app.DefaultConfig()
	grown.Database = pgtest.Start(t).Config(t)
	dir, back := t.TempDir(), t.TempDir()
	db := openDB(t, dir)
	key, agent := fill(t, db, "n", "x\x00y")
	event := barograph.Event{ID: id[barograph.EventID]("evt"), Type: barograph.EventWatchdog, Time: time.Now()}
	if err := db.Record(t.Context(), barograph.Change{Events: []barograph.Event{event}}); err != nil {
		t.Fatal(err)
	}
	want := plain(t, db)
	done := move(t.Context(), t, place(app.DefaultConfig(), dir), place(grown, dir))
	if done.Database == nil || done.Database.Rows < 15 || done.Series {
		t.Errorf("there: %+v", done)
	}
	m := app.Migration{From: place(app.DefaultConfig(), dir), To: place(grown, dir), Since: time.Hour, Log: slog.New(slog.DiscardHandler)}
	if _, err := m.Run(t.Context()); barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("into a database that is full: %v", err)
	}
	move(t.Context(), t, place(grown, dir), place(app.DefaultConfig(), back))
	again := openDB(t, back)
	if diff := cmp.Diff(want, plain(t, again)); diff != "" {
		t.Errorf("another configuration came back:\n%s", diff)
	}
	checkKeys(t, again, key, agent)
	events, err := again.UnpublishedEvents(t.Context(), 10)
	if err != nil || len(events) != 1 || events[0].ID != event.ID {
		t.Errorf("events %v, %v", events, err)
	}
}

// One that is cut short goes on where it was, and copies nothing twice over.
func TestMigrationGoesOn(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	want := history(t, dir)
	openDB(t, dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	killed := errors.New("killed")
	m := app.Migration{
		From: place(app.DefaultConfig(), dir), To: place(app.DefaultConfig(), other), Since: 60 * barograph.Day, Log: slog.New(slog.DiscardHandler),
		Progress: func(p app.Progress) {
			if p.Points > 500 {
				cancel(killed)
			}
		},
	}
	if _, err := m.Run(ctx); err == nil {
		t.Fatal("it was not cut short")
	}
	elsewhere := m
	elsewhere.To.Dir = t.TempDir()
	if _, err := elsewhere.Run(t.Context()); barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("another migration beside one that was cut short: %v", err)
	}
	m.Progress = nil
	done, err := m.Run(t.Context())
	if err != nil || done.Points != 3720 || done.Database == nil {
		t.Errorf("%+v, %v", done, err)
	}
	store := series(t, other)
	defer store.Close()
	if diff := cmp.Diff(want, allOf(t, store)); diff != "" {
		t.Errorf("another history:\n%.2000s", diff)
	}
}

// What the new store does not keep is told.
func TestMigrationTellsOfLosses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	history(t, dir)
	short := app.DefaultConfig()
	short.Store.Engine = app.EnginePrometheus
	short.Store.Prometheus = promremotetest.VictoriaMetrics(t, "-retentionPeriod=2d").Config()
	m := app.Migration{From: place(app.DefaultConfig(), dir), To: place(short, dir), Since: 60 * barograph.Day, Log: slog.New(slog.DiscardHandler)}
	done, err := m.Run(t.Context())
	if err != nil || done.Metrics["rare"].Missing == 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// A backup of a server on PostgreSQL is a database that a server starts on.
func TestSnapshotOfPostgreSQL(t *testing.T) {
	t.Parallel()
	db, err := configdb.Open(t.Context(), pgtest.Start(t).Config(t), configdb.Deps{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key, agent := fill(t, db, "n", "x")
	dir := t.TempDir()
	if err := db.Snapshot(t.Context(), filepath.Join(dir, "barograph.db")); err != nil {
		t.Fatal(err)
	}
	again := openDB(t, dir)
	if diff := cmp.Diff(plain(t, db), plain(t, again)); diff != "" {
		t.Error(diff)
	}
	checkKeys(t, again, key, agent)
	if size, err := db.Size(t.Context()); err != nil || size == 0 {
		t.Errorf("size %d, %v", size, err)
	}
}
