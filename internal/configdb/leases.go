package configdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/barograph/barograph"
)

// Servers divide the work among themselves by what stands here. Nobody compares
// clocks: a server is alive as long as its beats grow, and each judges by its
// own watch how long they have not. So it matters to nobody if a clock is set,
// or if machines disagree about the time.

// Attend gives a sign of life of the server and makes the moves that it decides
// on when it sees the roll, which is that of one moment. It returns the roll as
// it is then. A part that somebody else was faster to take is not taken.
//
// A server without beats is new, and replaces one of the same identifier: there
// is one process on a data directory. Else the error is of KindConflict if
// another process works under the identifier by now.
//
// A change that another server made is told to listeners of Changes from here.
func (db *DB) Attend(ctx context.Context, self barograph.Server, decide func(barograph.Roll) barograph.Moves) (barograph.Roll, error) {
	var roll barograph.Roll
	var changes int64
	err := db.write(ctx, func(x *tx) (err error) {
		if err := beat(ctx, x, self); err != nil {
			return err
		}
		if changes, err = countChanges(ctx, x); err != nil {
			return err
		}
		if roll, err = readRoll(ctx, x); err != nil {
			return err
		}
		moves := decide(roll)
		if moves.Nothing() {
			return nil
		}
		if err := move(ctx, x, self, moves); err != nil {
			return err
		}
		roll, err = readRoll(ctx, x)
		return err
	})
	if err != nil {
		return barograph.Roll{}, err
	}
	if db.revision.Swap(changes) != changes { // those of this server are counted as they are made
		db.changes.fire()
	}
	return roll, nil
}

// Roll returns who works on the database.
func (db *DB) Roll(ctx context.Context) (roll barograph.Roll, err error) {
	err = db.read(ctx, func(x *tx) error {
		roll, err = readRoll(ctx, x)
		return err
	})
	return roll, err
}

// Leave strikes the server off the roll; others may take at once what it held.
func (db *DB) Leave(ctx context.Context, self barograph.Server) error {
	return db.write(ctx, func(x *tx) error {
		n, err := x.exec(ctx, "DELETE FROM servers WHERE id = ? AND run = ?", self.ID, self.Run)
		if err != nil || n == 0 { // it was struck off before
			return err
		}
		return vacate(ctx, x, self.ID)
	})
}

// RecordHeld is Record for a server that acts for parts of the work. Its error
// is a LostShareError of KindConflict, and nothing is recorded, if one of them is
// not the server's any more. Nobody can take one before the change is recorded.
func (db *DB) RecordHeld(ctx context.Context, holder string, shares []barograph.Share, c barograph.Change) error {
	return db.write(ctx, func(x *tx) error {
		for _, s := range shares {
			if err := secure(ctx, x, holder, s); err != nil {
				return err
			}
		}
		return db.record(ctx, x, c)
	})
}

// secure makes sure that the share is the holder's until the transaction ends:
// writing to its row keeps others from doing so.
func secure(ctx context.Context, x *tx, holder string, s barograph.Share) error {
	n, err := x.exec(ctx, "UPDATE leases SET holder = holder WHERE share = ? AND holder = ? AND term = ?", s.Number, holder, s.Term)
	if err != nil {
		return fmt.Errorf("secure share %d: %w", s.Number, err)
	}
	if n == 0 {
		lost := LostShareError{s}
		return &barograph.Error{Kind: barograph.KindConflict, Message: lost.Error(), Err: lost}
	}
	return nil
}

// LostShareError says that a server acted for a part of the work that it does
// not hold any more.
type LostShareError struct{ Share barograph.Share }

// Error tells which one.
func (e LostShareError) Error() string {
	return fmt.Sprintf("part %d of the work is another server's by now: what this one decided for it is out of date", e.Share.Number)
}

