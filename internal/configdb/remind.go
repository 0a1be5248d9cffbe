package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// alertmanagerForgets is how often an Alertmanager has to be told of what lasts.
const alertmanagerForgets = time.Hour

// reminded is an endpoint that is to be reminded of what lasts.
type reminded struct {
	subscription barograph.Subscription
	endpoint     barograph.Endpoint
}

// reminder is one whose time has come.
type reminder struct {
	topic   string
	event   barograph.EventID
	last    int // the number of the last one; 0: the news itself
	toldAt  time.Time
	lasts   bool // what it reminds of
	blocked bool // by what waits to be sent, is held back, or was given up lately
	held    bool // by what is held back
}

// Remind adds deliveries that remind endpoints in service of open breaches that
// they were told of last as long ago as their subscription says, or longer: of
// none that was acknowledged, and of none of which anything waits to be sent. An
// Alertmanager is told again within the hour, and of open predictions too,
// acknowledged or not, since it takes what it hears no more of for over. Remind
// returns how many it added.
func (db *DB) Remind(ctx context.Context, now time.Time) (int, error) {
	subs, err := db.Subscriptions(ctx, barograph.Page{})
	if err != nil {
		return 0, err
	}
	total := 0
	for _, s := range subs {
		for _, e := range s.Endpoints {
			n, err := db.remind(ctx, reminded{s, e}, now)
			total += n
			if err != nil {
				return total, db.explain(fmt.Errorf("remind endpoint %s: %w", e.ID, err))
			}
		}
	}
	return total, nil
}

// remind looks at one batch after the other until all of one wait to be sent or
// were given up: then the endpoint takes nothing, and there is no use in looking
// further. What is held back says nothing of the endpoint.
func (db *DB) remind(ctx context.Context, to reminded, now time.Time) (added int, err error) {
	every := to.every()
	if every <= 0 || to.endpoint.Health.Disabled || !to.subscription.Enabled {
		return 0, nil
	}
	var last reminder
	for {
		some, err := to.due(ctx, db, now.Add(-every), last)
		if err != nil {
			return added, err
		}
		open := slices.ContainsFunc(some, func(r reminder) bool { return !r.blocked || r.held })
		if !open {
			return added, nil
		}
		n := 0
		err = db.write(ctx, func(x *tx) error {
			n, err = to.addAll(ctx, x, some, now)
			return err
		})
		if err != nil {
			return added, err
		}
		added += n
		if len(some) < batch {
			return added, nil
		}
		last = some[len(some)-1]
	}
}

// every returns how often the endpoint is reminded; 0: never.
func (to reminded) every() time.Duration {
	every := to.subscription.RepeatInterval.Std()
	if to.isAlertmanager() && (every <= 0 || every > alertmanagerForgets) {
		return alertmanagerForgets
	}
	return every
}

func (to reminded) isAlertmanager() bool { return to.endpoint.Kind == barograph.EndpointAlertmanager }

// due returns a batch of what the endpoint heard of last at the given time or
// before, after the one given.
func (to reminded) due(ctx context.Context, q querier, before time.Time, after reminder) ([]reminder, error) {
	return collect(ctx, q, func(rows *sql.Rows, r *reminder) error {
		return rows.Scan(&r.topic, &r.event, &r.last, instant{&r.toldAt}, &r.lasts, &r.blocked, &r.held)
	}, `SELECT k.topic, k.event_id, k.reminder, k.told_at,
			EXISTS (SELECT 1 FROM breaches b WHERE b.id = k.topic AND b.ended_at IS NULL)
			OR EXISTS (SELECT 1 FROM predictions p WHERE p.id = k.topic AND p.state = 'open'),
			EXISTS (
				SELECT 1 FROM deliveries d WHERE d.endpoint_id = k.endpoint_id AND d.topic = k.topic
				AND (d.state IN ('pending', 'held') OR d.state IN ('exhausted', 'expired') AND d.done_at > ?)),
			EXISTS (
				SELECT 1 FROM deliveries d WHERE d.endpoint_id = k.endpoint_id AND d.topic = k.topic AND d.state = 'held')
		FROM told k
		WHERE k.endpoint_id = ? AND k.reminds AND k.told_at <= ? AND (k.told_at, k.topic) > (?, ?)
		ORDER BY k.told_at, k.topic LIMIT ?`,
		instant{&before}, to.endpoint.ID, instant{&before}, after.toldAt.UnixMicro(), after.topic, batch)
}

func (to reminded) addAll(ctx context.Context, x *tx, some []reminder, now time.Time) (added int, err error) {
	for _, r := range some {
		ok := false
		switch {
		case !r.lasts:
			err = endReminders(ctx, x, r.topic)
		case !r.blocked:
			ok, err = to.add(ctx, x, r, now)
		}
		if err != nil {
			return 0, fmt.Errorf("of %s: %w", r.topic, err)
		}
		if ok {
			added++
		}
	}
	return added, nil
}

// add adds the reminder unless another server was faster. The next one is due no
// sooner than if this one went out now.
func (to reminded) add(ctx context.Context, x *tx, r reminder, now time.Time) (bool, error) {
	n, err := x.exec(ctx, `UPDATE told SET reminder = reminder + 1, told_at = ?
		WHERE topic = ? AND endpoint_id = ? AND event_id = ? AND reminder = ? AND reminds AND NOT EXISTS (
			SELECT 1 FROM deliveries d WHERE d.endpoint_id = told.endpoint_id AND d.topic = told.topic
			AND d.state IN ('pending', 'held'))`, instant{&now}, r.topic, to.endpoint.ID, r.event, r.last)
	if err != nil || n == 0 {
		return false, err
	}
	events, err := eventTable().query(ctx, x, " WHERE t.id = ?", r.event)
	if err != nil || len(events) == 0 || !to.subscription.Wants(events[0]) {
		return false, err // it was pruned, or they asked for something else meanwhile
	}
	d := barograph.Delivery{
		ID:      barograph.DeliveryID(barograph.NewID("dlv", now)),
		EventID: r.event, SubscriptionID: to.subscription.ID, EndpointID: to.endpoint.ID, Topic: r.topic,
		State: barograph.DeliveryPending, Reminder: r.last + 1, CreatedAt: now, NextTry: now,
	}
	if to.endpoint.Groups() {
		d.Group = barograph.ReminderGroup + to.subscription.Group(events[0])
	}
	return true, deliveryTable().insert(ctx, x, &d)
}
