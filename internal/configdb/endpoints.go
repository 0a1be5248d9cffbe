package configdb

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

func endpointTable() table[barograph.Endpoint] {
	return table[barograph.Endpoint]{
		name: "endpoints", noun: "endpoint",
		columns: func(e *barograph.Endpoint) []column {
			return append([]column{
				{"id", &e.ID},
				{"kind", &e.Kind},
				{"url", &e.URL},
				{"format", &e.Format},
				{"secret", (*string)(&e.Secret)}, // the text itself: it has to sign
				{"previous_secret", (*string)(&e.PreviousSecret)},
				{"previous_secret_until", instant{&e.PreviousSecretUntil}},
				{"recipients", jsonText{&e.To}},
			}, healthColumns(&e.Health)...)
		},
	}
}

func healthColumns(h *barograph.EndpointHealth) []column {
	return []column{
		{"disabled", &h.Disabled},
		{"disabled_reason", &h.DisabledReason},
		{"disabled_at", instant{&h.DisabledAt}},
		{"failures", &h.Failures},
		{"exhausted", &h.Exhausted},
		{"failing_since", instant{&h.FailingSince}},
		{"last_success", instant{&h.LastSuccess}},
	}
}

func insertEndpoint(ctx context.Context, x *tx, s barograph.SubscriptionID, position int, e barograph.Endpoint) error {
	return endpointTable().insert(ctx, x, &e,
		column{"subscription_id", &s}, column{"position", derived{int64(position)}})
}

func updateEndpoint(ctx context.Context, x *tx, position int, e barograph.Endpoint) error {
	t := endpointTable()
	return t.set(ctx, x, string(e.ID), append(t.columns(&e), column{"position", derived{int64(position)}})...)
}

// deleteEndpoint removes an endpoint. Deliveries that wait for it can never be
// made, and it is left to see that they were not.
func deleteEndpoint(ctx context.Context, x *tx, id barograph.EndpointID, now time.Time) error {
	if err := endpointTable().delete(ctx, x, string(id)); err != nil {
		return err
	}
	_, err := x.exec(ctx, "UPDATE deliveries SET state = 'exhausted', done_at = ?, next_try = NULL, held_by = '' "+
		"WHERE endpoint_id = ? AND state IN ('pending', 'held')", instant{&now}, id)
	if err != nil {
		return fmt.Errorf("end deliveries to endpoint %s: %w", id, err)
	}
	return nil
}

// endpointOf returns the endpoint of the subscription, and that, without its endpoints.
func endpointOf(ctx context.Context, x *tx, s barograph.SubscriptionID, id barograph.EndpointID) (e barograph.Endpoint, sub barograph.Subscription, err error) {
	if sub, err = subscriptionTable().byID(ctx, x, string(s)); err != nil {
		return e, sub, err
	}
	found, err := endpointTable().query(ctx, x, " WHERE t.id = ? AND t.subscription_id = ?", id, s)
	if err == nil && len(found) == 0 {
		err = endpointTable().missing("ID " + clip(string(id)) + " in subscription " + clip(string(s)))
	}
	if err != nil {
		return e, sub, err
	}
	return found[0], sub, nil
}

// RotateSecret gives an endpoint a new secret. The one it had goes on signing
// beside it until the given time.
func (db *DB) RotateSecret(
	ctx context.Context, s barograph.SubscriptionID, id barograph.EndpointID, secret barograph.Secret, previousUntil time.Time,
) error {
	return db.write(ctx, func(x *tx) error {
		old, sub, err := endpointOf(ctx, x, s, id)
		if err != nil {
			return err
		}
		now := old
		now.Secret, now.PreviousSecret, now.PreviousSecretUntil = secret, old.Secret, previousUntil
		t := endpointTable()
		if err := t.set(ctx, x, string(id), t.columns(&now)...); err != nil {
			return err
		}
		updated := db.nextUpdate(sub)
		if err := subscriptionTable().set(ctx, x, string(s), column{"updated_at", instant{&updated}}); err != nil {
			return err
		}
		return db.audit(ctx, x, endpointEntry(actionRotated, sub, &old, &now))
	})
}
