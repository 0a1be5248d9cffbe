package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// batch is how many rows one transaction changes at most where many may have to
// be, so that nobody waits long for the writer.
const batch = 500

// ReleaseHeld lets go of the deliveries that nothing holds back any more: what
// holds now is given. They are due now, those of one group as if they had just
// come; the end of what the endpoint was never told of is silenced. It returns how
// many are let go of.
func (db *DB) ReleaseHeld(ctx context.Context, holding []barograph.Hold, now time.Time) (int, error) {
	holds, err := collect(ctx, db, func(rows *sql.Rows, h *barograph.Hold) error { return rows.Scan(h) },
		"SELECT DISTINCT held_by FROM deliveries WHERE state = 'held'")
	if err != nil {
		return 0, db.explain(fmt.Errorf("read what is held: %w", err))
	}
	released := 0
	for _, hold := range holds {
		if slices.Contains(holding, hold) {
			continue
		}
		for n := batch; n == batch; {
			err := db.write(ctx, func(x *tx) (err error) {
				n, err = releaseSome(ctx, x, hold, now)
				return err
			})
			if err != nil {
				return released, err
			}
			released += n
		}
	}
	return released, nil
}

func releaseSome(ctx context.Context, x *tx, hold barograph.Hold, now time.Time) (int, error) {
	held, err := deliveryTable().query(ctx, x, " WHERE t.state = 'held' AND t.held_by = ? ORDER BY t.event_id, t.id LIMIT ?", hold, batch)
	if err != nil {
		return 0, err
	}
	in := newIntake(x)
	for _, d := range held {
		if err := in.release(ctx, d, now); err != nil {
			return 0, fmt.Errorf("release delivery %s: %w", d.ID, err)
		}
	}
	return len(held), in.windows.save(ctx, x)
}

func (in *intake) release(ctx context.Context, d barograph.Delivery, now time.Time) error {
	typ, err := in.typeOf(ctx, d.EventID)
	if err != nil {
		return err
	}
	told := true
	if typ.Ends() {
		if told, err = wasTold(ctx, in.x, d); err != nil {
			return err
		}
	}
	if !told {
		silence(&d, now)
		return in.saveReleased(ctx, d)
	}
	to, err := in.recipient(ctx, d.EndpointID)
	if err != nil {
		return err
	}
	d.State, d.HeldBy, d.NextTry = barograph.DeliveryPending, "", now
	if d.LastTry != nil && !d.ExpiresAt.IsZero() {
		d.ExpiresAt = now.Add(d.ExpiresAt.Sub(d.LastTry.At)) // held back, it does not age
	}
	if d.Group != "" {
		d.MessageID = "" // of the message that it was in, others may be delivered
	}
	w, err := in.plan(ctx, &d, now, to.storm)
	if err != nil {
		return err
	}
	if w != nil {
		in.windows.keep(d, *w)
	}
	return in.saveReleased(ctx, d)
}

func (in *intake) saveReleased(ctx context.Context, d barograph.Delivery) error {
	return deliveryTable().set(ctx, in.x, string(d.ID), column{"state", &d.State}, column{"held_by", &d.HeldBy},
		column{"next_try", instant{&d.NextTry}}, column{"expires_at", instant{&d.ExpiresAt}}, column{"done_at", instant{&d.DoneAt}},
		column{"message_id", &d.MessageID})
}
