package configdb

import (
	"context"

	"github.com/barograph/barograph"
)

func checkTable() table[barograph.Check] {
	return table[barograph.Check]{
		name: "checks", noun: "check", watched: true,
		columns: func(c *barograph.Check) []column {
			return []column{
				{"id", &c.ID},
				{"name", &c.Name},
				{"collector", &c.Collector},
				{"command", &c.Command},
				{"interval_ns", &c.Interval},
				{"timeout_ns", &c.Timeout},
				{"labels", jsonText{&c.Labels}},
				{"matchers", plainText{&c.Matchers}},
				{"enabled", &c.Enabled},
				{"created_at", instant{&c.CreatedAt}},
				{"updated_at", instant{&c.UpdatedAt}},
			}
		},
	}
}

// Checks returns a page of checks.
func (db *DB) Checks(ctx context.Context, p barograph.Page) ([]barograph.Check, error) {
	return page(ctx, db, checkTable(), p)
}

// Check returns the check with the identifier.
func (db *DB) Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error) {
	return one(ctx, db, checkTable(), string(id))
}

// CreateCheck adds a check.
func (db *DB) CreateCheck(ctx context.Context, c barograph.Check) error {
	db.stamp(&c.CreatedAt, &c.UpdatedAt)
	return create(ctx, db, checkTable(), &c)
}

// UpdateCheck replaces all of a check but when it was created. Nothing
// happens if only refuses what it is by now.
func (db *DB) UpdateCheck(ctx context.Context, c barograph.Check, only ...func(now barograph.Check) error) error {
	return update(ctx, db, checkTable(), string(c.ID), only, func(old barograph.Check) barograph.Check {
		c.CreatedAt, c.UpdatedAt = old.CreatedAt, db.touched(c.UpdatedAt, old.UpdatedAt)
		return c
	})
}

// DeleteCheck removes the check.
func (db *DB) DeleteCheck(ctx context.Context, id barograph.CheckID) error {
	return remove(ctx, db, checkTable(), string(id))
}
