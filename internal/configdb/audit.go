package configdb

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// What was done, in the words of the audit log.
const (
	actionCreated      = "created"
	actionChanged      = "changed"
	actionDeleted      = "deleted"
	actionPaused       = "paused"
	actionResumed      = "resumed"
	actionRotated      = "secret rotated"
	actionEnabled      = "enabled"
	actionDisabled     = "disabled"
	actionAcknowledged = "acknowledged"
)

func auditTable() table[barograph.AuditEntry] {
	return table[barograph.AuditEntry]{
		name: "audit", noun: "audit entry",
		columns: func(e *barograph.AuditEntry) []column {
			return []column{
				{"id", &e.ID},
				{"noted_at", instant{&e.At}},
				{"actor", &e.By},
				{"action", &e.Action},
				{"kind", &e.Kind},
				{"subject", &e.Subject},
				{"name", &e.Name},
				{"before_state", snapshot{&e.Before}},
				{"after_state", snapshot{&e.After}},
			}
		},
	}
}

// snapshot is a thing as JSON. It is read as such, since it may be of a form that
// the thing has no more.
type snapshot struct{ thing *any }

var _ binding = snapshot{}

// Value returns the JSON.
func (s snapshot) Value() (driver.Value, error) { return jsonText{s.thing}.Value() }

// Scan sets the thing to its json.RawMessage, or nil if there was none.
func (s snapshot) Scan(src any) error {
	text, err := textOf(src)
	if err != nil {
		return err
	}
	*s.thing = nil
	if string(text) != "null" {
		*s.thing = json.RawMessage(bytes.Clone(text))
	}
	return nil
}

// Audit returns a page of what people changed, newest first. Before and After of
// an entry are json.RawMessage, or nil.
func (db *DB) Audit(ctx context.Context, f barograph.AuditFilter, p barograph.Page) ([]barograph.AuditEntry, error) {
	var where filter
	where.equal("t.kind", f.Kind)
	where.equal("t.subject", f.Subject)
	where.within("t.noted_at", f.From, f.To)
	rest, args := where.newestFirst(p)
	entries, err := auditTable().query(ctx, db, rest, args...)
	return entries, db.explain(err)
}

// NoteAudit adds an entry about what is not a change of the database. Its ID, and
// when and who, if they are empty, are set.
func (db *DB) NoteAudit(ctx context.Context, e barograph.AuditEntry) error {
	return db.write(ctx, func(x *tx) error { return db.audit(ctx, x, e) })
}

// audit adds an entry to the transaction that makes the change.
func (db *DB) audit(ctx context.Context, x *tx, e barograph.AuditEntry) error {
	db.stamp(&e.At)
	e.ID = db.auditIDs.next("aud", db.clock.Now())
	if e.By == "" {
		e.By = actor(ctx)
	}
	return auditTable().insert(ctx, x, &e)
}

// actor returns who makes the change; "" is Barograph itself.
func actor(ctx context.Context) string {
	id, _ := barograph.IdentityFrom(ctx)
	return id.Name
}

// sequence makes identifiers that sort in the order in which they were made.
type sequence struct {
	mu   sync.Mutex
	last time.Time
}

func (s *sequence) next(prefix string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = now.Truncate(time.Millisecond)
	if !now.After(s.last) {
		now = s.last.Add(time.Millisecond)
	}
	s.last = now
	return barograph.NewID(prefix, now)
}

func subscriptionEntry(action string, before, after *barograph.Subscription) barograph.AuditEntry {
	e := barograph.AuditEntry{Action: action, Kind: "subscription", Before: thing(before), After: thing(after)}
	for _, s := range []*barograph.Subscription{before, after} {
		if s != nil {
			e.Subject, e.Name = string(s.ID), s.Name
		}
	}
	return e
}

func endpointEntry(action string, s barograph.Subscription, before, after *barograph.Endpoint) barograph.AuditEntry {
	return barograph.AuditEntry{
		Action: action, Kind: "endpoint", Subject: string(after.ID), Name: s.Name, Before: thing(before), After: thing(after),
	}
}

func silenceEntry(action string, before, after *barograph.Silence) barograph.AuditEntry {
	e := barograph.AuditEntry{Action: action, Kind: "silence", Before: thing(before), After: thing(after)}
	for _, s := range []*barograph.Silence{before, after} {
		if s != nil {
			e.Subject, e.Name = string(s.ID), s.Matchers.String()
		}
	}
	return e
}

// thing returns nil, and not a nil pointer, if there is none.
func thing[T any](v *T) any {
	if v == nil {
		return nil
	}
	return v
}
