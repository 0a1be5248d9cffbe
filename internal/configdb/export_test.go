package configdb

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// OpenWith is Open with migrations of the test's own.
var OpenWith = open

// Writer returns the connection that writes.
func Writer(db *DB) *sql.DB { return db.writer }

// Rebind is how PostgreSQL gets its queries.
func Rebind(query string) string { return new(postgres).rebind(query) }

var errRehearsal = errors.New("only a rehearsal")

// Rehearse has each transaction that writes run twice, the first time in vain, as
// when the database breaks one off.
func Rehearse(db *DB) { db.dialect = &rehearsing{dialect: db.dialect} }

type rehearsing struct {
	dialect

	again bool // whose turn it is: those that write do so one after the other
}

func (r *rehearsing) passes(err error) bool {
	return errors.Is(err, errRehearsal) || r.dialect.passes(err)
}

func (r *rehearsing) announce(ctx context.Context, t *sql.Tx, changed bool) error {
	if r.again = !r.again; r.again {
		return errRehearsal
	}
	return r.dialect.announce(ctx, t, changed)
}

// TakeTurn is the statement by which a transaction of PostgreSQL gets its turn.
const TakeTurn = takeTurn

// Reader returns the connections that read.
func Reader(db *DB) *sql.DB { return db.reader }

// Hasten has transactions and queries be given up after the time.
func Hasten(db *DB, limit time.Duration) { db.dialect = &hasty{db.dialect, limit} }

type hasty struct {
	dialect

	most time.Duration
}

func (h *hasty) limit(time.Duration) time.Duration { return h.most }
