package configdb

import (
	"context"
	"database/sql"

	"github.com/barograph/barograph"
)

func deliveryTable() table[barograph.Delivery] {
	return table[barograph.Delivery]{
		name: "deliveries", noun: "delivery",
		columns: func(d *barograph.Delivery) []column {
			return []column{
				{"id", &d.ID},
				{"event_id", &d.EventID},
				{"subscription_id", &d.SubscriptionID},
				{"endpoint_id", &d.EndpointID},
				{"topic", &d.Topic},
				{"group_name", &d.Group},
				{"message_id", &d.MessageID},
				{"state", &d.State},
				{"held_by", &d.HeldBy},
				{"reminder", &d.Reminder},
				{"attempts", &d.Attempts},
				{"created_at", instant{&d.CreatedAt}},
				{"next_try", instant{&d.NextTry}},
				{"expires_at", instant{&d.ExpiresAt}},
				{"done_at", instant{&d.DoneAt}},
				{"last_try", jsonText{&d.LastTry}},
			}
		},
	}
}

func attemptColumns(a *barograph.Attempt) []column {
	return []column{
		{"at", instant{&a.At}},
		{"status_code", &a.StatusCode},
		{"latency_ns", &a.Latency},
		{"error", &a.Error},
		{"response", &a.Response},
	}
}

// Deliveries returns a page of what was or will be sent, newest first.
func (db *DB) Deliveries(ctx context.Context, f barograph.DeliveryFilter, p barograph.Page) ([]barograph.Delivery, error) {
	var where filter
	where.equal("t.subscription_id", string(f.SubscriptionID))
	where.equal("t.endpoint_id", string(f.EndpointID))
	where.equal("t.event_id", string(f.EventID))
	where.equal("t.state", string(f.State))
	rest, args := where.newestFirst(p)
	found, err := deliveryTable().query(ctx, db, rest, args...)
	if err == nil && len(found) == 0 && f.SubscriptionID != "" {
		err = subscriptionTable().exists(ctx, db, string(f.SubscriptionID))
	}
	return found, db.explain(err)
}

// Delivery returns the delivery with the identifier.
func (db *DB) Delivery(ctx context.Context, id barograph.DeliveryID) (barograph.Delivery, error) {
	return one(ctx, db, deliveryTable(), string(id))
}

// DeliveryAttempts returns all tries of the delivery, the first first.
func (db *DB) DeliveryAttempts(ctx context.Context, id barograph.DeliveryID) ([]barograph.Attempt, error) {
	tries, err := collect(ctx, db, func(rows *sql.Rows, a *barograph.Attempt) error {
		return rows.Scan(values(attemptColumns(a))...)
	}, "SELECT at, status_code, latency_ns, error, response FROM attempts WHERE delivery_id = ? ORDER BY number", id)
	if err == nil && len(tries) == 0 {
		err = deliveryTable().exists(ctx, db, string(id))
	}
	return tries, db.explain(err)
}
