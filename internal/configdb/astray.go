package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// clockTolerance is how far the clocks of servers on one database may differ.
const clockTolerance = 10 * time.Minute

// HastenDeliveries makes due what is planned for later than latest, or was made
// in what is the future by now: the clock was ahead then and has been set back.
func (db *DB) HastenDeliveries(ctx context.Context, now, latest time.Time) (hastened int, err error) {
	const astray = "state = 'pending' AND (next_try > ? OR created_at > ?)"
	ahead := now.Add(clockTolerance)
	args := []any{instant{&latest}, instant{&ahead}}
	// There are hardly ever any: it is looked up where nobody waits for the writer.
	found := false
	err = each(ctx, db, func(*sql.Rows) error {
		found = true
		return nil
	}, "SELECT 1 FROM deliveries WHERE "+astray+" LIMIT 1", args...)
	if err != nil || !found {
		return 0, db.explain(err)
	}
	err = db.write(ctx, func(x *tx) error {
		hastened, err = x.exec(ctx, `UPDATE deliveries SET next_try = ?, created_at = CASE WHEN created_at > ? THEN ? ELSE created_at END
			WHERE `+astray, append([]any{instant{&now}, instant{&now}, instant{&now}}, args...)...)
		if err != nil {
			return fmt.Errorf("hasten what was planned by a wrong clock: %w", err)
		}
		return nil
	})
	return hastened, err
}
