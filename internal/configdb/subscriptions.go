package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

func subscriptionTable() table[barograph.Subscription] {
	return table[barograph.Subscription]{
		name: "subscriptions", noun: "subscription", watched: true,
		columns: func(s *barograph.Subscription) []column {
			return []column{
				{"id", &s.ID},
				{"name", &s.Name},
				{"event_types", jsonText{&s.EventTypes}},
				{"matchers", plainText{&s.Matchers}},
				{"min_severity", &s.MinSeverity},
				{"min_probability", &s.MinProbability},
				{"only_kind", &s.Only},
				{"max_eta_ns", &s.MaxETA},
				{"group_by", jsonText{&s.GroupBy}},
				{"group_wait_ns", &s.GroupWait},
				{"group_interval_ns", &s.GroupInterval},
				{"repeat_interval_ns", &s.RepeatInterval},
				{"sms_daily_budget", &s.SMSDailyBudget},
				{"sms_overflow_to", jsonText{&s.SMSOverflowTo}},
				{"enabled", &s.Enabled},
				{"created_at", instant{&s.CreatedAt}},
				{"updated_at", instant{&s.UpdatedAt}},
			}
		},
	}
}

// Subscriptions returns a page of subscriptions with their endpoints.
func (db *DB) Subscriptions(ctx context.Context, p barograph.Page) (subs []barograph.Subscription, err error) {
	rest, args := new(filter).ascending(p)
	err = db.read(ctx, func(x *tx) error {
		if subs, err = subscriptionTable().query(ctx, x, rest, args...); err != nil {
			return err
		}
		return addEndpoints(ctx, x, subs)
	})
	return subs, err
}

// Subscription returns the subscription with the identifier.
func (db *DB) Subscription(ctx context.Context, id barograph.SubscriptionID) (s barograph.Subscription, err error) {
	err = db.read(ctx, func(x *tx) error {
		s, err = subscriptionByID(ctx, x, id)
		return err
	})
	return s, err
}

func subscriptionByID(ctx context.Context, x *tx, id barograph.SubscriptionID) (barograph.Subscription, error) {
	s, err := subscriptionTable().byID(ctx, x, string(id))
	if err != nil {
		return s, err
	}
	one := []barograph.Subscription{s}
	err = addEndpoints(ctx, x, one)
	return one[0], err
}

// addEndpoints sets the endpoints of subscriptions that are sorted by identifier.
func addEndpoints(ctx context.Context, x *tx, subs []barograph.Subscription) error {
	if len(subs) == 0 {
		return nil
	}
	byID := make(map[barograph.SubscriptionID]*barograph.Subscription, len(subs))
	for i := range subs {
		subs[i].Endpoints = []barograph.Endpoint{}
		byID[subs[i].ID] = &subs[i]
	}
	err := each(ctx, x, func(rows *sql.Rows) error {
		var id barograph.SubscriptionID
		var e barograph.Endpoint
		err := rows.Scan(append([]any{&id}, values(endpointTable().columns(&e))...)...)
		if s := byID[id]; s != nil {
			s.Endpoints = append(s.Endpoints, e)
		}
		return err
	}, "SELECT e.subscription_id, "+endpointTable().list("e")+" FROM endpoints e "+
		"WHERE e.subscription_id BETWEEN ? AND ? ORDER BY e.subscription_id, e.position",
		subs[0].ID, subs[len(subs)-1].ID)
	if err != nil {
		return fmt.Errorf("read endpoints: %w", err)
	}
	return nil
}

// CreateSubscription adds a subscription with its endpoints.
func (db *DB) CreateSubscription(ctx context.Context, s barograph.Subscription) error {
	db.stamp(&s.CreatedAt, &s.UpdatedAt)
	return db.write(ctx, func(x *tx) error {
		if err := subscriptionTable().insert(ctx, x, &s); err != nil {
			return err
		}
		for i, e := range s.Endpoints {
			if err := insertEndpoint(ctx, x, s.ID, i, e); err != nil {
				return err
			}
		}
		return db.audit(ctx, x, subscriptionEntry(actionCreated, nil, &s))
	})
}

// UpdateSubscription replaces all of a subscription but when it was created.
// UpdatedAt is that of the subscription as it was read: if it was changed since,
// nothing happens, and the error is of KindConflict. Zero stands for whatever it
// is by now.
//
// An endpoint that was there before, by its identifier, keeps its health, and its
// secrets too if none is given and it may inherit them. What waits for an endpoint
// that is there no more ends as exhausted.
func (db *DB) UpdateSubscription(ctx context.Context, s barograph.Subscription) error {
	return db.write(ctx, func(x *tx) error {
		old, err := subscriptionByID(ctx, x, s.ID)
		if err != nil {
			return err
		}
		if !s.UpdatedAt.IsZero() && !stored(s.UpdatedAt).Equal(old.UpdatedAt) {
			return barograph.Errorf(barograph.KindConflict, "subscription %q was changed meanwhile: read it again", old.Name)
		}
		return db.replaceSubscription(ctx, x, s, old)
	})
}

