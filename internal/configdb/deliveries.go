package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

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
				{"state", &d.State},
				{"attempts", &d.Attempts},
				{"created_at", instant{&d.CreatedAt}},
				{"next_try", instant{&d.NextTry}},
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

// Deliveries returns a page of what was or will be sent to the subscription's
// endpoints, newest first.
func (db *DB) Deliveries(ctx context.Context, id barograph.SubscriptionID, p barograph.Page) ([]barograph.Delivery, error) {
	var where filter
	where.and("t.subscription_id = ?", id)
	rest, args := where.newestFirst(p)
	found, err := deliveryTable().query(ctx, db, rest, args...)
	if err == nil && len(found) == 0 {
		err = subscriptionTable().exists(ctx, db, string(id))
	}
	return found, db.explain(err)
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

// DueDeliveries returns deliveries to try now, at most limit: those that wait
// longest first, and at most perEndpoint to one endpoint, so that one with many
// can't crowd out the others. Endpoints and subscriptions out of service have none.
func (db *DB) DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error) {
	// Each endpoint's queue is read from its index only as far as needed, and
	// the rest of a row only once it is chosen.
	query := "SELECT " + deliveryTable().list("d") + ", " + eventTable().list("v") + ", " + endpointTable().list("e") + `
		FROM (
			SELECT w.id, w.endpoint_id, COALESCE(w.next_try, 0) AS since
			FROM endpoints o
			JOIN subscriptions s ON s.id = o.subscription_id
			JOIN deliveries w ON w.id IN (
				SELECT q.id FROM deliveries q
				WHERE q.endpoint_id = o.id AND q.state = 'pending' AND COALESCE(q.next_try, 0) <= ?
				ORDER BY COALESCE(q.next_try, 0), q.id LIMIT ?)
			WHERE s.enabled AND NOT o.disabled
			ORDER BY since, w.id LIMIT ?
		) due
		JOIN deliveries d ON d.id = due.id
		JOIN events v ON v.id = d.event_id
		JOIN endpoints e ON e.id = due.endpoint_id
		ORDER BY due.since, due.id`
	due, err := collect(ctx, db, func(rows *sql.Rows, d *barograph.DueDelivery) error {
		into := values(deliveryTable().columns(&d.Delivery))
		into = append(into, values(eventTable().columns(&d.Event))...)
		into = append(into, values(endpointTable().columns(&d.Endpoint))...)
		return rows.Scan(into...)
	}, query, instant{&now}, perEndpoint, limit)
	return due, db.explain(err)
}

// SaveDeliveryResults records what came of tries, all or nothing. A delivery
// that came to its end meanwhile stays ended, unless the try succeeded after
// all. Deliveries and endpoints that do not exist any more are ignored.
func (db *DB) SaveDeliveryResults(ctx context.Context, results []barograph.DeliveryResult) error {
	if len(results) == 0 {
		return nil
	}
	return db.write(ctx, func(x *tx) error {
		for _, r := range results {
			// The change comes first: it may hold the delivery itself, of a test.
			if err := db.record(ctx, x, r.Change); err != nil {
				return err
			}
			if err := saveTry(ctx, x, r.Delivery, r.Attempt); err != nil {
				return err
			}
			if err := saveHealth(ctx, x, r.Delivery.EndpointID, r.Health); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveTry(ctx context.Context, x *tx, d barograph.Delivery, try barograph.Attempt) error {
	t := deliveryTable()
	found, err := t.query(ctx, x, " WHERE t.id = ?", d.ID)
	if err != nil || len(found) == 0 {
		return err
	}
	now := found[0]
	try = storedAttempt(try)
	now.Attempts, now.LastTry = d.Attempts, &try
	if now.State == barograph.DeliveryPending || d.State == barograph.DeliveryDelivered {
		now.State, now.NextTry, now.DoneAt = d.State, d.NextTry, d.DoneAt
	}
	if err := t.set(ctx, x, string(d.ID), t.columns(&now)...); err != nil {
		return err
	}
	if err := supersedeIfOutdated(ctx, x, now, try.At); err != nil {
		return err
	}
	return insertAttempt(ctx, x, d.ID, try)
}

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
// any database takes.
func storedAttempt(a barograph.Attempt) barograph.Attempt {
	a.At = stored(a.At)
	a.Error, a.Response = cleanText(a.Error), cleanText(a.Response)
	return a
}

func cleanText(s string) string {
	const unknown = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(s, unknown), "\x00", unknown)
}
