package configdb

import (
	"context"

	"github.com/barograph/barograph"
)

func targetTable() table[barograph.Target] {
	return table[barograph.Target]{
		name: "targets", noun: "target", watched: true,
		columns: func(t *barograph.Target) []column {
			return []column{
				{"id", &t.ID},
				{"name", &t.Name},
				{"kind", &t.Kind},
				{"address", &t.Address},
				{"interval_ns", &t.Interval},
				{"timeout_ns", &t.Timeout},
				{"packet_count", &t.Count},
				{"labels", jsonText{&t.Labels}},
				{"options", jsonText{&t.Options}},
				{"enabled", &t.Enabled},
				{"created_at", instant{&t.CreatedAt}},
				{"updated_at", instant{&t.UpdatedAt}},
			}
		},
	}
}

// Targets returns a page of targets.
func (db *DB) Targets(ctx context.Context, p barograph.Page) ([]barograph.Target, error) {
	return page(ctx, db, targetTable(), p)
}

// Target returns the target with the identifier.
func (db *DB) Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error) {
	return one(ctx, db, targetTable(), string(id))
}

// CreateTarget adds a target.
func (db *DB) CreateTarget(ctx context.Context, t barograph.Target) error {
	db.stamp(&t.CreatedAt, &t.UpdatedAt)
	return create(ctx, db, targetTable(), &t)
}

// UpdateTarget replaces all of a target but when it was created. Nothing
// happens if only refuses what it is by now.
func (db *DB) UpdateTarget(ctx context.Context, t barograph.Target, only ...func(now barograph.Target) error) error {
	return update(ctx, db, targetTable(), string(t.ID), only, func(old barograph.Target) barograph.Target {
		t.CreatedAt, t.UpdatedAt = old.CreatedAt, db.touched(t.UpdatedAt, old.UpdatedAt)
		return t
	})
}

// DeleteTarget removes the target.
func (db *DB) DeleteTarget(ctx context.Context, id barograph.TargetID) error {
	return remove(ctx, db, targetTable(), string(id))
}
