package configdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/barograph/barograph"
)

func ackColumns(a *barograph.Ack) []column {
	return []column{
		{"topic", &a.Topic},
		{"acked_at", instant{&a.At}},
		{"acked_by", &a.By},
		{"comment", &a.Comment},
	}
}

// acknowledge notes that somebody took a prediction or breach on. Again, or of
// what does not exist, it does nothing.
func (db *DB) acknowledge(ctx context.Context, x *tx, a barograph.Ack) error {
	entry, err := ackEntry(ctx, x, a)
	if err != nil || entry.Kind == "" {
		return err
	}
	columns := ackColumns(&a)
	n, err := x.exec(ctx, "INSERT INTO acknowledgements (topic, acked_at, acked_by, comment) VALUES ("+marks(len(columns))+
		") ON CONFLICT (topic) DO NOTHING", values(columns)...)
	if err != nil {
		return fmt.Errorf("acknowledge %s: %w", a.Topic, err)
	}
	if n == 0 {
		return nil
	}
	_, err = x.exec(ctx, `UPDATE told SET reminds = FALSE WHERE topic = ? AND reminds
		AND endpoint_id NOT IN (SELECT e.id FROM endpoints e WHERE e.kind = 'alertmanager')`, a.Topic)
	if err != nil {
		return fmt.Errorf("end reminders of %s: %w", a.Topic, err)
	}
	_, err = x.exec(ctx, `UPDATE deliveries SET state = 'superseded', done_at = ?, next_try = NULL, held_by = ''
		WHERE topic = ? AND state IN ('pending', 'held') AND reminder > 0
		AND endpoint_id IN (SELECT e.id FROM endpoints e WHERE e.kind <> 'alertmanager')`, instant{&a.At}, a.Topic)
	if err != nil {
		return fmt.Errorf("end reminders of %s that wait: %w", a.Topic, err)
	}
	return db.audit(ctx, x, entry)
}

func ackEntry(ctx context.Context, x *tx, a barograph.Ack) (e barograph.AuditEntry, err error) {
	err = each(ctx, x, func(rows *sql.Rows) error { return rows.Scan(&e.Kind, &e.Name) },
		`SELECT 'prediction', p.rule_name FROM predictions p WHERE p.id = ?
		UNION ALL SELECT 'breach', b.rule_name FROM breaches b WHERE b.id = ?`, a.Topic, a.Topic)
	if err != nil {
		return e, fmt.Errorf("look for %s: %w", a.Topic, err)
	}
	e.At, e.By, e.Action, e.Subject, e.After = a.At, a.By, actionAcknowledged, a.Topic, a.Acknowledgement
	if by := actor(ctx); by != "" {
		e.By = by
	}
	return e, nil
}

// acknowledgements returns those of topics from first to last by their identifiers.
func acknowledgements(ctx context.Context, x *tx, first, last string) (map[string]*barograph.Acknowledgement, error) {
	found, err := collect(ctx, x, func(rows *sql.Rows, a *barograph.Ack) error {
		return rows.Scan(values(ackColumns(a))...)
	}, "SELECT topic, acked_at, acked_by, comment FROM acknowledgements WHERE topic BETWEEN ? AND ?", first, last)
	if err != nil {
		return nil, fmt.Errorf("read acknowledgements: %w", err)
	}
	acks := make(map[string]*barograph.Acknowledgement, len(found))
	for _, a := range found {
		acks[a.Topic] = &a.Acknowledgement
	}
	return acks, nil
}

// withAcks reads what may have been acknowledged, in the order of its
// identifiers or against it, and sets by whom it was.
func withAcks[T any](ctx context.Context, db *DB, read func(*tx) ([]T, error), parts func(*T) (id string, ack **barograph.Acknowledgement)) (all []T, err error) {
	err = db.read(ctx, func(x *tx) error {
		if all, err = read(x); err != nil || len(all) == 0 {
			return err
		}
		first, _ := parts(&all[0])
		last, _ := parts(&all[len(all)-1])
		acks, err := acknowledgements(ctx, x, min(first, last), max(first, last))
		for i := range all {
			id, ack := parts(&all[i])
			*ack = acks[id]
		}
		return err
	})
	return all, err
}
