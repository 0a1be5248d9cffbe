package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/spool"
)

// Place is where a server keeps what it has.
type Place struct {
	Config Config
	Dir    string // data directory
}

// Migration moves what a server keeps from some engines to others, while no
// server runs on them. The history is copied, compared, and left where it was.
// One that was cut short goes on where it was when it is run again.
type Migration struct {
	From, To Place
	Since    time.Duration // how old the history may be
	Log      *slog.Logger
	// Progress is called now and then; nil: nobody looks.
	Progress func(Progress)
}

// Progress is how far a migration is.
type Progress struct {
	Stage  string // copying, comparing
	At     time.Time
	Done   float64 // share of the time, from 0 to 1
	Points int
}

// Migrated is what a migration did.
type Migrated struct {
	Database *configdb.Copied // nil: both are one
	Series   bool             // false: both are one
	Points   int
	Refused  int
	Reason   string // why the first was refused
	Metrics  map[string]Compared
}

// cursorFile says in the source's data directory how far a migration is.
const cursorFile = "migration.json"

// cursor is where a migration goes on.
type cursor struct {
	From     string    `json:"from"`
	To       string    `json:"to"`
	Begin    time.Time `json:"begin"`
	End      time.Time `json:"end"`
	Until    time.Time `json:"until"` // all before it is copied
	Points   int       `json:"points"`
	Refused  refusals  `json:"refused"`
	Database *configdb.Copied
}

// Run moves everything. Its result is what was done also if that was not all. An
// error of KindInvalid says that it was not begun.
func (m Migration) Run(ctx context.Context) (done Migrated, err error) {
	if err := m.validate(); err != nil {
		return done, err
	}
	unlock, err := m.lock()
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	c, err := m.begin(time.Now())
	if err != nil {
		return done, err
	}
	if done.Database, err = m.database(ctx, c); err != nil {
		return done, err
	}
	if m.From.store() != m.To.store() {
		done.Series = true
		done.Metrics, err = m.series(ctx, c)
		done.Points, done.Refused, done.Reason = c.Points, c.Refused.Count, c.Refused.First
	}
	if err != nil {
		return done, err
	}
	return done, m.end()
}

// validate returns an error if there is nothing that could be moved.
func (m Migration) validate() error {
	switch {
	case m.Since <= 0:
		return barograph.Errorf(barograph.KindInvalid,
			"--since: %s is not a time that history goes back: write as 90d or 730d", barograph.Duration(m.Since))
	case m.From.store() == m.To.store() && m.From.database() == m.To.database():
		return barograph.Errorf(barograph.KindInvalid,
			"nothing is to be moved: series (%s) and configuration (%s) are to stay where they are; name the new engines by --to, or another data directory by --to-data",
			m.From.Config.Store.Engine, m.From.database())
	}
	return nil
}

// lock keeps servers off both directories.
func (m Migration) lock() (func() error, error) {
	if _, err := os.Stat(m.From.Dir); err != nil {
		return nil, barograph.Errorf(barograph.KindInvalid, "no data directory %s; name it by --from-data", m.From.Dir)
	}
	unlock, err := lockDir(m.From.Dir)
	if err != nil {
		return nil, err
	}
	if same, err := sameDir(m.From.Dir, m.To.Dir); err != nil || same {
		return unlock, err
	}
	if err := os.MkdirAll(m.To.Dir, 0o700); err != nil {
		return nil, errors.Join(barograph.Errorf(barograph.KindInvalid, "make the data directory: %s", err), unlock())
	}
	second, err := lockDir(m.To.Dir)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	return func() error { return errors.Join(second(), unlock()) }, nil
}

func sameDir(a, b string) (bool, error) {
	x, err := filepath.Abs(a)
	if err != nil {
		return false, err
	}
	y, err := filepath.Abs(b)
	return x == y, err
}

