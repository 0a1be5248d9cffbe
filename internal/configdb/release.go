package configdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/barograph/barograph"
)

// ReleaseClaimsExcept ends the claims of a server but those on the deliveries
// given, which it is trying: it may have made others without knowing, as when the
// database was lost while it took them.
func (db *DB) ReleaseClaimsExcept(ctx context.Context, by string, trying []barograph.DeliveryID) error {
	tried := map[barograph.DeliveryID]struct{}{}
	for _, id := range trying {
		tried[id] = struct{}{}
	}
	return db.write(ctx, func(x *tx) error {
		claimed, err := collect(ctx, x, func(rows *sql.Rows, id *barograph.DeliveryID) error { return rows.Scan(id) },
			"SELECT id FROM deliveries WHERE claimed_until IS NOT NULL AND claimed_by = ? ORDER BY id", by)
		if err != nil {
			return fmt.Errorf("read the claims of %s: %w", by, err)
		}
		for _, id := range claimed {
			if _, kept := tried[id]; kept {
				continue
			}
			if _, err := x.exec(ctx, "UPDATE deliveries SET claimed_by = '', claimed_until = NULL WHERE id = ?", id); err != nil {
				return fmt.Errorf("release delivery %s: %w", id, err)
			}
		}
		return nil
	})
}
