package configdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// A connection can fall silent: its server's machine is lost, or the address is
// another machine's by now. Nothing says so for many minutes, and what waits for
// an answer would hold up all others that write. So whatever is asked of a server
// has to be over by some time, and a connection on which it is not is given up.

// How long what is asked may take, waiting for its turn included.
const (
	briefWork = 5 * time.Second
	usualWork = 30 * time.Second
	longWork  = 5 * time.Minute // goes through much, while others wait
	wholeWork = 12 * time.Hour  // goes through all that there is, and nobody waits
)

// deadline is when something has to be over; zero: that is not ours to say.
type deadline struct {
	at   time.Time
	most time.Duration
}

// within returns the deadline of what begins now, unless the context's is earlier.
func within(ctx context.Context, most time.Duration) deadline {
	if most <= 0 {
		return deadline{}
	}
	d := deadline{time.Now().Add(most), most}
	if own, ok := ctx.Deadline(); ok && own.Before(d.at) {
		return deadline{}
	}
	return d
}

// of returns a context that ends then.
func (d deadline) of(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, d.at)
}

// passed reports that what failed did so because its time was over.
func (d deadline) passed(err error) bool {
	if _, told := errors.AsType[*barograph.Error](err); told || err == nil {
		return false
	}
	return !d.at.IsZero() && !time.Now().Before(d.at)
}

// explain says of an error that came of silence what that means.
func (d deadline) explain(err error, database fmt.Stringer) error {
	if !d.passed(err) {
		return err
	}
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Err: err, RetryAfter: retryAfter,
		Message: fmt.Sprintf("the configuration database %s did not answer for %s: see that PostgreSQL runs there, and that the network lets us reach it",
			database, d.most),
	}
}

// explain is that of the deadline. If a connection fell silent, those that nobody
// uses are put away too: they most likely go to the same machine.
func (db *DB) silence(d deadline, err error) error {
	if d.passed(err) {
		db.putAway()
	}
	return d.explain(err, db.dialect)
}

// putAway closes the connections that nobody uses.
func (db *DB) putAway() {
	for _, pool := range []*sql.DB{db.writer, db.reader} {
		pool.SetMaxIdleConns(-1)
		pool.SetMaxIdleConns(pool.Stats().MaxOpenConnections)
	}
}
