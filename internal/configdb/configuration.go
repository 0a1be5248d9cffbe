package configdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/barograph/barograph"
)

// Configuration returns all that people configure, as it is at one moment, with
// the hashes of keys and the secrets of endpoints.
func (db *DB) Configuration(ctx context.Context) (c barograph.Configuration, err error) {
	err = db.readWithin(ctx, longWork, func(x *tx) error {
		c, err = configuration(ctx, x)
		return err
	})
	return c, err
}

func configuration(ctx context.Context, x *tx) (c barograph.Configuration, err error) {
	const oldestFirst = " ORDER BY t.id"
	hosts, err := hostTable().query(ctx, x, oldestFirst)
	if err != nil {
		return c, err
	}
	tokens, err := tokenTable().query(ctx, x, oldestFirst)
	if err != nil {
		return c, err
	}
	keys, err := keyHashes(ctx, x)
	if err != nil {
		return c, err
	}
	for _, h := range hosts {
		c.Hosts = append(c.Hosts, barograph.KeyedHost{Host: h, Key: keys[string(h.ID)]})
	}
	for _, t := range tokens {
		c.Tokens = append(c.Tokens, barograph.KeyedToken{Token: t, Key: keys[string(t.ID)]})
	}
	if c.Checks, err = checkTable().query(ctx, x, oldestFirst); err != nil {
		return c, err
	}
	if c.Targets, err = targetTable().query(ctx, x, oldestFirst); err != nil {
		return c, err
	}
	if c.Rules, err = ruleTable().query(ctx, x, oldestFirst); err != nil {
		return c, err
	}
	if c.Silences, err = silenceTable().query(ctx, x, oldestFirst); err != nil {
		return c, err
	}
	if c.Subscriptions, err = subscriptionTable().query(ctx, x, oldestFirst); err != nil {
		return c, err
	}
	return c, addEndpoints(ctx, x, c.Subscriptions)
}

// keyHashes returns those of hosts and tokens by whose they are.
func keyHashes(ctx context.Context, x *tx) (map[string]barograph.KeyHash, error) {
	keys := map[string]barograph.KeyHash{}
	err := each(ctx, x, func(rows *sql.Rows) error {
		var id string
		var hash barograph.KeyHash
		err := rows.Scan(&id, keyHash{&hash})
		keys[id] = hash
		return err
	}, "SELECT id, key_hash FROM hosts UNION ALL SELECT id, key_hash FROM tokens")
	if err != nil {
		return nil, fmt.Errorf("read hashes of keys: %w", err)
	}
	return keys, nil
}

// Configure changes the configuration as a whole: all of it, or nothing. Plan
// makes the change from what Configuration returns in the same transaction.
func (db *DB) Configure(ctx context.Context, plan func(barograph.Configuration) (barograph.ConfigurationChange, error)) error {
	return db.writeWithin(ctx, longWork, func(x *tx) error {
		is, err := configuration(ctx, x)
		if err != nil {
			return err
		}
		change, err := plan(is)
		if err != nil {
			return err
		}
		if err := db.drop(ctx, x, change.Drop); err != nil {
			return err
		}
		if err := db.put(ctx, x, is, change.Put); err != nil {
			return err
		}
		if change.Note.Kind == "" {
			return nil
		}
		return db.audit(ctx, x, change.Note)
	})
}

func (db *DB) drop(ctx context.Context, x *tx, gone barograph.Configuration) error {
	for _, h := range gone.Hosts {
		if err := hostTable().delete(ctx, x, string(h.ID)); err != nil {
			return err
		}
	}
	for _, c := range gone.Checks {
		if err := checkTable().delete(ctx, x, string(c.ID)); err != nil {
			return err
		}
	}
	for _, t := range gone.Targets {
		if err := targetTable().delete(ctx, x, string(t.ID)); err != nil {
			return err
		}
	}
	for _, r := range gone.Rules {
		if err := ruleTable().delete(ctx, x, string(r.ID)); err != nil {
			return err
		}
	}
	for _, s := range gone.Subscriptions {
		if err := subscriptionTable().delete(ctx, x, string(s.ID)); err != nil {
			return err
		}
		if err := db.audit(ctx, x, subscriptionEntry(actionDeleted, &s, nil)); err != nil {
			return err
		}
	}
	for _, s := range gone.Silences {
		if err := silenceTable().delete(ctx, x, string(s.ID)); err != nil {
			return err
		}
		if err := db.audit(ctx, x, silenceEntry(actionDeleted, &s, nil)); err != nil {
			return err
		}
	}
	for _, t := range gone.Tokens {
		if err := tokenTable().delete(ctx, x, string(t.ID)); err != nil {
			return err
		}
	}
	return nil
}

// known returns what is there by its identifier.
func known[T any](all []T, id func(T) string) map[string]T {
	byID := make(map[string]T, len(all))
	for _, v := range all {
		byID[id(v)] = v
	}
	return byID
}

