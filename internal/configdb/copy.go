package configdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// copiedTables are all that hold something of the operator's, each after those
// that it refers to. Which servers work on a database, and who is signed in, is
// not copied with it: a copy lets nobody in but by a token.
func copiedTables() []string {
	return []string{
		"hosts", "checks", "targets", "rules", "subscriptions", "endpoints", "tokens", "silences",
		"predictions", "breaches", "acknowledgements", "events", "deliveries", "attempts",
		"delivery_groups", "told", "text_messages", "audit",
	}
}

// Copied is how many rows a copy has.
type Copied struct{ Tables, Rows int }

// CopyTo copies all that the database holds, as it is at one moment, secrets and
// history included, into another one, which must hold nothing yet. Either all of
// it is there then, or nothing. Sessions are left out: whoever was signed in does
// so again.
func (db *DB) CopyTo(ctx context.Context, to *DB) (done Copied, err error) {
	err = to.writeWithin(ctx, wholeWork, func(into *tx) error {
		done = Copied{} // it may run again
		if err := mustBeEmpty(ctx, to, into); err != nil {
			return err
		}
		return db.readWithin(ctx, wholeWork, func(from *tx) error {
			for _, table := range copiedTables() {
				rows, err := copyTable(ctx, from, into, table)
				if err != nil {
					return fmt.Errorf("copy table %s: %w", table, err)
				}
				done.Tables++
				done.Rows += rows
			}
			into.changed = true
			return nil
		})
	})
	return done, err
}

// Empty returns nil if the database holds nothing, else an error of KindConflict.
func (db *DB) Empty(ctx context.Context) error {
	return db.read(ctx, func(x *tx) error { return mustBeEmpty(ctx, db, x) })
}

func mustBeEmpty(ctx context.Context, db *DB, x *tx) error {
	for _, table := range copiedTables() {
		full, err := x.any(ctx, "SELECT 1 FROM "+table+" LIMIT 1")
		if err != nil {
			return fmt.Errorf("look into table %s: %w", table, err)
		}
		if full {
			return barograph.Errorf(barograph.KindConflict,
				"the database %s is not empty: its table %s has rows already; name one in which no server worked yet", db.dialect, table)
		}
	}
	return nil
}

// copyTable copies the rows, and returns how many there are.
func copyTable(ctx context.Context, from, into *tx, table string) (rows int, err error) {
	var batch rowBatch
	err = from.each(ctx, func(r *sql.Rows) error {
		if err := batch.take(r); err != nil {
			return err
		}
		rows++
		if batch.full() {
			return batch.insert(ctx, into, table)
		}
		return nil
	}, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	return rows, batch.insert(ctx, into, table)
}

// rowBatch are rows that are written by one statement.
type rowBatch struct {
	columns []string
	truths  []bool // which columns are true or false
	values  []any  // those of all rows
	bytes   int
}

// take adds the row that r is at.
func (b *rowBatch) take(r *sql.Rows) error {
	if b.columns == nil {
		if err := b.describe(r); err != nil {
			return err
		}
	}
	row, pointers := make([]any, len(b.columns)), make([]any, len(b.columns))
	for i := range row {
		pointers[i] = &row[i]
	}
	if err := r.Scan(pointers...); err != nil {
		return err
	}
	for i, v := range row {
		if n, ok := v.(int64); ok && b.truths[i] { // SQLite has numbers only
			row[i] = n != 0
		}
		if text, ok := v.([]byte); ok {
			v = string(text) // no column holds anything but texts and numbers
			row[i] = v
		}
		if text, ok := v.(string); ok {
			b.bytes += len(text)
		}
	}
	b.values = append(b.values, row...)
	return nil
}

func (b *rowBatch) describe(r *sql.Rows) error {
	types, err := r.ColumnTypes()
	if err != nil {
		return err
	}
	for _, t := range types {
		b.columns = append(b.columns, t.Name())
		b.truths = append(b.truths, strings.HasPrefix(strings.ToUpper(t.DatabaseTypeName()), "BOOL"))
	}
	return nil
}

// full reports that the statement should have no more: databases take some ten
// thousand values, and memory has an end.
func (b *rowBatch) full() bool {
	const mostValues, mostBytes = 4000, 4 << 20
	return len(b.values) >= mostValues || b.bytes >= mostBytes
}

func (b *rowBatch) insert(ctx context.Context, into *tx, table string) error {
	if len(b.values) == 0 {
		return nil
	}
	row := "(" + marks(len(b.columns)) + ")"
	rows := len(b.values) / len(b.columns)
	query := "INSERT INTO " + table + " (" + strings.Join(b.columns, ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(row+", ", rows), ", ")
	n, err := into.exec(ctx, query, b.values...)
	if err == nil && n != rows {
		err = fmt.Errorf("%d of %d rows were written", n, rows)
	}
	b.values, b.bytes = b.values[:0], 0
	return err
}

// Engine returns which database it is: sqlite or postgresql.
func (db *DB) Engine() string {
	if _, ok := db.dialect.(sqlite); ok {
		return "sqlite"
	}
	return "postgresql"
}

// Size returns about how many bytes a snapshot takes.
func (db *DB) Size(ctx context.Context) (bytes int64, err error) {
	query := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if _, ok := db.dialect.(sqlite); !ok {
		query = "SELECT pg_database_size(current_database())"
	}
	err = db.each(ctx, func(r *sql.Rows) error { return r.Scan(&bytes) }, query)
	return bytes, db.explain(err)
}

// Snapshot writes the database, as it is at one moment, into a new SQLite file,
// whichever engine it is of itself. Writers go on meanwhile.
func (db *DB) Snapshot(ctx context.Context, path string) (err error) {
	own, ok := db.dialect.(sqlite)
	if !ok {
		return db.snapshotByCopy(ctx, path)
	}
	// By a connection of its own: the writer's would keep all others from writing.
	pool, err := own.pool(ctx, 1, "deferred")
	if err != nil {
		return fmt.Errorf("snapshot of config database: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	if _, err := pool.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return db.explain(fmt.Errorf("snapshot: %w", err))
	}
	return forgetPresence(ctx, sqlite{path: path, busy: own.busy})
}

// forgetPresence frees, in a copy of a database, what the servers hold that work
// on the database itself, and signs everybody out.
func forgetPresence(ctx context.Context, file sqlite) (err error) {
	pool, err := file.pool(ctx, 1, "immediate")
	if err != nil {
		return fmt.Errorf("open the snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	for _, query := range []string{"DELETE FROM servers", "UPDATE leases SET holder = ''", "DELETE FROM sessions"} {
		if _, err := pool.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("forget in the snapshot who works and is signed in: %w", err)
		}
	}
	return nil
}

func (db *DB) snapshotByCopy(ctx context.Context, path string) error {
	file, err := Open(ctx, Config{
		Connections: fewConnections, Path: path, Readers: 1, BusyTimeout: barograph.Duration(time.Second),
	}, Deps{Dir: filepath.Dir(path), Clock: db.clock})
	if err != nil {
		return err
	}
	_, err = db.CopyTo(ctx, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("snapshot of config database: %w", err)
	}
	// All of it is in the file by now.
	for _, log := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + log); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("snapshot of config database: %w", err)
		}
	}
	return nil
}
