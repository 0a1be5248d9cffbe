package configdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

func eventTable() table[barograph.Event] {
	return table[barograph.Event]{
		name: "events", noun: "event",
		columns: func(e *barograph.Event) []column {
			return []column{
				{"id", &e.ID},
				{"type", &e.Type},
				{"happened_at", instant{&e.Time}},
				{"severity_rank", derived{int64(e.Severity.Rank())}},
				{"rule_id", derived{ruleOf(e)}},
				{"host", derived{e.Labels.Get("host")}},
				{"body", jsonText{e}}, // all of the event: it comes last, so that it wins
			}
		},
	}
}

func ruleOf(e *barograph.Event) driver.Value {
	switch d := e.Data; {
	case d.Rule != nil:
		return string(d.Rule.ID)
	case d.Prediction != nil:
		return string(d.Prediction.RuleID)
	case d.Breach != nil:
		return string(d.Breach.RuleID)
	}
	return ""
}

// Events returns a page of the events that the filter chooses, newest first.
func (db *DB) Events(ctx context.Context, f barograph.EventFilter, p barograph.Page) ([]barograph.Event, error) {
	var where filter
	where.equal("t.rule_id", string(f.RuleID))
	where.equal("t.host", f.Host)
	if rank := f.MinSeverity.Rank(); rank > 0 {
		where.and("t.severity_rank >= " + strconv.Itoa(rank)) // not an argument: an index has the highest rank only
	}
	where.within("t.happened_at", f.From, f.To)
	if f.About != "" { // one table for all events has no column for each thing; rule, host and time make the rest few
		where.and("t.body LIKE ?", `%"id":"`+f.About+`"%`)
	}
	if len(f.Types) > 0 && !slices.Contains(f.Types, "*") {
		where.andTypes(typesMatching(f.Types), f.Host != "", p)
	}
	rest, args := where.newestFirst(p)
	events, err := eventTable().query(ctx, db, rest, args...)
	return events, db.explain(err)
}

// andTypes adds a condition on the type of events. Of types that are seldom the
// newest are looked up one type after the other: an index has each in the order of
// the identifiers, and all of them together in none. But most events are updates
// of predictions, which are met soon whatever the order; and a host has few.
func (f *filter) andTypes(types []any, ofHost bool, p barograph.Page) {
	if ofHost || p.Limit <= 0 || slices.Contains(types, any(string(barograph.EventPredictionUpdated))) {
		f.and("t.type || '' IN ("+marks(len(types))+")", types...)
		return
	}
	var newest []string
	var all []any
	for _, t := range types {
		one := filter{slices.Clone(f.conditions), slices.Clone(f.args)}
		one.and("t.type = ?", t)
		rest, args := one.newestFirst(p)
		newest = append(newest, "SELECT n.id FROM (SELECT t.id FROM events t"+rest+") n")
		all = append(all, args...)
	}
	*f = filter{}
	f.and("t.id IN ("+strings.Join(newest, " UNION ALL ")+")", all...)
}

// typesMatching returns the event types that match any of the patterns; it is
// never empty, as IN () is not portable.
func typesMatching(patterns []string) []any {
	types := []any{""}
	for _, t := range barograph.EventTypes() {
		if slices.ContainsFunc(patterns, func(p string) bool { return barograph.MatchEventType(p, t) }) {
			types = append(types, string(t))
		}
	}
	return types
}

// Event returns the event with the identifier.
func (db *DB) Event(ctx context.Context, id barograph.EventID) (barograph.Event, error) {
	return one(ctx, db, eventTable(), string(id))
}

// UnpublishedEvents returns events that are not marked as published, oldest first.
func (db *DB) UnpublishedEvents(ctx context.Context, limit int) ([]barograph.Event, error) {
	var where filter
	where.and("NOT t.published")
	rest, args := where.ascending(barograph.Page{Limit: limit})
	events, err := eventTable().query(ctx, db, rest, args...)
	return events, db.explain(err)
}

// MarkPublished notes that the bus has the events.
func (db *DB) MarkPublished(ctx context.Context, ids []barograph.EventID) error {
	if len(ids) == 0 {
		return nil
	}
	return db.write(ctx, func(x *tx) error {
		for _, id := range ids {
			if _, err := x.exec(ctx, "UPDATE events SET published = TRUE WHERE id = ?", id); err != nil {
				return fmt.Errorf("mark event %s as published: %w", id, err)
			}
		}
		return nil
	})
}

// Prune deletes published events that happened before the given time, with
// their deliveries, and returns how many. An event that still waits to be
// delivered to an endpoint in service is kept. Predictions and breaches stay.
func (db *DB) Prune(ctx context.Context, before time.Time) (int, error) {
	n, err := db.prune(ctx, "", before)
	if err != nil {
		return n, err
	}
	return n, db.writeWithin(ctx, longWork, func(x *tx) error { return forgetOld(ctx, x, before) })
}

// PruneType prunes events of one type only.
func (db *DB) PruneType(ctx context.Context, typ barograph.EventType, before time.Time) (int, error) {
	return db.prune(ctx, typ, before)
}

func (db *DB) prune(ctx context.Context, typ barograph.EventType, before time.Time) (int, error) {
	for pruned := 0; ; {
		n := 0
		err := db.writeWithin(ctx, longWork, func(x *tx) (err error) {
			n, err = pruneSome(ctx, x, typ, before)
			return err
		})
		pruned += n
		if err != nil || n < batch {
			return pruned, err
		}
	}
}

func pruneSome(ctx context.Context, x *tx, typ barograph.EventType, before time.Time) (int, error) {
	var where filter
	where.equal("e.type", string(typ))
	where.and("e.happened_at < ?", instant{&before})
	where.and(`e.published AND NOT EXISTS (
			SELECT 1 FROM deliveries d
			JOIN endpoints p ON p.id = d.endpoint_id
			JOIN subscriptions s ON s.id = d.subscription_id
			WHERE d.event_id = e.id AND d.state IN ('pending', 'held') AND s.enabled AND NOT p.disabled)`)
	rest, args := where.rest("e.happened_at", batch)
	n, err := x.exec(ctx, "DELETE FROM events WHERE id IN (SELECT e.id FROM events e"+rest+")", args...)
	if err != nil {
		return 0, fmt.Errorf("prune events: %w", err)
	}
	return n, nil
}
