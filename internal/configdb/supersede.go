package configdb

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// Of what is known about one topic only the latest is worth another try, a
// reminder, or to be held back for later. What is news, and was never tried nor
// held, is sent all the same: each event is tried at least once.

// supersedeOlder ends the deliveries that wait for another try, remind, or are
// held back, and are outdated by d. One about a later event is not: d may be a
// replay.
func supersedeOlder(ctx context.Context, x *tx, d barograph.Delivery) error {
	_, err := x.exec(ctx, `UPDATE deliveries SET state = 'superseded', done_at = ?, next_try = NULL, held_by = ''
		WHERE endpoint_id = ? AND topic = ? AND id <> ?
		AND (state = 'held' OR state = 'pending' AND (attempts > 0 OR reminder > 0))
		AND (SELECT older.happened_at FROM events older WHERE older.id = deliveries.event_id)
			<= (SELECT newer.happened_at FROM events newer WHERE newer.id = ?)`,
		instant{&d.CreatedAt}, d.EndpointID, d.Topic, d.ID, d.EventID)
	if err != nil {
		return fmt.Errorf("supersede deliveries about %s: %w", d.Topic, err)
	}
	return nil
}

// supersedeIfOutdated ends d if it waits for another try or is held back
// although there is a delivery about a later event, which was recorded during
// d's first try.
func supersedeIfOutdated(ctx context.Context, x *tx, d barograph.Delivery, now time.Time) error {
	waits := d.State == barograph.DeliveryHeld || d.State == barograph.DeliveryPending && d.Attempts > 0
	if !waits || d.Topic == "" {
		return nil
	}
	_, err := x.exec(ctx, `UPDATE deliveries SET state = 'superseded', done_at = ?, next_try = NULL, held_by = ''
		WHERE id = ? AND EXISTS (
			SELECT 1 FROM deliveries later JOIN events v ON v.id = later.event_id
			WHERE later.endpoint_id = ? AND later.topic = ? AND later.state <> 'silenced'
			AND v.happened_at > (SELECT mine.happened_at FROM events mine WHERE mine.id = ?))`,
		instant{&now}, d.ID, d.EndpointID, d.Topic, d.EventID)
	if err != nil {
		return fmt.Errorf("supersede delivery %s: %w", d.ID, err)
	}
	return nil
}
