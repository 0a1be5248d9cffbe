package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

func hostTable() table[barograph.Host] {
	return table[barograph.Host]{
		name: "hosts", noun: "host", watched: true,
		columns: func(h *barograph.Host) []column {
			return []column{
				{"id", &h.ID},
				{"name", &h.Name},
				{"labels", jsonText{&h.Labels}},
				{"created_at", instant{&h.CreatedAt}},
				{"last_seen", instant{&h.LastSeen}},
				{"silent_since", instant{&h.SilentSince}},
				{"check_statuses", jsonText{&h.Statuses}},
			}
		},
	}
}

// Hosts returns a page of hosts.
func (db *DB) Hosts(ctx context.Context, p barograph.Page) ([]barograph.Host, error) {
	return page(ctx, db, hostTable(), p)
}

// Host returns the host with the identifier.
func (db *DB) Host(ctx context.Context, id barograph.HostID) (barograph.Host, error) {
	return one(ctx, db, hostTable(), string(id))
}

// SilentHosts returns the hosts that are silent, those for longest first and at
// most so many of them, and how many there are.
func (db *DB) SilentHosts(ctx context.Context, limit int) (found []barograph.Host, all int, err error) {
	err = db.read(ctx, func(x *tx) error {
		counted, err := collect(ctx, x, func(rows *sql.Rows, n *int) error { return rows.Scan(n) },
			"SELECT COUNT(*) FROM hosts WHERE silent_since IS NOT NULL")
		if err != nil {
			return fmt.Errorf("count silent hosts: %w", err)
		}
		if all = counted[0]; all == 0 {
			return nil
		}
		var where filter
		where.and("t.silent_since IS NOT NULL")
		rest, args := where.rest("t.silent_since, t.id", limit)
		found, err = hostTable().query(ctx, x, rest, args...)
		return err
	})
	return found, all, err
}

// HostByName returns the host of that name.
func (db *DB) HostByName(ctx context.Context, name string) (barograph.Host, error) {
	h, err := hostTable().get(ctx, db, "name", name, "name "+clip(name))
	return h, db.explain(err)
}

// HostByKey returns the host whose agent has the key.
func (db *DB) HostByKey(ctx context.Context, key barograph.KeyHash) (barograph.Host, error) {
	h, err := hostTable().get(ctx, db, "key_hash", keyHash{&key}, "this key")
	return h, db.explain(err)
}

// CreateHost adds a host. The zero key is no key: no agent may speak for the host.
func (db *DB) CreateHost(ctx context.Context, h barograph.Host, key barograph.KeyHash) error {
	db.stamp(&h.CreatedAt)
	h.Statuses = storedStatuses(h.Statuses)
	return create(ctx, db, hostTable(), &h, column{"key_hash", keyHash{&key}})
}

// UpdateHost sets the host's name and labels. All else about a host is not for
// people to change. Nothing happens if only refuses what it is by now.
func (db *DB) UpdateHost(ctx context.Context, h barograph.Host, only ...func(now barograph.Host) error) error {
	return db.write(ctx, func(x *tx) error {
		t := hostTable()
		old, err := t.byID(ctx, x, string(h.ID))
		if err != nil {
			return err
		}
		if err := agreed(only, old); err != nil {
			return err
		}
		return t.set(ctx, x, string(h.ID), column{"name", &h.Name}, column{"labels", jsonText{&h.Labels}})
	})
}

// DeleteHost removes the host. Its history stays.
func (db *DB) DeleteHost(ctx context.Context, id barograph.HostID) error {
	return remove(ctx, db, hostTable(), string(id))
}

// SetHostKey replaces the key of the host's agent; the old one is void at once.
func (db *DB) SetHostKey(ctx context.Context, id barograph.HostID, key barograph.KeyHash) error {
	return db.setHost(ctx, id, column{"key_hash", keyHash{&key}})
}

func (db *DB) setHost(ctx context.Context, id barograph.HostID, columns ...column) error {
	return db.write(ctx, func(x *tx) error { return hostTable().set(ctx, x, string(id), columns...) })
}

// MarkSeen notes when hosts were last seen. An earlier time than the one known
// and a host that does not exist are ignored.
func (db *DB) MarkSeen(ctx context.Context, seen map[barograph.HostID]time.Time) error {
	if len(seen) == 0 {
		return nil
	}
	return db.write(ctx, func(x *tx) error {
		for id, at := range seen {
			_, err := x.exec(ctx, "UPDATE hosts SET last_seen = ? WHERE id = ? AND COALESCE(last_seen, 0) < ?",
				instant{&at}, id, instant{&at})
			if err != nil {
				return fmt.Errorf("mark host %s as seen: %w", id, err)
			}
		}
		return nil
	})
}

// SetCheckStatuses replaces what the host's agent says about its checks. Saying
// the same again costs no write.
func (db *DB) SetCheckStatuses(ctx context.Context, id barograph.HostID, statuses []barograph.CheckStatus) error {
	statuses = storedStatuses(statuses)
	h, err := db.Host(ctx, id)
	if err != nil || sameStatuses(h.Statuses, statuses) {
		return err
	}
	return db.setHost(ctx, id, column{"check_statuses", jsonText{&statuses}})
}

func storedStatuses(statuses []barograph.CheckStatus) []barograph.CheckStatus {
	out := make([]barograph.CheckStatus, len(statuses))
	for i, s := range statuses {
		s.Since = stored(s.Since)
		out[i] = s
	}
	return out
}

func sameStatuses(a, b []barograph.CheckStatus) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		since := a[i].Since.Equal(b[i].Since)
		a, b := a[i], b[i]
		a.Since, b.Since = time.Time{}, time.Time{}
		if !since || a != b {
			return false
		}
	}
	return true
}

// setHostSilence notes since when a host is silent; one that does not exist any
// more is ignored.
func setHostSilence(ctx context.Context, x *tx, s barograph.HostSilence) error {
	err := hostTable().set(ctx, x, string(s.HostID), column{"silent_since", instant{&s.Since}})
	if barograph.KindOf(err) == barograph.KindNotFound {
		return nil
	}
	return err
}
