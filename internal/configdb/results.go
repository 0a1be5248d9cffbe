package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// SaveDeliveryResults records what came of tries, all or nothing, and ends the
// claims. A delivery that came to its end meanwhile stays ended, unless the try
// succeeded after all. What tells that an endpoint is disabled or enabled that is
// so already is left out. Of a result without the time of its attempt, which was no
// try, only the delivery is saved. Deliveries and endpoints that do not exist any
// more are ignored.
func (db *DB) SaveDeliveryResults(ctx context.Context, results []barograph.DeliveryResult) error {
	if len(results) == 0 {
		return nil
	}
	return db.write(ctx, func(x *tx) error {
		fare := health{}
		for _, r := range results {
			if err := db.saveTry(ctx, x, fare, r); err != nil {
				return err
			}
		}
		return fare.save(ctx, x)
	})
}

func (db *DB) saveTry(ctx context.Context, x *tx, fare health, r barograph.DeliveryResult) error {
	to, err := fare.of(ctx, x, r.Delivery.EndpointID)
	if err != nil {
		return err
	}
	if to != nil {
		r.Change = news(to.Health, r.Change)
	}
	// The change comes first: it may hold the delivery itself, of a test.
	if err := db.record(ctx, x, r.Change); err != nil {
		return err
	}
	if err := db.saveResult(ctx, x, r); err != nil || r.Attempt.At.IsZero() {
		return err
	}
	become := func(now barograph.EndpointHealth) barograph.EndpointHealth { return healthAfter(now, r) }
	return db.become(ctx, x, fare, r.Delivery.EndpointID, become)
}

func (db *DB) saveResult(ctx context.Context, x *tx, r barograph.DeliveryResult) error {
	d, typ, found, err := deliveryOf(ctx, x, r.Delivery.ID)
	if err != nil || !found {
		return err
	}
	return db.saveDelivery(ctx, x, after(d, r), typ, r)
}

// deliveryOf returns the delivery and the type of its event.
func deliveryOf(ctx context.Context, x *tx, id barograph.DeliveryID) (d barograph.Delivery, typ barograph.EventType, found bool, err error) {
	t := deliveryTable()
	err = each(ctx, x, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(append(values(t.columns(&d)), &typ)...)
	}, "SELECT "+t.list("d")+", v.type FROM deliveries d JOIN events v ON v.id = d.event_id WHERE d.id = ?", id)
	if err != nil {
		return d, typ, false, fmt.Errorf("look for delivery %s: %w", id, err)
	}
	return d, typ, found, nil
}

// after returns the delivery, as it is on record, after the result.
func after(d barograph.Delivery, r barograph.DeliveryResult) barograph.Delivery {
	d.Attempts = r.Delivery.Attempts
	if !r.Attempt.At.IsZero() {
		try := storedAttempt(r.Attempt)
		d.LastTry = &try
	} else if d.Attempts == 0 {
		d.MessageID = "" // it was not tried, and may go in another message
	}
	if d.State == barograph.DeliveryPending || r.Delivery.State == barograph.DeliveryDelivered {
		d.State, d.HeldBy = r.Delivery.State, r.Delivery.HeldBy
		d.NextTry, d.ExpiresAt, d.DoneAt = r.Delivery.NextTry, r.Delivery.ExpiresAt, r.Delivery.DoneAt
	}
	return d
}

func (db *DB) saveDelivery(ctx context.Context, x *tx, d barograph.Delivery, typ barograph.EventType, r barograph.DeliveryResult) error {
	at := r.Attempt.At
	db.stamp(&at)
	// Only what a try changes: each index of a column that is named is written.
	err := deliveryTable().set(ctx, x, string(d.ID),
		column{"state", &d.State}, column{"attempts", &d.Attempts}, column{"message_id", &d.MessageID},
		column{"held_by", &d.HeldBy}, column{"next_try", instant{&d.NextTry}},
		column{"expires_at", instant{&d.ExpiresAt}}, column{"done_at", instant{&d.DoneAt}},
		column{"last_try", jsonText{&d.LastTry}}, column{"claimed_by", derived{""}}, column{"claimed_until", derived{nil}})
	if err != nil {
		return err
	}
	if err := supersedeIfOutdated(ctx, x, d, at); err != nil {
		return err
	}
	if d.State == barograph.DeliveryDelivered {
		if err := noteTold(ctx, x, d, typ, at); err != nil {
			return err
		}
	}
	if err := countTexts(ctx, x, d.SubscriptionID, at, r.TextMessages); err != nil || r.Attempt.At.IsZero() {
		return err
	}
	return insertAttempt(ctx, x, d.ID, *d.LastTry)
}

// countTexts adds to the text messages that the subscription sent on the day.
func countTexts(ctx context.Context, x *tx, id barograph.SubscriptionID, at time.Time, sent int) error {
	if sent == 0 {
		return nil
	}
	day := budgetDay(at)
	_, err := x.exec(ctx, `INSERT INTO text_messages (subscription_id, day, sent) VALUES (?, ?, ?)
		ON CONFLICT (subscription_id, day) DO UPDATE SET sent = text_messages.sent + excluded.sent`, id, instant{&day}, sent)
	if err != nil {
		return fmt.Errorf("count text messages of subscription %s: %w", id, err)
	}
	return nil
}

// budgetDay returns the midnight UTC that the time's day began with.
func budgetDay(at time.Time) time.Time { return at.UTC().Truncate(barograph.Day) }

func insertAttempt(ctx context.Context, x *tx, id barograph.DeliveryID, try barograph.Attempt) error {
	args := append([]any{id, id}, values(attemptColumns(&try))...)
	_, err := x.exec(ctx, `INSERT INTO attempts (delivery_id, number, at, status_code, latency_ns, error, response)
		VALUES (?, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE delivery_id = ?), ?, ?, ?, ?, ?)`, args...)
	if err != nil {
		return fmt.Errorf("add attempt of delivery %s: %w", id, err)
	}
	return nil
}

// storedAttempt returns the attempt with what a receiver answered as text that
// any database takes, also within JSON.
func storedAttempt(a barograph.Attempt) barograph.Attempt {
	a.At = stored(a.At)
	a.Error, a.Response = cleanText(a.Error), cleanText(a.Response)
	return a
}