func (db *DB) put(ctx context.Context, x *tx, is, put barograph.Configuration) error {
	hosts := known(is.Hosts, func(h barograph.KeyedHost) string { return string(h.ID) })
	for _, h := range put.Hosts {
		if err := db.putHost(ctx, x, hosts, h); err != nil {
			return err
		}
	}
	checks := known(is.Checks, func(c barograph.Check) string { return string(c.ID) })
	for _, c := range put.Checks {
		old, there := checks[string(c.ID)]
		c.CreatedAt = old.CreatedAt
		db.stamp(&c.CreatedAt, &c.UpdatedAt)
		if err := insertOrSet(ctx, x, checkTable(), there, string(c.ID), &c); err != nil {
			return err
		}
	}
	targets := known(is.Targets, func(t barograph.Target) string { return string(t.ID) })
	for _, t := range put.Targets {
		old, there := targets[string(t.ID)]
		t.CreatedAt = old.CreatedAt
		db.stamp(&t.CreatedAt, &t.UpdatedAt)
		if err := insertOrSet(ctx, x, targetTable(), there, string(t.ID), &t); err != nil {
			return err
		}
	}
	rules := known(is.Rules, func(r barograph.Rule) string { return string(r.ID) })
	for _, r := range put.Rules {
		old, there := rules[string(r.ID)]
		r.CreatedAt, r.RestoredAt, r.Demoted, r.JudgedSince = old.CreatedAt, old.RestoredAt, old.Demoted, old.JudgedSince
		db.stamp(&r.CreatedAt, &r.UpdatedAt)
		if there && !r.SameJudgement(old) {
			r.JudgedSince = r.UpdatedAt
		}
		if err := insertOrSet(ctx, x, ruleTable(), there, string(r.ID), &r); err != nil {
			return err
		}
	}
	return db.putNews(ctx, x, is, put)
}

// putNews puts what people are told by, and who may ask.
func (db *DB) putNews(ctx context.Context, x *tx, is, put barograph.Configuration) error {
	subscriptions := known(is.Subscriptions, func(s barograph.Subscription) string { return string(s.ID) })
	for _, s := range put.Subscriptions {
		if err := db.putSubscription(ctx, x, subscriptions, s); err != nil {
			return err
		}
	}
	silences := known(is.Silences, func(s barograph.Silence) string { return string(s.ID) })
	for _, s := range put.Silences {
		if err := db.putSilence(ctx, x, silences, s); err != nil {
			return err
		}
	}
	tokens := known(is.Tokens, func(t barograph.KeyedToken) string { return string(t.ID) })
	for _, t := range put.Tokens {
		old, there := tokens[string(t.ID)]
		t.CreatedAt, t.LastUsed = old.CreatedAt, old.LastUsed
		db.stamp(&t.CreatedAt)
		if err := insertOrSet(ctx, x, tokenTable(), there, string(t.ID), &t.Token, column{"key_hash", keyHash{&t.Key}}); err != nil {
			return err
		}
	}
	return nil
}

// insertOrSet adds a row, or replaces the one that is there.
func insertOrSet[T any](ctx context.Context, x *tx, t table[T], there bool, id string, v *T, further ...column) error {
	if there {
		return t.set(ctx, x, id, append(t.columns(v), further...)...)
	}
	return t.insert(ctx, x, v, further...)
}

func (db *DB) putHost(ctx context.Context, x *tx, is map[string]barograph.KeyedHost, h barograph.KeyedHost) error {
	old, there := is[string(h.ID)]
	h.CreatedAt, h.LastSeen, h.SilentSince, h.Statuses = old.CreatedAt, old.LastSeen, old.SilentSince, storedStatuses(old.Statuses)
	db.stamp(&h.CreatedAt)
	return insertOrSet(ctx, x, hostTable(), there, string(h.ID), &h.Host, column{"key_hash", keyHash{&h.Key}})
}

func (db *DB) putSubscription(ctx context.Context, x *tx, is map[string]barograph.Subscription, s barograph.Subscription) error {
	if old, there := is[string(s.ID)]; there {
		return db.replaceSubscription(ctx, x, s, old)
	}
	s.CreatedAt = db.clock.Now()
	s.UpdatedAt = s.CreatedAt
	if err := subscriptionTable().insert(ctx, x, &s); err != nil {
		return err
	}
	if err := insertEndpoints(ctx, x, s); err != nil {
		return err
	}
	now, err := subscriptionByID(ctx, x, s.ID)
	if err != nil {
		return err
	}
	return db.audit(ctx, x, subscriptionEntry(actionCreated, nil, &now))
}

func insertEndpoints(ctx context.Context, x *tx, s barograph.Subscription) error {
	for i, e := range s.Endpoints {
		if err := insertEndpoint(ctx, x, s.ID, i, e); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) putSilence(ctx context.Context, x *tx, is map[string]barograph.Silence, s barograph.Silence) error {
	old, there := is[string(s.ID)]
	s.CreatedAt = old.CreatedAt
	db.stamp(&s.CreatedAt, &s.UpdatedAt)
	if err := insertOrSet(ctx, x, silenceTable(), there, string(s.ID), &s); err != nil {
		return err
	}
	if !there {
		return db.audit(ctx, x, silenceEntry(actionCreated, nil, &s))
	}
	if s.Matchers.String() != old.Matchers.String() {
		if err := letGo(ctx, x, s.Hold()); err != nil {
			return err
		}
	}
	return db.audit(ctx, x, silenceEntry(actionChanged, &old, &s))
}
