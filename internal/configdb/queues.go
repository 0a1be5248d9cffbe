package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// EndpointQueues returns what waits for each endpoint, in the order of their
// identifiers.
func (db *DB) EndpointQueues(ctx context.Context) ([]barograph.EndpointQueue, error) {
	queues, err := collect(ctx, db, func(rows *sql.Rows, q *barograph.EndpointQueue) error {
		var oldest int64
		err := rows.Scan(&q.EndpointID, &q.Kind, &q.Pending, &q.Held, &oldest)
		if oldest > 0 {
			q.OldestDue = time.UnixMicro(oldest).UTC()
		}
		return err
	}, `SELECT e.id, e.kind, COALESCE(p.waiting, 0), COALESCE(h.waiting, 0), COALESCE(p.oldest, 0)
		FROM endpoints e
		LEFT JOIN (
			SELECT d.endpoint_id, COUNT(*) AS waiting, MIN(COALESCE(d.next_try, 0)) AS oldest
			FROM deliveries d WHERE d.state = 'pending' GROUP BY d.endpoint_id
		) p ON p.endpoint_id = e.id
		LEFT JOIN (
			SELECT d.endpoint_id, COUNT(*) AS waiting FROM deliveries d WHERE d.state = 'held' GROUP BY d.endpoint_id
		) h ON h.endpoint_id = e.id
		ORDER BY e.id`)
	if err != nil {
		return nil, db.explain(fmt.Errorf("count what waits: %w", err))
	}
	return queues, nil
}