// store names the series store, without secrets.
func (p Place) store() string {
	switch c := p.Config.Store; c.Engine {
	case EngineInfluxDB:
		return fmt.Sprintf("%s %s %s", c.Engine, c.InfluxDB.URL, c.InfluxDB.Bucket)
	case EnginePrometheus:
		return fmt.Sprintf("%s %+v", c.Engine, c.Prometheus)
	case EngineEmbedded:
	}
	dir, err := filepath.Abs(p.Dir)
	return fmt.Sprintf("%s %s", EngineEmbedded, cmp.Or(dir, fmt.Sprint(err)))
}

// database names the configuration database, without secrets.
func (p Place) database() string {
	c := p.Config.Database
	if c.URL == "" {
		path := c.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Dir, path)
		}
		if full, err := filepath.Abs(path); err == nil {
			path = full
		}
		return "sqlite " + path
	}
	if u, err := url.Parse(c.URL.Reveal()); err == nil {
		return "postgresql " + u.Host + u.Path
	}
	return "postgresql"
}

// begin returns where to go on, or where to begin.
func (m Migration) begin(now time.Time) (*cursor, error) {
	c := &cursor{From: m.From.store() + ", " + m.From.database(), To: m.To.store() + ", " + m.To.database()}
	path := filepath.Join(m.From.Dir, cursorFile)
	text, err := os.ReadFile(path) //nolint:gosec // in our own data directory
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.End = now.Truncate(time.Second).UTC()
		c.Begin = c.End.Add(-m.Since)
		c.Until = c.Begin
		return c, nil
	case err != nil:
		return nil, fmt.Errorf("read how far the migration was: %w", err)
	}
	var was cursor
	if err := json.Unmarshal(text, &was); err != nil {
		return nil, fmt.Errorf("read how far the migration was, from %s: %w", path, err)
	}
	if was.From != c.From || was.To != c.To {
		return nil, barograph.Errorf(barograph.KindConflict,
			"a migration from %s to %s was begun and is not done: end that one first, or delete %s to begin anew", was.From, was.To, path)
	}
	return &was, nil
}

func (m Migration) save(c *cursor) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("note how far the migration is: %w", err)
	}
	path := filepath.Join(m.From.Dir, cursorFile)
	if err := os.WriteFile(path+".part", text, 0o600); err != nil {
		return fmt.Errorf("note how far the migration is: %w", err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("note how far the migration is: %w", err)
	}
	return nil
}

