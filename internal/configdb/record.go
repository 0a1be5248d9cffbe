package configdb

import (
	"context"
	"slices"

	"github.com/barograph/barograph"
)

// Record writes a change, all or nothing: predictions and breaches replace those
// with their identifiers, rules are demoted or restored, what was acknowledged is
// noted, events wait to be published, deliveries to be tried.
//
// A new delivery supersedes what waits for another try to the same endpoint
// about the same topic, and what is held back of it. Those of one group are
// planned so that few messages carry them. The end of what an endpoint was told
// of is never held. Recording the same again changes nothing: an event that is
// there already was addressed when it came, and its deliveries in the change are
// left out, whatever their identifiers; so are those to endpoints that do not
// exist any more.
func (db *DB) Record(ctx context.Context, c barograph.Change) error {
	return db.write(ctx, func(x *tx) error { return db.record(ctx, x, c) })
}

func (db *DB) record(ctx context.Context, x *tx, c barograph.Change) error {
	if err := db.recordState(ctx, x, c); err != nil {
		return err
	}
	old := map[barograph.EventID]bool{}
	for _, e := range c.Events {
		added, err := eventTable().insertOnce(ctx, x, &e)
		if err != nil {
			return err
		}
		if !added {
			old[e.ID] = true
		}
	}
	c.Deliveries = deliveriesOfOthers(c.Deliveries, old)
	if err := db.enqueue(ctx, x, c); err != nil {
		return err
	}
	return forgetClosed(ctx, x, c)
}

func (db *DB) recordState(ctx context.Context, x *tx, c barograph.Change) error {
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
		if err := setHostSilence(ctx, x, s); err != nil {
			return err
		}
	}
	for _, s := range c.Standings {
		if err := setStanding(ctx, x, s); err != nil {
			return err
		}
	}
	for _, a := range c.Acks {
		if err := db.acknowledge(ctx, x, a); err != nil {
			return err
		}
	}
	return nil
}

// deliveriesOfOthers returns the deliveries that are of none of the events.
func deliveriesOfOthers(ds []barograph.Delivery, events map[barograph.EventID]bool) []barograph.Delivery {
	if len(events) == 0 {
		return ds
	}
	return slices.DeleteFunc(slices.Clone(ds), func(d barograph.Delivery) bool { return events[d.EventID] })
}
