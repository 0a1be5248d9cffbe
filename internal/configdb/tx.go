package configdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// querier runs queries: a transaction, or the pool of readers.
type querier interface {
	// each calls fn for each row of the query.
	each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error
}

// tx is a transaction. It prepares each statement once.
type tx struct {
	conn     *sql.Conn
	sql      *sql.Tx
	dialect  dialect
	prepared map[string]*sql.Stmt
	deadline deadline
	// changed is set when listeners of Changes are to be told.
	changed bool
}

var (
	_ querier = (*tx)(nil)
	_ querier = (*DB)(nil)
)

// mostTries is how often a transaction is tried that the database broke off.
const mostTries = 5

// write runs fn in a transaction that nobody else writes beside, on no server.
// It commits if fn returns nil, and else leaves no trace. If the database broke
// the transaction off, fn runs again: it must depend on nothing but what it reads
// within it, and what it leaves in variables must be of its last run.
func (db *DB) write(ctx context.Context, fn func(*tx) error) error {
	return db.writeWithin(ctx, usualWork, fn)
}

// writeWithin is write for what may take longer, or less, than others.
func (db *DB) writeWithin(ctx context.Context, most time.Duration, fn func(*tx) error) (err error) {
	start := time.Now()
	defer func() { db.stats.wrote(start, err) }()
	for try := 1; ; try++ {
		err := db.writeOnce(ctx, most, fn)
		if err == nil || try == mostTries || !db.dialect.passes(err) {
			return db.explain(err)
		}
		pause := time.NewTimer(time.Duration(try) * 20 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, most time.Duration, fn func(*tx) error) error {
	d := within(ctx, db.dialect.limit(most))
	ctx, cancel := d.of(ctx)
	defer cancel()
	t, err := db.begin(ctx, db.writer, d, false)
	if err != nil {
		return db.silence(d, err)
	}
	defer t.end()
	if err := db.compose(ctx, t, fn); err != nil {
		return db.silence(d, err)
	}
	if err := t.sql.Commit(); err != nil {
		return db.uncommitted(d, err)
	}
	if t.changed {
		db.noteOwn()
		db.changes.fire()
	}
	return nil
}

// compose does all of a transaction but its beginning and end.
func (db *DB) compose(ctx context.Context, t *tx, fn func(*tx) error) error {
	if err := db.dialect.alone(ctx, t.sql); err != nil {
		return fmt.Errorf("wait for the others that write: %w", err)
	}
	if err := fn(t); err != nil {
		return err
	}
	if err := db.dialect.announce(ctx, t.sql, t.changed); err != nil {
		return fmt.Errorf("announce the change: %w", err)
	}
	return nil
}

// uncommitted makes of the error of a commit one that is not tried again: if the
// connection broke or fell silent, nobody knows whether the change is on record.
func (db *DB) uncommitted(d deadline, err error) error {
	err = fmt.Errorf("commit: %w", err)
	switch {
	case d.passed(err):
		db.putAway()
	case !db.dialect.passes(err):
		return err
	}
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Err: err, RetryAfter: retryAfter,
		Message: "the configuration database was lost while it took the change: look whether it is there before you make it again",
	}
}

// read runs fn in a transaction that sees one state of the database.
func (db *DB) read(ctx context.Context, fn func(*tx) error) error {
	return db.readWithin(ctx, usualWork, fn)
}

// readWithin is read for what may take longer, or less, than others.
func (db *DB) readWithin(ctx context.Context, most time.Duration, fn func(*tx) error) error {
	d := within(ctx, db.dialect.limit(most))
	ctx, cancel := d.of(ctx)
	defer cancel()
	t, err := db.begin(ctx, db.reader, d, true)
	if err != nil {
		return db.explain(db.silence(d, err))
	}
	defer t.end()
	return db.explain(db.silence(d, fn(t)))
}

func (db *DB) begin(ctx context.Context, pool *sql.DB, d deadline, reads bool) (*tx, error) {
	conn, t, err := start(ctx, db, pool, func(c *sql.Conn) (*sql.Tx, error) { return c.BeginTx(ctx, db.dialect.options(reads)) })
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return &tx{conn: conn, sql: t, dialect: db.dialect, prepared: map[string]*sql.Stmt{}, deadline: d}, nil
}

// end gives the connection back. What is not committed is undone.
func (t *tx) end() {
	_ = t.sql.Rollback() // does nothing after a commit
	_ = t.conn.Close()   // a broken one is put away
}

// start takes a connection of the pool and begins something on it. Those that
// turn out to be broken are put away: after the database was started again, all
// of the pool may be.
func start[T any](ctx context.Context, db *DB, pool *sql.DB, begin func(*sql.Conn) (T, error)) (*sql.Conn, T, error) {
	for left := pool.Stats().OpenConnections; ; left-- {
		conn, err := db.connection(ctx, pool)
		if err != nil {
			var none T
			return nil, none, err
		}
		begun, err := begin(conn)
		if err == nil {
			return conn, begun, nil
		}
		_ = conn.Close() // the error tells more
		if left <= 0 || !db.dialect.passes(err) {
			return nil, begun, err
		}
	}
}

// connection returns a connection of the pool that is free, waiting for that no
// longer than is sensible.
func (db *DB) connection(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	patience := db.dialect.patience()
	if patience <= 0 {
		return pool.Conn(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pool.Conn(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		db.putAway() // one may have been free, and silent
		return nil, &barograph.Error{
			Kind: barograph.KindUnavailable, Err: err, RetryAfter: retryAfter,
			Message: fmt.Sprintf("the configuration database %s has had no connection free for %s: "+
				"it does not answer, or database.connections is too low", db.dialect, patience),
		}
	}
	return conn, err
}

// retryAfter is when to try again what the database could not do.
const retryAfter = 10 * time.Second

// explain says of an error, if it is one, what it means to the caller.
func (db *DB) explain(err error) error {
	if _, ok := errors.AsType[*barograph.Error](err); ok || err == nil {
		return err
	}
	err = fmt.Errorf("config database: %w", err)
	if told := db.dialect.tell(err); told != nil {
		told.Err = err
		if told.Kind == barograph.KindUnavailable {
			told.RetryAfter = retryAfter
		}
		return told
	}
	return err
}

// prepare makes sure that the query is among the prepared ones. The end of the
// transaction closes them.
func (t *tx) prepare(ctx context.Context, query string) error {
	if t.prepared[query] != nil {
		return nil
	}
	s, err := t.sql.PrepareContext(ctx, t.dialect.rebind(query)) //nolint:sqlclosecheck // the transaction closes it
	if err != nil {
		return err
	}
	t.prepared[query] = s
	return nil
}

func (t *tx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if !t.dialect.prepares() {
		return t.sql.QueryContext(ctx, t.dialect.rebind(query), args...)
	}
	if err := t.prepare(ctx, query); err != nil {
		return nil, err
	}
	return t.prepared[query].QueryContext(ctx, args...)
}

func (t *tx) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	args, err := arguments(args)
	if err != nil {
		return err
	}
	ctx, cancel := t.deadline.of(ctx)
	defer cancel()
	rows, err := t.query(ctx, query, args)
	if err != nil {
		return err
	}
	return eachRow(rows, fn)
}

// exec runs a statement and returns the number of rows that it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int, error) {
	args, err := arguments(args)
	if err != nil {
		return 0, err
	}
	ctx, cancel := t.deadline.of(ctx)
	defer cancel()
	result, err := t.execute(ctx, query, args)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func (t *tx) execute(ctx context.Context, query string, args []any) (sql.Result, error) {
	if !t.dialect.prepares() {
		return t.sql.ExecContext(ctx, t.dialect.rebind(query), args...)
	}
	if err := t.prepare(ctx, query); err != nil {
		return nil, err
	}
	return t.prepared[query].ExecContext(ctx, args...)
}

// any reports whether the query has a row.
func (t *tx) any(ctx context.Context, query string, args ...any) (found bool, err error) {
	err = each(ctx, t, func(*sql.Rows) error {
		found = true
		return nil
	}, query, args...)
	return found, err
}

// each runs a query of its own on the pool of readers.
func (db *DB) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	args, err := arguments(args)
	if err != nil {
		return err
	}
	d := within(ctx, db.dialect.limit(usualWork))
	ctx, cancel := d.of(ctx)
	defer cancel()
	conn, rows, err := start(ctx, db, db.reader, func(c *sql.Conn) (*sql.Rows, error) {
		return c.QueryContext(ctx, db.dialect.rebind(query), args...)
	})
	if err != nil {
		return db.silence(d, err)
	}
	defer func() { _ = conn.Close() }() // a broken one is put away
	return db.silence(d, eachRow(rows, fn))
}

func eachRow(rows *sql.Rows, fn func(*sql.Rows) error) error {
	defer func() { _ = rows.Close() }() // Err tells all that can go wrong
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// each runs a query and calls fn for each of its rows.
func each(ctx context.Context, q querier, fn func(*sql.Rows) error, query string, args ...any) error {
	return q.each(ctx, fn, query, args...)
}

// collect runs a query and returns what scan makes of its rows.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	all := []T{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var v T
		err := scan(rows, &v)
		all = append(all, v)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}
