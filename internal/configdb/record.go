package configdb

import (
	"context"

	"github.com/barograph/barograph"
)

// Record writes a change, all or nothing: predictions and breaches replace those
// with their identifiers, rules are demoted or restored, events wait to be published, deliveries to be tried.
//
// A new delivery supersedes what waits for another try to the same endpoint
// about the same topic. Recording the same events and deliveries again changes
// nothing. Deliveries to endpoints that do not exist any more are left out.
func (db *DB) Record(ctx context.Context, c barograph.Change) error {
	return db.write(ctx, func(x *tx) error { return db.record(ctx, x, c) })
}

func (db *DB) record(ctx context.Context, x *tx, c barograph.Change) error {
	for _, p := range c.Predictions {
		if err := putPrediction(ctx, x, p); err != nil {
			return err
		}
	}
	for _, b := range c.Breaches {
		if err := breachTable().put(ctx, x, &b); err != nil {
			return err
		}
	}
	for _, s := range c.Silences {
		if err := setSilence(ctx, x, s); err != nil {
			return err
		}
	}
	for _, s := range c.Standings {
		if err := setStanding(ctx, x, s); err != nil {
			return err
		}
	}
	for _, e := range c.Events {
		if _, err := eventTable().insertOnce(ctx, x, &e); err != nil {
			return err
		}
	}
	for _, d := range c.Deliveries {
		if err := db.enqueue(ctx, x, d); err != nil {
			return err
		}
	}
	return nil
}

// enqueue adds a delivery and supersedes older ones.
func (db *DB) enqueue(ctx context.Context, x *tx, d barograph.Delivery) error {
	if ok, err := hasEndpoint(ctx, x, d.SubscriptionID, d.EndpointID); err != nil || !ok {
		return err
	}
	db.stamp(&d.CreatedAt)
	if d.LastTry != nil {
		try := storedAttempt(*d.LastTry)
		d.LastTry = &try
	}
	added, err := deliveryTable().insertOnce(ctx, x, &d)
	if err != nil || !added || d.Topic == "" {
		return err
	}
	return supersedeOlder(ctx, x, d)
}