func (m Migration) end() error {
	err := os.Remove(filepath.Join(m.From.Dir, cursorFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note that the migration is done: %w", err)
	}
	return nil
}

// database copies the configuration database, unless that is done, or both
// places have the same.
func (m Migration) database(ctx context.Context, c *cursor) (copied *configdb.Copied, err error) {
	if m.From.database() == m.To.database() || c.Database != nil {
		return c.Database, nil
	}
	if err := databaseExists(m.From.Config, m.From.Dir); err != nil {
		return nil, err
	}
	from, err := configdb.Open(ctx, m.From.Config.Database, configdb.Deps{Dir: m.From.Dir, Log: m.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := configdb.Open(ctx, m.To.Config.Database, configdb.Deps{Dir: m.To.Dir, Log: m.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	done, err := from.CopyTo(ctx, to)
	if err != nil {
		return nil, err
	}
	c.Database = &done
	return c.Database, m.save(c)
}

// series copies the history, and compares both.
func (m Migration) series(ctx context.Context, c *cursor) (_ map[string]Compared, err error) {
	if err := mustBeDrained(m.From); err != nil {
		return nil, err
	}
	from, err := m.From.openSeries(m.Log) //nolint:contextcheck // its opening is not to be broken off: it repairs what a crash left
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := m.To.openSeries(m.Log) //nolint:contextcheck // as above
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for _, store := range []seriesStore{from, to} {
		if err := store.Healthy(ctx); err != nil {
			return nil, err
		}
	}
	if err := m.copySeries(ctx, c, from, to); err != nil {
		return nil, err
	}
	return m.compareSeries(ctx, c, from, to)
}

// mustBeDrained makes sure that nothing waits in the spool for a store that was away.
func mustBeDrained(p Place) error {
	dir := filepath.Join(p.Dir, "spool")
	if _, err := os.Stat(dir); err != nil || p.Config.Store.Engine == EngineEmbedded {
		return nil //nolint:nilerr // without a spool nothing waits
	}
	const all = 1 << 60
	queue, err := spool.Open(dir, spool.Options{MaxBytes: all, MaxAge: 100 * 365 * barograph.Day})
	if err != nil {
		return fmt.Errorf("look into the spool: %w", err)
	}
	waiting := queue.Stats().Records
	if err := queue.Close(); err != nil {
		return fmt.Errorf("look into the spool: %w", err)
	}
	if waiting > 0 {
		return barograph.Errorf(barograph.KindConflict,
			"samples wait in %s for the store that they were meant for: run the server with its old configuration until they are gone", dir)
	}
	return nil
}

// openSeries opens the store so that it takes what is old.
func (p Place) openSeries(log *slog.Logger) (seriesStore, error) {
	set := metrics.NewSet()
	if p.Config.Store.Engine != EngineEmbedded {
		return openFar(p.Config.Store, farDeps{log, set, barograph.WallClock{}})
	}
	cfg := p.Config.Store.Embedded
	cfg.OutOfOrderWindow = cfg.RetentionTime
	return promtsdb.Open(cfg, promtsdb.Deps{Dir: filepath.Join(p.Dir, "series"), Logger: log, Metrics: set, Clock: barograph.WallClock{}})
}

func (m Migration) copySeries(ctx context.Context, c *cursor, from, to seriesStore) error {
	pieces := newWindows(from, c.End)
	embedded, _ := to.(*promtsdb.Store)
	for c.Until.Before(c.End) {
		next, found, err := pieces.next(ctx, c.Until)
		if err != nil {
			return err
		}
		samples := samplesOf(found)
		if err := writeAll(ctx, to, samples, &c.Refused); err != nil {
			return err
		}
		if embedded != nil && len(samples) > 0 {
			if err := embedded.Settle(ctx, false); err != nil {
				return err
			}
		}
		c.Until = next
		c.Points += len(samples)
		if err := m.save(c); err != nil {
			return err
		}
		m.tell("copying", c, c.Until, c.Points)
	}
	if embedded != nil {
		return embedded.Settle(ctx, true)
	}
	return nil
}

func (m Migration) tell(stage string, c *cursor, at time.Time, points int) {
	if m.Progress != nil {
		m.Progress(Progress{stage, at, at.Sub(c.Begin).Seconds() / c.End.Sub(c.Begin).Seconds(), points})
	}
}

// compareSeries reads everything from both again.
func (m Migration) compareSeries(ctx context.Context, c *cursor, from, to seriesStore) (map[string]Compared, error) {
	all := comparison{}
	patience, points := 8, 0 // looks again, in all: stores that write behind need a moment
	pieces := newWindows(from, c.End)
	for at := c.Begin; at.Before(c.End); {
		next, want, err := pieces.next(ctx, at)
		if err != nil {
			return all.byMetric(), err
		}
		for len(want) > 0 {
			got, err := patiently(ctx, func() ([]barograph.SeriesPoints, error) {
				return to.Select(ctx, barograph.Query{From: at, To: next})
			})
			if err != nil {
				return all.byMetric(), fmt.Errorf("read back what was copied: %w", err)
			}
			if all.add(want, got, patience == 0) {
				break
			}
			patience--
			if err := pause(ctx, 2*time.Second); err != nil {
				return all.byMetric(), err
			}
		}
		for _, s := range want {
			points += len(s.Points)
		}
		at = next
		m.tell("comparing", c, at, points)
	}
	return all.byMetric(), nil
}