// replaceSubscription puts s, with its endpoints, in the place of old.
func (db *DB) replaceSubscription(ctx context.Context, x *tx, s, old barograph.Subscription) error {
	s.CreatedAt, s.UpdatedAt = old.CreatedAt, db.nextUpdate(old)
	t := subscriptionTable()
	if err := t.set(ctx, x, string(s.ID), t.columns(&s)...); err != nil {
		return err
	}
	if err := replaceEndpoints(ctx, x, s, old.Endpoints, db.clock.Now()); err != nil {
		return err
	}
	now, err := subscriptionByID(ctx, x, s.ID)
	if err != nil {
		return err
	}
	return db.audit(ctx, x, subscriptionEntry(changeOf(old, now), &old, &now))
}

// SetSubscriptionEnabled pauses or resumes the subscription, and leaves all else
// as it is. One that is so already is not changed.
func (db *DB) SetSubscriptionEnabled(ctx context.Context, id barograph.SubscriptionID, enabled bool) error {
	return db.write(ctx, func(x *tx) error {
		old, err := subscriptionByID(ctx, x, id)
		if err != nil || old.Enabled == enabled {
			return err
		}
		now := old
		now.Enabled, now.UpdatedAt = enabled, db.nextUpdate(old)
		err = subscriptionTable().set(ctx, x, string(id), column{"enabled", &now.Enabled}, column{"updated_at", instant{&now.UpdatedAt}})
		if err != nil {
			return err
		}
		return db.audit(ctx, x, subscriptionEntry(changeOf(old, now), &old, &now))
	})
}

// nextUpdate returns when a subscription is updated: now, but later than it was
// before, even if the clock stands still or was set back, since it tells whether
// the subscription changed.
func (db *DB) nextUpdate(s barograph.Subscription) time.Time {
	now := stored(db.clock.Now()).Truncate(time.Millisecond)
	if now.After(s.UpdatedAt) {
		return now
	}
	return s.UpdatedAt.Add(time.Millisecond)
}

// changeOf returns what was done, in the words of the audit log.
func changeOf(old, now barograph.Subscription) string {
	switch {
	case old.Enabled && !now.Enabled:
		return actionPaused
	case !old.Enabled && now.Enabled:
		return actionResumed
	}
	return actionChanged
}

// ungroup lets what waits for an endpoint go out one by one from now on, if that
// does not take several events in one message any more.
func ungroup(ctx context.Context, x *tx, before, now barograph.Endpoint) error {
	if now.Groups() || !before.Groups() {
		return nil
	}
	_, err := x.exec(ctx, "UPDATE deliveries SET group_name = '', message_id = '' WHERE endpoint_id = ? AND state IN ('pending', 'held')", now.ID)
	if err != nil {
		return fmt.Errorf("ungroup what waits for endpoint %s: %w", now.ID, err)
	}
	return nil
}

func replaceEndpoints(ctx context.Context, x *tx, s barograph.Subscription, old []barograph.Endpoint, now time.Time) error {
	gone := make(map[barograph.EndpointID]barograph.Endpoint, len(old))
	for _, e := range old {
		gone[e.ID] = e
	}
	for i, e := range s.Endpoints {
		before, known := gone[e.ID]
		if !known {
			if err := insertEndpoint(ctx, x, s.ID, i, e); err != nil {
				return err
			}
			continue
		}
		delete(gone, e.ID)
		e.Health = before.Health
		if err := keepSecrets(&e, before); err != nil {
			return err
		}
		if err := updateEndpoint(ctx, x, i, e); err != nil {
			return err
		}
		if err := ungroup(ctx, x, before, e); err != nil {
			return err
		}
	}
	for id := range gone {
		if err := deleteEndpoint(ctx, x, id, now); err != nil {
			return err
		}
	}
	return nil
}

// keepSecrets lets the endpoint have the secrets of the one before, unless
// another one is given.
func keepSecrets(e *barograph.Endpoint, before barograph.Endpoint) error {
	switch {
	case e.Secret == before.Secret:
	case e.Secret != "":
		return nil
	case !e.MayInherit(before):
		return barograph.Errorf(barograph.KindConflict, "endpoint %s leads elsewhere than the one that its secret is for: give the secret again", e.ID)
	}
	e.Secret, e.PreviousSecret, e.PreviousSecretUntil = before.Secret, before.PreviousSecret, before.PreviousSecretUntil
	return nil
}

// DeleteSubscription removes the subscription, its endpoints and all deliveries
// to them.
func (db *DB) DeleteSubscription(ctx context.Context, id barograph.SubscriptionID) error {
	return db.write(ctx, func(x *tx) error {
		old, err := subscriptionByID(ctx, x, id)
		if err != nil {
			return err
		}
		if err := subscriptionTable().delete(ctx, x, string(id)); err != nil {
			return err
		}
		return db.audit(ctx, x, subscriptionEntry(actionDeleted, &old, nil))
	})
}
