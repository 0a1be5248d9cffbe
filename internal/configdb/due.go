package configdb

import (
	"context"
	"database/sql"
	"time"

	"github.com/barograph/barograph"
)

// Conditions on a delivery d, its endpoint e and its subscription s. That they look
// for one row "LIMIT 1 OFFSET 0" has PostgreSQL look for each delivery in turn, as
// SQLite does: joined instead, all that waits at an endpoint is compared with all.
const (
	// inService: what is paused or disabled waits.
	inService = `s.enabled AND NOT e.disabled`
	// isFree: nobody tries it now, nor another delivery of its topic to the same
	// endpoint, unless in the same message: those go one after the other. Its
	// arguments are the time, again the time, and the message.
	isFree = `COALESCE(d.claimed_until, 0) <= ? AND NOT EXISTS (
		SELECT 1 FROM deliveries busy WHERE busy.endpoint_id = d.endpoint_id AND busy.topic = d.topic
		AND busy.topic <> '' AND busy.claimed_until > ? AND busy.message_id <> ? LIMIT 1 OFFSET 0)`
	// isOurs: nor did another server that is at work ever begin to, and not say yet
	// what came of it: by a clock that is ahead its claim has passed long before it
	// has. Its arguments are who asks, again who asks, and the message.
	isOurs = `(d.claimed_until IS NULL OR d.claimed_by = ? OR NOT EXISTS (SELECT 1 FROM servers w WHERE w.id = d.claimed_by))
		AND NOT EXISTS (
		SELECT 1 FROM deliveries busy JOIN servers w ON w.id = busy.claimed_by
		WHERE busy.endpoint_id = d.endpoint_id AND busy.topic = d.topic AND busy.topic <> ''
		AND busy.state = 'pending' AND busy.claimed_until IS NOT NULL AND busy.claimed_by <> ? AND busy.message_id <> ? LIMIT 1 OFFSET 0)`
	// isNext: what happened before is told before, however it was planned.
	isNext = `NOT EXISTS (
		SELECT 1 FROM deliveries earlier WHERE earlier.endpoint_id = d.endpoint_id AND earlier.topic = d.topic
		AND earlier.topic <> '' AND earlier.state = 'pending' AND earlier.event_id < d.event_id LIMIT 1 OFFSET 0)`
	// isNextInMessage: or before in the same message of a group, which takes
	// what is due in this order.
	isNextInMessage = `NOT EXISTS (
		SELECT 1 FROM deliveries earlier WHERE earlier.endpoint_id = d.endpoint_id AND earlier.topic = d.topic
		AND earlier.topic <> '' AND earlier.state = 'pending' AND earlier.event_id < d.event_id
		AND (earlier.group_name <> d.group_name OR earlier.message_id NOT IN ('', ?)
			OR COALESCE(earlier.next_try, 0) > COALESCE(d.next_try, 0)) LIMIT 1 OFFSET 0)`
	// isAffordable: text messages that are counted go one after the other, so
	// that no two are sent of what is left for one. Its argument is the time.
	isAffordable = `(e.kind <> 'sms' OR s.sms_daily_budget = 0 OR NOT EXISTS (
		SELECT 1 FROM endpoints phone JOIN deliveries text ON text.endpoint_id = phone.id
		WHERE phone.subscription_id = s.id AND phone.kind = 'sms' AND text.claimed_until > ? LIMIT 1 OFFSET 0))`
	// isAffordableByAll: also by what another server that is at work sends now. Its
	// argument is who asks.
	isAffordableByAll = `(e.kind <> 'sms' OR s.sms_daily_budget = 0 OR NOT EXISTS (
		SELECT 1 FROM endpoints phone JOIN deliveries text ON text.endpoint_id = phone.id JOIN servers w ON w.id = text.claimed_by
		WHERE phone.subscription_id = s.id AND phone.kind = 'sms' AND text.state = 'pending'
		AND text.claimed_until IS NOT NULL AND text.claimed_by <> ? LIMIT 1 OFFSET 0))`
)

// DueDeliveries returns deliveries to try now, at most limit: those that wait
// longest first, and at most perEndpoint to one endpoint, so that one with many
// can't crowd out the others. Endpoints and subscriptions out of service have
// none. What is claimed, by the time given, and what is about the same topic to the same endpoint,
// is not among them, nor is what follows something of its topic that waits. It
// reserves nothing: see ClaimDeliveries.
func (db *DB) DueDeliveries(ctx context.Context, now time.Time, perEndpoint, limit int) ([]barograph.DueDelivery, error) {
	// Each endpoint's queue is read from its index only as far as needed, and
	// the rest of a row only once it is chosen.
	query := "SELECT " + dueColumns() + `
		FROM (
			SELECT w.id, w.endpoint_id, w.event_id, COALESCE(w.next_try, 0) AS since
			FROM endpoints e
			JOIN subscriptions s ON s.id = e.subscription_id
			` + db.dialect.joinEach("w", "deliveries d", `
				WHERE d.endpoint_id = e.id AND d.state = 'pending' AND COALESCE(d.next_try, 0) <= ? AND `+isFree+` AND `+isNext+`
				ORDER BY COALESCE(d.next_try, 0), d.event_id, d.id LIMIT ?`) + `
			WHERE ` + inService + ` AND ` + isAffordable + `
			ORDER BY since, w.event_id, w.id LIMIT ?
		) due
		JOIN deliveries d ON d.id = due.id
		JOIN events v ON v.id = d.event_id
		JOIN endpoints e ON e.id = due.endpoint_id
		ORDER BY due.since, due.event_id, due.id`
	t := instant{&now}
	due, err := collect(ctx, db, scanDue, query, t, t, t, "", perEndpoint, t, limit)
	return due, db.explain(err)
}

// dueColumns lists the columns of a delivery d, its event v and its endpoint e.
func dueColumns() string {
	return deliveryTable().list("d") + ", " + eventTable().list("v") + ", " + endpointTable().list("e")
}

func scanDue(rows *sql.Rows, d *barograph.DueDelivery) error { return rows.Scan(dueValues(d)...) }

func dueValues(d *barograph.DueDelivery) []any {
	into := values(deliveryTable().columns(&d.Delivery))
	into = append(into, values(eventTable().columns(&d.Event))...)
	return append(into, values(endpointTable().columns(&d.Endpoint))...)
}
