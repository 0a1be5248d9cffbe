package configdb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/VictoriaMetrics/metrics"
	"github.com/pressly/goose/v3"

	"github.com/barograph/barograph"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Deps are what a database stands on.
type Deps struct {
	Dir     string          // the data directory; made if it is missing
	Clock   barograph.Clock // stamps CreatedAt and UpdatedAt; nil: the wall clock
	Log     *slog.Logger    // nil: nothing is logged
	Metrics *metrics.Set    // nil: nothing is measured
}

// dialect is what differs between databases.
type dialect interface {
	engine
	language
}

// engine keeps the data.
type engine interface {
	// open returns a pool for writing, of which each transaction may write from
	// its start, and one for reading.
	open(ctx context.Context) (writer, reader *sql.DB, err error)
	// migrations returns the dialect's name in goose.
	migrations() goose.Dialect
	// backup copies the database, which has the given version, to a safe place
	// and says where that is.
	backup(ctx context.Context, writer *sql.DB, version int64) (where string, err error)
}

// language is how to talk to it.
type language interface {
	// rebind returns the query with its question marks as the driver wants them.
	rebind(query string) string
	// forClaim returns what is added to a query of a transaction that reserves
	// its rows of the named table, so that no other one waits for them or gets
	// them too; "" where nobody else writes meanwhile.
	forClaim(table string) string
	// taken returns the table and column whose value must be unique and is not.
	taken(err error) (table, column string, ok bool)
	// unavailable reports whether trying again later may help.
	unavailable(err error) bool
}

// DB is an open database.
type DB struct {
	dialect  dialect
	name     string // for messages
	writer   *sql.DB
	reader   *sql.DB
	clock    barograph.Clock
	stats    stats
	changes  notifier
	auditIDs sequence
}

// Open opens the database, makes it if it is missing, and brings it up to date.
// An existing one is copied before that. One from a newer version of Barograph
// is refused.
func Open(ctx context.Context, cfg Config, deps Deps) (*DB, error) {
	steps, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read embedded migrations: %w", err)
	}
	return open(ctx, cfg, deps, steps)
}

func open(ctx context.Context, cfg Config, deps Deps, steps fs.FS) (*DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps = deps.withDefaults()
	path := cfg.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(deps.Dir, path)
	}
	db := &DB{
		dialect: sqlite{path: path, readers: cfg.Readers, busy: cfg.BusyTimeout.Std()},
		name:    path,
		clock:   deps.Clock,
	}
	var err error
	if db.writer, db.reader, err = db.dialect.open(ctx); err != nil {
		return nil, fmt.Errorf("open config database %s: %w", path, err)
	}
	if err := db.migrate(ctx, steps, deps.Log); err != nil {
		return nil, errors.Join(fmt.Errorf("open config database %s: %w", path, err), db.Close())
	}
	db.stats = newStats(deps.Metrics, db.reader)
	return db, nil
}

func (d Deps) withDefaults() Deps {
	if d.Clock == nil {
		d.Clock = barograph.WallClock{}
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = metrics.NewSet()
	}
	return d
}

// Close waits for running statements and closes the database.
func (db *DB) Close() error {
	// The writer goes last: only it can fold the write-ahead log into the file.
	if err := errors.Join(db.reader.Close(), db.writer.Close()); err != nil {
		return fmt.Errorf("close config database %s: %w", db.name, err)
	}
	return nil
}

// Healthy returns nil if the database can be read and a write could begin.
func (db *DB) Healthy(ctx context.Context) error {
	var hosts int
	err := db.reader.QueryRowContext(ctx, "SELECT COUNT(*) FROM hosts WHERE id = ''").Scan(&hosts)
	if err == nil {
		err = db.write(ctx, func(*tx) error { return nil })
	}
	if err != nil {
		return &barograph.Error{
			Kind: barograph.KindUnavailable, Message: "the configuration database does not answer", Err: err,
		}
	}
	return nil
}
