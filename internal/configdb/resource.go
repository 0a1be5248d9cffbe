package configdb

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// What is the same for all nouns that people configure.

// page returns the part of the table, oldest first.
func page[T any](ctx context.Context, db *DB, t table[T], p barograph.Page) ([]T, error) {
	rest, args := new(filter).ascending(p)
	all, err := t.query(ctx, db, rest, args...)
	return all, db.explain(err)
}

// one returns the row with the identifier.
func one[T any](ctx context.Context, db *DB, t table[T], id string) (T, error) {
	v, err := t.byID(ctx, db, id)
	return v, db.explain(err)
}

func create[T any](ctx context.Context, db *DB, t table[T], v *T, further ...column) error {
	return db.write(ctx, func(x *tx) error { return t.insert(ctx, x, v, further...) })
}

// update replaces a row with what merge makes of it, unless one of only has
// something against what it is by then.
func update[T any](ctx context.Context, db *DB, t table[T], id string, only []func(now T) error, merge func(old T) T) error {
	return db.write(ctx, func(x *tx) error {
		old, err := t.byID(ctx, x, id)
		if err != nil {
			return err
		}
		if err := agreed(only, old); err != nil {
			return err
		}
		v := merge(old)
		return t.set(ctx, x, id, t.columns(&v)...)
	})
}

// agreed returns what one of only has against changing what is stored. They are
// asked in the transaction that makes the change, beside which nobody writes.
func agreed[T any](only []func(now T) error, now T) error {
	for _, may := range only {
		if err := may(now); err != nil {
			return err
		}
	}
	return nil
}

func remove[T any](ctx context.Context, db *DB, t table[T], id string) error {
	return db.write(ctx, func(x *tx) error { return t.delete(ctx, x, id) })
}

// stamp sets those of the times that are zero to now.
func (db *DB) stamp(times ...*time.Time) {
	now := db.clock.Now()
	for _, t := range times {
		if t.IsZero() {
			*t = now
		}
	}
}

// touched returns when a noun was updated: when the caller says, if that is
// later than the last time, else now.
func (db *DB) touched(said, last time.Time) time.Time {
	if said.After(last) {
		return said
	}
	return db.clock.Now()
}
