package configdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/barograph/barograph"
)

// ClaimDeliveries reserves those of the deliveries that are still due and free,
// in the order given, and returns them as they are now, with the message that
// they go out in. After a delivery of a group come the others of its message,
// oldest first: on its first try all that are due, up to the claim's limit, and
// on later ones those that are left of it.
//
// What is claimed is nobody else's until its result is saved or the claim is
// released, or its time has passed and whoever claimed it is not on the roll of
// servers any more: clocks need not agree for that.
func (db *DB) ClaimDeliveries(ctx context.Context, ids []barograph.DeliveryID, c barograph.Claim) (claimed []barograph.DueDelivery, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = db.write(ctx, func(x *tx) error {
		claimed = nil
		for _, id := range ids {
			// One that was claimed with an earlier one's group is not free any more.
			message, err := claimMessage(ctx, x, id, c)
			if err != nil {
				return fmt.Errorf("claim delivery %s: %w", id, err)
			}
			claimed = append(claimed, message...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// ReleaseClaims ends the claims of a server, which died while it held them. The
// messages keep their identifiers: they may have been sent.
func (db *DB) ReleaseClaims(ctx context.Context, by string) error {
	return db.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, "UPDATE deliveries SET claimed_by = '', claimed_until = NULL "+
			"WHERE claimed_until IS NOT NULL AND claimed_by = ?", by)
		if err != nil {
			return fmt.Errorf("release claims of %s: %w", by, err)
		}
		return nil
	})
}

// claimMessage claims a delivery and what goes out with it.
func claimMessage(ctx context.Context, x *tx, id barograph.DeliveryID, c barograph.Claim) ([]barograph.DueDelivery, error) {
	first, found, err := claimable(ctx, x, id, c)
	if err != nil || !found {
		return nil, err
	}
	d := &first.Delivery
	fresh := d.MessageID == ""
	if fresh {
		if d.MessageID = d.SingleMessageID(); d.Group != "" {
			d.MessageID = barograph.NewID("msg", c.Now)
		}
	}
	_, err = x.exec(ctx, "UPDATE deliveries SET claimed_by = ?, claimed_until = ?, message_id = ? WHERE id = ?",
		c.By, instant{&c.Until}, d.MessageID, d.ID)
	if err != nil || d.Group == "" {
		return []barograph.DueDelivery{first}, err
	}
	if fresh {
		err = gather(ctx, x, *d, c)
	} else {
		err = gatherAgain(ctx, x, *d, c)
	}
	if err != nil {
		return nil, err
	}
	others, err := companions(ctx, x, first, c)
	return append([]barograph.DueDelivery{first}, others...), err
}

// claimable returns the delivery if it may be claimed.
func claimable(ctx context.Context, x *tx, id barograph.DeliveryID, c barograph.Claim) (due barograph.DueDelivery, found bool, err error) {
	query := "SELECT " + dueColumns() + `, s.sms_daily_budget, s.sms_overflow_to, COALESCE(b.sent, 0)
		FROM deliveries d
		JOIN events v ON v.id = d.event_id
		JOIN endpoints e ON e.id = d.endpoint_id
		JOIN subscriptions s ON s.id = e.subscription_id
		LEFT JOIN text_messages b ON b.subscription_id = s.id AND b.day = ?
		WHERE d.id = ? AND d.state = 'pending' AND COALESCE(d.next_try, 0) <= ?
		AND ` + isFree + ` AND ` + isOurs + ` AND ` + isNext + ` AND ` + inService + ` AND ` + isAffordable + ` AND ` + isAffordableByAll
	t, day := instant{&c.Now}, budgetDay(c.Now)
	err = each(ctx, x, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(append(dueValues(&due), &due.Budget.Daily, jsonText{&due.Budget.OverflowTo}, &due.Budget.Sent)...)
	}, query, instant{&day}, id, t, t, t, "", c.By, c.By, "", t, c.By)
	return due, found, err
}

// gather claims what is due of d's group and was in no message yet.
func gather(ctx context.Context, x *tx, d barograph.Delivery, c barograph.Claim) error {
	t := instant{&c.Now}
	_, err := x.exec(ctx, `UPDATE deliveries SET claimed_by = ?, claimed_until = ?, message_id = ? WHERE id IN (
		SELECT d.id FROM deliveries d
		WHERE d.endpoint_id = ? AND d.group_name = ? AND d.group_name <> '' AND d.message_id = '' AND d.state = 'pending'
		AND COALESCE(d.next_try, 0) <= ? AND d.id <> ? AND `+isFree+` AND `+isOurs+` AND `+isNextInMessage+`
		ORDER BY COALESCE(d.next_try, 0), d.event_id, d.id LIMIT ?)`,
		c.By, instant{&c.Until}, d.MessageID, d.EndpointID, d.Group, t, d.ID, t, t, d.MessageID, c.By, c.By, d.MessageID, d.MessageID, max(c.MostGrouped-1, 0))
	return err
}

// gatherAgain claims what is left of the message that d was tried in.
func gatherAgain(ctx context.Context, x *tx, d barograph.Delivery, c barograph.Claim) error {
	_, err := x.exec(ctx, `UPDATE deliveries SET claimed_by = ?, claimed_until = ?
		WHERE endpoint_id = ? AND group_name = ? AND group_name <> '' AND message_id = ? AND state = 'pending' AND id <> ?`,
		c.By, instant{&c.Until}, d.EndpointID, d.Group, d.MessageID, d.ID)
	return err
}

// companions returns what was claimed to go out with the first of a message.
func companions(ctx context.Context, x *tx, first barograph.DueDelivery, c barograph.Claim) ([]barograph.DueDelivery, error) {
	d := first.Delivery
	others, err := collect(ctx, x, func(rows *sql.Rows, due *barograph.DueDelivery) error {
		due.Endpoint, due.Budget = first.Endpoint, first.Budget
		into := append(values(deliveryTable().columns(&due.Delivery)), values(eventTable().columns(&due.Event))...)
		return rows.Scan(into...)
	}, "SELECT "+deliveryTable().list("d")+", "+eventTable().list("v")+` FROM deliveries d JOIN events v ON v.id = d.event_id
		WHERE d.endpoint_id = ? AND d.group_name = ? AND d.group_name <> '' AND d.message_id = ? AND d.state = 'pending'
		AND d.claimed_by = ? AND d.id <> ? ORDER BY d.event_id, d.id`, d.EndpointID, d.Group, d.MessageID, c.By, d.ID)
	return others, err
}
