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
	"sync/atomic"
	"time"

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
	hearing
	writing
	language
}

// engine keeps the data.
type engine interface {
	// String names the database in messages, without secrets.
	String() string
	// open returns a pool for writing and one for reading.
	open(ctx context.Context) (writer, reader *sql.DB, err error)
	// migrations returns the dialect's name in goose.
	migrations() goose.Dialect
	// hold keeps all others from writing and migrating until release is called.
	hold(ctx context.Context) (release func(), err error)
	// backup copies the database, which has the given version, to a safe place
	// and says where that is; "" if that is left to the operator.
	backup(ctx context.Context, writer *sql.DB, version int64) (where string, err error)
}

// hearing is how a server learns what others change.
type hearing interface {
	// listen returns a function that calls heard whenever somebody else announced
	// a change, and after it may have missed that, until its context ends.
	listen(ctx context.Context, heard func()) (run func(context.Context), err error)
	// tells reports whether those changes are heard of: else they are looked for.
	tells() bool
}

// writing is how transactions stay out of each other's way.
type writing interface {
	// options returns those of a transaction that reads, or of one that writes.
	options(reads bool) *sql.TxOptions
	// alone waits until no other transaction writes, and keeps others from it
	// until this one ends.
	alone(ctx context.Context, t *sql.Tx) error
	// announce is the last thing that a transaction does: if listeners are to be
	// told of what it changed, it has those of other servers told once it is committed.
	announce(ctx context.Context, t *sql.Tx, changed bool) error
	// patience is how long to wait for a free connection; 0: for ever.
	patience() time.Duration
	// limit is how long something may take that is given so long; 0: for ever.
	limit(given time.Duration) time.Duration
	// passes reports that of the error nothing is left but a transaction that
	// never was, and that the same again may succeed at once.
	passes(err error) bool
}

// language is how to talk to it.
type language interface {
	// rebind returns the query with its question marks as the driver wants them.
	rebind(query string) string
	// joinEach joins, to each row so far and by the name given, those rows of the
	// table with its alias that the rest of a query chooses for it.
	joinEach(name, table, rest string) string
	// prepares reports whether a transaction that runs a statement again and again
	// should prepare it; else the driver does.
	prepares() bool
	// taken returns the table and column whose value must be unique and is not.
	taken(err error) (table, column string, ok bool)
	// tell returns what the error means if it comes from outside: the database is
	// away, full, or does not let us in. Else it returns nil.
	tell(err error) *barograph.Error
}

// DB is an open database.
type DB struct {
	dialect  dialect
	writer   *sql.DB
	reader   *sql.DB
	clock    barograph.Clock
	stats    stats
	changes  notifier
	revision atomic.Int64 // of the last change that listeners were told of, where the database does not tell
	auditIDs sequence

	deafen context.CancelFunc // ends listening
	deaf   chan struct{}      // closed when it has ended
}

// Open opens the database, makes it if it is missing, and brings it up to date.
// An existing file is copied before that. A database from a newer version of
// Barograph is refused. PostgreSQL that is away, or does not let us in, is an
// error whose Kind says so.
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
	d, err := dialectOf(cfg, deps)
	if err != nil {
		return nil, err
	}
	db := &DB{dialect: d, clock: deps.Clock}
	if db.writer, db.reader, err = d.open(ctx); err != nil {
		return nil, fmt.Errorf("open config database %s: %w", d, db.explain(err))
	}
	if err := errors.Join(db.migrate(ctx, steps, deps.Log), db.listen(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("open config database %s: %w", d, db.explain(err)), db.Close())
	}
	db.stats = newStats(deps.Metrics, db.reader)
	return db, nil
}

func dialectOf(cfg Config, deps Deps) (dialect, error) {
	if cfg.URL != "" {
		return newPostgres(cfg, deps.Log)
	}
	path := cfg.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(deps.Dir, path)
	}
	return sqlite{path: path, readers: cfg.Readers, busy: cfg.BusyTimeout.Std()}, nil
}

// listen has listeners of Changes told of what other servers change.
func (db *DB) listen(ctx context.Context) error {
	run, err := db.dialect.listen(ctx, db.changes.fire)
	if err != nil {
		return fmt.Errorf("listen for changes: %w", err)
	}
	ctx, db.deafen = context.WithCancel(context.WithoutCancel(ctx))
	db.deaf = make(chan struct{})
	go func() {
		defer close(db.deaf)
		run(ctx)
	}()
	return nil
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
	if db.deafen != nil {
		db.deafen()
		<-db.deaf
	}
	// The writer goes last: only it can fold the write-ahead log into the file.
	if err := errors.Join(db.reader.Close(), db.writer.Close()); err != nil {
		return fmt.Errorf("close config database %s: %w", db.dialect, err)
	}
	return nil
}

// Healthy returns nil if the database can be read and a write could begin.
func (db *DB) Healthy(ctx context.Context) error {
	var hosts int
	err := each(ctx, db, func(rows *sql.Rows) error { return rows.Scan(&hosts) }, "SELECT COUNT(*) FROM hosts WHERE id = ''")
	if err == nil {
		err = db.write(ctx, func(*tx) error { return nil })
	}
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*barograph.Error](db.explain(err)); ok {
		return e
	}
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Message: "the configuration database does not answer", Err: err,
	}
}
