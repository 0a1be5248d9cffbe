package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// intake takes deliveries in within one transaction. It reads each endpoint and
// each group once.
type intake struct {
	x          *tx
	types      map[barograph.EventID]barograph.EventType
	recipients map[barograph.EndpointID]recipient
	windows    windows
}

// recipient is what the queue has to know of an endpoint.
type recipient struct {
	subscription barograph.SubscriptionID // "": there is no such endpoint
	storm        barograph.Storm
}

func newIntake(x *tx) *intake {
	return &intake{
		x: x, types: map[barograph.EventID]barograph.EventType{},
		recipients: map[barograph.EndpointID]recipient{}, windows: windows{},
	}
}

func (db *DB) enqueue(ctx context.Context, x *tx, c barograph.Change) error {
	in := newIntake(x)
	for _, e := range c.Events {
		in.types[e.ID] = e.Type
	}
	for _, d := range c.Deliveries {
		db.stamp(&d.CreatedAt)
		if err := in.add(ctx, d); err != nil {
			return err
		}
	}
	return in.windows.save(ctx, x)
}

// add adds a delivery and supersedes older ones.
func (in *intake) add(ctx context.Context, d barograph.Delivery) error {
	to, err := in.recipient(ctx, d.EndpointID)
	if err != nil || to.subscription == "" || to.subscription != d.SubscriptionID {
		return err
	}
	if d.OnlyIfTold {
		if told, err := wasTold(ctx, in.x, d); err != nil || !told {
			return err
		}
	}
	// What is never to be sent takes the place of nothing.
	replaces := d.Topic != "" && d.State != barograph.DeliverySilenced
	if err := in.admit(ctx, &d); err != nil {
		return err
	}
	planned, err := in.plan(ctx, &d, d.CreatedAt, to.storm)
	if err != nil {
		return err
	}
	if d.LastTry != nil {
		try := storedAttempt(*d.LastTry)
		d.LastTry = &try
	}
	added, err := deliveryTable().insertOnce(ctx, in.x, &d)
	if err != nil || !added {
		return err
	}
	if planned != nil {
		in.windows.keep(d, *planned)
	}
	if !replaces {
		return nil
	}
	if err := supersedeOlder(ctx, in.x, d); err != nil || d.State != barograph.DeliveryDelivered {
		return err
	}
	typ, err := in.typeOf(ctx, d.EventID)
	if err != nil {
		return err
	}
	return noteTold(ctx, in.x, d, typ, d.CreatedAt)
}

// admit decides on a delivery that is held back: the end of what the endpoint
// was told of is sent all the same. The other way round, the end of what is
// still held back has nothing to tell.
func (in *intake) admit(ctx context.Context, d *barograph.Delivery) error {
	switch d.State { //nolint:exhaustive // the others are as they are
	case barograph.DeliverySilenced:
		silence(d, d.CreatedAt)
		return nil
	case barograph.DeliveryHeld:
		d.NextTry = time.Time{}
	case barograph.DeliveryPending:
	default:
		return nil
	}
	typ, err := in.typeOf(ctx, d.EventID)
	if err != nil || !typ.Ends() || d.Topic == "" {
		return err
	}
	told, err := wasTold(ctx, in.x, *d)
	if err != nil {
		return err
	}
	if d.State == barograph.DeliveryHeld {
		if told {
			d.State, d.HeldBy, d.NextTry = barograph.DeliveryPending, "", d.CreatedAt
		}
		return nil
	}
	held, err := in.x.any(ctx, "SELECT 1 FROM deliveries WHERE endpoint_id = ? AND topic = ? AND state = 'held' AND id <> ?",
		d.EndpointID, d.Topic, d.ID)
	if err != nil {
		return fmt.Errorf("look for what is held of %s: %w", d.Topic, err)
	}
	if held && !told {
		silence(d, d.CreatedAt)
	}
	return nil
}

// silence ends a delivery of which nothing is left to tell.
func silence(d *barograph.Delivery, now time.Time) {
	d.State, d.NextTry = barograph.DeliverySilenced, time.Time{}
	if d.DoneAt.IsZero() {
		d.DoneAt = now
	}
}

// plan sets when a delivery of a group goes out that comes now. It returns what
// the group is like with it, or nil if it goes by itself. Reminders are planned
// already.
func (in *intake) plan(ctx context.Context, d *barograph.Delivery, now time.Time, s barograph.Storm) (*window, error) {
	if d.State != barograph.DeliveryPending || d.Group == "" || d.Reminder > 0 {
		return nil, nil //nolint:nilnil // nothing to plan is no error
	}
	w, err := in.windows.of(ctx, in.x, d.EndpointID, d.Group)
	if err != nil {
		return nil, err
	}
	slot, w := w.next(now, s)
	if slot.After(d.NextTry) {
		d.NextTry = slot
	}
	return &w, nil
}

func (in *intake) recipient(ctx context.Context, id barograph.EndpointID) (recipient, error) {
	if to, known := in.recipients[id]; known {
		return to, nil
	}
	var to recipient
	err := each(ctx, in.x, func(rows *sql.Rows) error {
		return rows.Scan(&to.subscription, &to.storm.GroupWait, &to.storm.GroupInterval)
	}, `SELECT s.id, s.group_wait_ns, s.group_interval_ns
		FROM endpoints e JOIN subscriptions s ON s.id = e.subscription_id WHERE e.id = ?`, id)
	if err != nil {
		return to, fmt.Errorf("look for endpoint %s: %w", id, err)
	}
	in.recipients[id] = to
	return to, nil
}

// typeOf returns the type of the event; "" if there is no such event.
func (in *intake) typeOf(ctx context.Context, id barograph.EventID) (barograph.EventType, error) {
	typ, known := in.types[id]
	if known {
		return typ, nil
	}
	err := each(ctx, in.x, func(rows *sql.Rows) error { return rows.Scan(&typ) }, "SELECT type FROM events WHERE id = ?", id)
	if err != nil {
		return "", fmt.Errorf("look for event %s: %w", id, err)
	}
	in.types[id] = typ
	return typ, nil
}
