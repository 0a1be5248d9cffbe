package configdb

import (
	"context"
	"database/sql"
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
				{"secret", (*string)(&e.Secret)}, // the text itself: it has to sign
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
	_, err := x.exec(ctx, "UPDATE deliveries SET state = 'exhausted', done_at = ?, next_try = NULL "+
		"WHERE endpoint_id = ? AND state = 'pending'", instant{&now}, id)
	if err != nil {
		return fmt.Errorf("end deliveries to endpoint %s: %w", id, err)
	}
	return nil
}

// hasEndpoint reports whether the subscription has the endpoint.
func hasEndpoint(ctx context.Context, x *tx, s barograph.SubscriptionID, id barograph.EndpointID) (bool, error) {
	found := false
	err := each(ctx, x, func(*sql.Rows) error {
		found = true
		return nil
	}, "SELECT 1 FROM endpoints WHERE id = ? AND subscription_id = ?", id, s)
	if err != nil {
		return false, fmt.Errorf("look for endpoint %s: %w", id, err)
	}
	return found, nil
}

// saveHealth sets the health of an endpoint; one that does not exist any more
// is ignored.
func saveHealth(ctx context.Context, x *tx, id barograph.EndpointID, health barograph.EndpointHealth) error {
	found, err := endpointTable().query(ctx, x, " WHERE t.id = ?", id)
	if err != nil || len(found) == 0 {
		return err
	}
	// Taking an endpoint out of service changes the subscription for everybody;
	// counting its failures does not.
	x.changed = x.changed || found[0].Health.Disabled != health.Disabled
	return endpointTable().set(ctx, x, string(id), healthColumns(&health)...)
}
