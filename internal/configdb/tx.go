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
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tx is a transaction. It prepares each statement once.
type tx struct {
	sql      *sql.Tx
	dialect  dialect
	prepared map[string]*sql.Stmt
	// changed is set when listeners of Changes are to be told.
	changed bool
}

var _ querier = (*tx)(nil)

// write runs fn in a transaction that nobody else writes beside. It commits if
// fn returns nil, and else leaves no trace.
func (db *DB) write(ctx context.Context, fn func(*tx) error) (err error) {
	start := time.Now()
	defer func() { db.stats.wrote(start, err) }()
	t, err := db.begin(ctx, db.writer, nil)
	if err != nil {
		return err
	}
	defer func() { _ = t.sql.Rollback() }() // does nothing after a commit
	if err := fn(t); err != nil {
		return db.explain(err)
	}
	if err := t.sql.Commit(); err != nil {
		return db.explain(fmt.Errorf("commit: %w", err))
	}
	if t.changed {
		db.changes.fire()
	}
	return nil
}

// read runs fn in a transaction that sees one state of the database.
func (db *DB) read(ctx context.Context, fn func(*tx) error) error {
	t, err := db.begin(ctx, db.reader, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = t.sql.Rollback() }() // there is nothing to keep
	return db.explain(fn(t))
}

func (db *DB) begin(ctx context.Context, pool *sql.DB, opts *sql.TxOptions) (*tx, error) {
	t, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return nil, db.explain(fmt.Errorf("begin: %w", err))
	}
	return &tx{sql: t, dialect: db.dialect, prepared: map[string]*sql.Stmt{}}, nil
}

// explain says of an error, if it is one, what it means to the caller.
func (db *DB) explain(err error) error {
	if _, ok := errors.AsType[*barograph.Error](err); ok || err == nil {
		return err
	}
	err = fmt.Errorf("config database: %w", err)
	if db.dialect.unavailable(err) {
		return &barograph.Error{
			Kind: barograph.KindUnavailable, Err: err, RetryAfter: 10 * time.Second,
			Message: "the configuration database can't be used now: another process holds it, or the disk is full",
		}
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

func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.prepare(ctx, query); err != nil {
		return nil, err
	}
	return t.prepared[query].QueryContext(ctx, args...)
}

// exec runs a statement and returns the number of rows that it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int, error) {
	if err := t.prepare(ctx, query); err != nil {
		return 0, err
	}
	result, err := t.prepared[query].ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// any reports whether the query has a row.
func (t *tx) any(ctx context.Context, query string, args ...any) (found bool, err error) {
	err = each(ctx, t, func(*sql.Rows) error {
		found = true
		return nil
	}, query, args...)
	return found, err
}

// query runs a query of its own on the pool of readers.
func (db *DB) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return db.reader.QueryContext(ctx, db.dialect.rebind(query), args...)
}

// each runs a query and calls fn for each of its rows.
func each(ctx context.Context, q querier, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells all that can go wrong
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
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
