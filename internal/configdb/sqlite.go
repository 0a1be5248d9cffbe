package configdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/barograph/barograph"
)

const (
	ownerOnlyFile = 0o600
	ownerOnlyDir  = 0o700
	walBytes      = 64 << 20 // what the write-ahead log is cut to after it grew
)

// sqlite is the dialect of SQLite: one file, one writer, some readers.
type sqlite struct {
	path    string
	readers int
	busy    time.Duration
}

var _ dialect = sqlite{}

func (s sqlite) String() string { return s.path }

func (s sqlite) open(ctx context.Context) (writer, reader *sql.DB, err error) {
	if err := s.protect(); err != nil {
		return nil, nil, err
	}
	writer, err = s.pool(ctx, 1, "immediate", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		fmt.Sprintf("journal_size_limit(%d)", walBytes))
	if err != nil {
		return nil, nil, err
	}
	reader, err = s.pool(ctx, s.readers, "deferred", "query_only(ON)")
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	return writer, reader, nil
}

// protect makes sure that nobody but the owner reads the file: it holds the
// secrets that sign webhooks. SQLite gives the files beside it the same mode.
func (s sqlite) protect() error {
	if err := os.MkdirAll(filepath.Dir(s.path), ownerOnlyDir); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, ownerOnlyFile)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(ownerOnlyFile), f.Close())
}

func (s sqlite) pool(ctx context.Context, size int, lock string, pragmas ...string) (*sql.DB, error) {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return nil, err
	}
	options := url.Values{"_txlock": {lock}, "_dqs": {"0"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", s.busy.Milliseconds())}}
	for _, p := range pragmas {
		options.Add("_pragma", p)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	pool, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	// Connections are kept: opening one costs more than most statements.
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

func (sqlite) migrations() goose.Dialect { return goose.DialectSQLite3 }

// backup writes the copy under a name of its own first, so that one that was
// cut short is never taken for a whole one.
func (s sqlite) backup(ctx context.Context, writer *sql.DB, version int64) (string, error) {
	where := fmt.Sprintf("%s.v%d.bak", s.path, version)
	part := where + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, ownerOnlyFile) //nolint:gosec // the path is the operator's
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was read through another descriptor; Sync tells what matters
	if _, err := writer.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return where, os.Rename(part, where)
}

// hold has nothing to do: the writer has the file to itself, and no two servers
// share it while they start.
func (sqlite) hold(context.Context) (release func(), err error) { return func() {}, nil }

// listen hears nothing: what other processes do to the file is noticed when the
// server attends.
func (sqlite) listen(context.Context, func()) (func(context.Context), error) {
	return func(context.Context) {}, nil
}

func (sqlite) tells() bool { return false }

func (sqlite) options(reads bool) *sql.TxOptions { return &sql.TxOptions{ReadOnly: reads} }

// alone has nothing to do: a transaction of the writer begins with the lock.
func (sqlite) alone(context.Context, *sql.Tx) error { return nil }

// announce counts the change; servers on the file look at the number.
func (sqlite) announce(ctx context.Context, t *sql.Tx, changed bool) error {
	if !changed {
		return nil
	}
	_, err := t.ExecContext(ctx, "UPDATE revision SET number = number + 1 WHERE id = 0")
	return err
}

// patience has no end: connections are few, and their turns short.
func (sqlite) patience() time.Duration { return 0 }

// limit has no end: a file is there, or is not.
func (sqlite) limit(time.Duration) time.Duration { return 0 }

func (sqlite) passes(error) bool { return false }

func (sqlite) rebind(query string) string { return query }

func (sqlite) joinEach(name, table, rest string) string {
	plain, alias, _ := strings.Cut(table, " ")
	return "JOIN " + plain + " " + name + " ON " + name + ".id IN (SELECT " + alias + ".id FROM " + table + rest + ")"
}

func (sqlite) prepares() bool { return true }

func (sqlite) taken(err error) (table, column string, ok bool) {
	e, isSQLite := errors.AsType[*driver.Error](err)
	if !isSQLite || e.Code() != codes.SQLITE_CONSTRAINT_UNIQUE && e.Code() != codes.SQLITE_CONSTRAINT_PRIMARYKEY {
		return "", "", false
	}
	// SQLite tells the column in its text only: "… UNIQUE constraint failed: hosts.name (2067)".
	_, where, ok := strings.Cut(e.Error(), "UNIQUE constraint failed: ")
	if !ok {
		return "", "", false
	}
	where, _, _ = strings.Cut(where, " ")
	return strings.Cut(strings.TrimSuffix(where, ","), ".")
}

func (sqlite) tell(err error) *barograph.Error {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return nil
	}
	const primary = 0xff // the low byte is the primary code, the rest details
	switch e.Code() & primary {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_FULL, codes.SQLITE_IOERR:
		return barograph.Errorf(barograph.KindUnavailable,
			"the configuration database can't be used now: another process holds it, or the disk is full")
	}
	return nil
}
