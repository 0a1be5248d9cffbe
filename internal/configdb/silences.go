package configdb

import (
	"context"
	"fmt"

	"github.com/barograph/barograph"
)

func silenceTable() table[barograph.Silence] {
	return table[barograph.Silence]{
		name: "silences", noun: "silence", watched: true,
		columns: func(s *barograph.Silence) []column {
			return []column{
				{"id", &s.ID},
				{"matchers", plainText{&s.Matchers}},
				{"starts_at", instant{&s.StartsAt}},
				{"ends_at", instant{&s.EndsAt}},
				{"recurs", jsonText{&s.Recurs}},
				{"comment", &s.Comment},
				{"created_by", &s.CreatedBy},
				{"created_at", instant{&s.CreatedAt}},
				{"updated_at", instant{&s.UpdatedAt}},
			}
		},
	}
}

// Silences returns a page of silences, those that are over too.
func (db *DB) Silences(ctx context.Context, p barograph.Page) ([]barograph.Silence, error) {
	return page(ctx, db, silenceTable(), p)
}

// Silence returns the silence with the identifier.
func (db *DB) Silence(ctx context.Context, id barograph.SilenceID) (barograph.Silence, error) {
	return one(ctx, db, silenceTable(), string(id))
}

// CreateSilence adds a silence.
func (db *DB) CreateSilence(ctx context.Context, s barograph.Silence) error {
	db.stamp(&s.CreatedAt, &s.UpdatedAt)
	return db.write(ctx, func(x *tx) error {
		if err := silenceTable().insert(ctx, x, &s); err != nil {
			return err
		}
		return db.audit(ctx, x, silenceEntry(actionCreated, nil, &s))
	})
}

// UpdateSilence replaces all of a silence but who made it and when. If it is
// about something else then, what it held back is released with the next
// ReleaseHeld; whoever sends holds again what it still is about. Nothing happens
// if only refuses what it is by now.
func (db *DB) UpdateSilence(ctx context.Context, s barograph.Silence, only ...func(now barograph.Silence) error) error {
	return db.write(ctx, func(x *tx) error {
		t := silenceTable()
		old, err := t.byID(ctx, x, string(s.ID))
		if err != nil {
			return err
		}
		if err := agreed(only, old); err != nil {
			return err
		}
		s := s // as it was given, should this run again
		s.CreatedBy, s.CreatedAt, s.UpdatedAt = old.CreatedBy, old.CreatedAt, db.touched(s.UpdatedAt, old.UpdatedAt)
		if err := t.set(ctx, x, string(s.ID), t.columns(&s)...); err != nil {
			return err
		}
		if s.Matchers.String() != old.Matchers.String() {
			if err := letGo(ctx, x, s.Hold()); err != nil {
				return err
			}
		}
		return db.audit(ctx, x, silenceEntry(actionChanged, &old, &s))
	})
}

// DeleteSilence removes the silence. What it held back is released with the next
// ReleaseHeld.
func (db *DB) DeleteSilence(ctx context.Context, id barograph.SilenceID) error {
	return db.write(ctx, func(x *tx) error {
		old, err := silenceTable().byID(ctx, x, string(id))
		if err != nil {
			return err
		}
		if err := silenceTable().delete(ctx, x, string(id)); err != nil {
			return err
		}
		return db.audit(ctx, x, silenceEntry(actionDeleted, &old, nil))
	})
}

// letGo leaves what is held back by nobody.
func letGo(ctx context.Context, x *tx, by barograph.Hold) error {
	if _, err := x.exec(ctx, "UPDATE deliveries SET held_by = '' WHERE state = 'held' AND held_by = ?", by); err != nil {
		return fmt.Errorf("let go of what is held by %s: %w", by, err)
	}
	return nil
}