// beat counts the server's beats, and puts it on the roll if it is not there.
func beat(ctx context.Context, x *tx, self barograph.Server) error {
	n, err := x.exec(ctx, "UPDATE servers SET beats = beats + 1 WHERE id = ? AND run = ?", self.ID, self.Run)
	if err != nil || n > 0 {
		return err
	}
	taken, err := x.any(ctx, "SELECT 1 FROM servers WHERE id = ?", self.ID)
	if err != nil {
		return err
	}
	if taken && self.Beats > 0 {
		return barograph.Errorf(barograph.KindConflict,
			"another server works under this one's ID %s: was the data directory copied? Stop one of them and delete the file instance in its directory", self.ID)
	}
	if _, err := x.exec(ctx, "DELETE FROM servers WHERE id = ?", self.ID); err != nil {
		return err
	}
	if _, err := x.exec(ctx, "INSERT INTO servers (id, run, base, beats) VALUES (?, ?, ?, 1)",
		self.ID, self.Run, self.Base); err != nil {
		return fmt.Errorf("enter server %s: %w", self.ID, err)
	}
	// What it held before it died is its own again.
	_, err = x.exec(ctx, "UPDATE leases SET term = term + 1 WHERE holder = ?", self.ID)
	return err
}

func readRoll(ctx context.Context, x *tx) (roll barograph.Roll, err error) {
	roll.Servers, err = collect(ctx, x, func(rows *sql.Rows, s *barograph.Server) error {
		return rows.Scan(&s.ID, &s.Run, &s.Base, &s.Beats)
	}, "SELECT id, run, base, beats FROM servers ORDER BY id")
	if err != nil {
		return roll, fmt.Errorf("read servers: %w", err)
	}
	err = each(ctx, x, func(rows *sql.Rows) error {
		var number int
		var lease barograph.Lease
		if err := rows.Scan(&number, &lease.Holder, &lease.Term); err != nil {
			return err
		}
		if number < 0 || number >= len(roll.Leases) {
			return fmt.Errorf("there is no share %d", number)
		}
		roll.Leases[number] = lease
		return nil
	}, "SELECT share, holder, term FROM leases ORDER BY share")
	if err != nil {
		return roll, fmt.Errorf("read leases: %w", err)
	}
	return roll, nil
}

// move makes moves of the server.
func move(ctx context.Context, x *tx, self barograph.Server, m barograph.Moves) error {
	for _, dead := range m.Dead {
		n, err := x.exec(ctx, "DELETE FROM servers WHERE id = ? AND run = ? AND beats = ?", dead.ID, dead.Run, dead.Beats)
		if err != nil {
			return fmt.Errorf("strike off server %s: %w", dead.ID, err)
		}
		if n == 0 {
			continue // it lives, or others were faster
		}
		if err := vacate(ctx, x, dead.ID); err != nil {
			return err
		}
	}
	for _, number := range m.Release {
		if _, err := x.exec(ctx, "UPDATE leases SET holder = '' WHERE share = ? AND holder = ?", number, self.ID); err != nil {
			return fmt.Errorf("release share %d: %w", number, err)
		}
	}
	for _, number := range m.Take {
		if _, err := x.exec(ctx, "UPDATE leases SET holder = ?, term = term + 1 WHERE share = ? AND "+
			"(holder = '' OR NOT EXISTS (SELECT 1 FROM servers s WHERE s.id = leases.holder))", self.ID, number); err != nil {
			return fmt.Errorf("take share %d: %w", number, err)
		}
	}
	return nil
}

// vacate frees what the server held.
func vacate(ctx context.Context, x *tx, id string) error {
	if _, err := x.exec(ctx, "UPDATE leases SET holder = '' WHERE holder = ?", id); err != nil {
		return fmt.Errorf("free the shares of server %s: %w", id, err)
	}
	return nil
}

// countChanges returns how many changes there were that listeners are to be told
// of, where the database does not tell by itself, and else always the same.
func countChanges(ctx context.Context, x *tx) (number int64, err error) {
	if x.dialect.tells() {
		return 0, nil
	}
	err = each(ctx, x, func(rows *sql.Rows) error { return rows.Scan(&number) }, "SELECT number FROM revision WHERE id = 0")
	if err != nil {
		return 0, fmt.Errorf("read the revision: %w", err)
	}
	return number, nil
}

// noteOwn counts a change of this server, whose listeners are told at once. It is
// called while the writer's connection is not free yet, so that nobody reads the
// number before.
func (db *DB) noteOwn() {
	if !db.dialect.tells() {
		db.revision.Add(1)
	}
}
