package configdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// What endpoints know: of each topic that an endpoint was told of and not yet
// told the end of, the last event, in the table told. It decides whether the end
// may be held back, and what there is to remind of.

// noteTold takes note that the endpoint got the delivery at that time.
func noteTold(ctx context.Context, x *tx, d barograph.Delivery, typ barograph.EventType, at time.Time) error {
	if d.Topic == "" {
		return nil
	}
	if typ.Ends() {
		_, err := x.exec(ctx, "DELETE FROM told WHERE topic = ? AND endpoint_id = ? AND event_id <= ?", d.Topic, d.EndpointID, d.EventID)
		if err != nil {
			return fmt.Errorf("note that endpoint %s was told the end of %s: %w", d.EndpointID, d.Topic, err)
		}
		return nil
	}
	reminds, args := isReminded(d.Topic, typ)
	args = append([]any{d.Topic, d.EventID, d.Reminder, instant{&at}}, append(args, d.EndpointID)...)
	// The endpoint may have been removed meanwhile.
	_, err := x.exec(ctx, `INSERT INTO told (topic, endpoint_id, event_id, reminder, told_at, reminds)
		SELECT ?, e.id, ?, ?, ?, `+reminds+` FROM endpoints e WHERE e.id = ?
		ON CONFLICT (topic, endpoint_id) DO UPDATE
		SET event_id = excluded.event_id, reminder = excluded.reminder, told_at = excluded.told_at, reminds = excluded.reminds
		WHERE told.event_id <= excluded.event_id`, args...)
	if err != nil {
		return fmt.Errorf("note what endpoint %s was told of %s: %w", d.EndpointID, d.Topic, err)
	}
	return nil
}

// isReminded returns the condition under which an endpoint e that was told of
// the topic by an event of the type is to be reminded of it, and its arguments. A
// person is of a breach that nobody took on; an Alertmanager of all that lasts.
func isReminded(topic string, typ barograph.EventType) (condition string, args []any) {
	switch group, _, _ := strings.Cut(string(typ), "."); group {
	case "breach":
		return "e.kind = 'alertmanager' OR NOT EXISTS (SELECT 1 FROM acknowledgements a WHERE a.topic = ?)", []any{topic}
	case "prediction":
		return "e.kind = 'alertmanager'", nil
	}
	return "FALSE", nil
}

// wasTold reports whether the endpoint knows of the delivery's topic, or may do:
// a try that failed may have reached it.
func wasTold(ctx context.Context, x *tx, d barograph.Delivery) (bool, error) {
	told, err := x.any(ctx, `SELECT 1 FROM told WHERE topic = ? AND endpoint_id = ?
		UNION ALL SELECT 1 FROM deliveries WHERE endpoint_id = ? AND topic = ? AND id <> ?
		AND state IN ('pending', 'held') AND (attempts > 0 OR message_id <> '')`,
		d.Topic, d.EndpointID, d.EndpointID, d.Topic, d.ID)
	if err != nil {
		return false, fmt.Errorf("look for what endpoint %s was told of %s: %w", d.EndpointID, d.Topic, err)
	}
	return told, nil
}

// closing is when a prediction or breach closed.
type closing struct {
	topic string
	at    time.Time
}

func closings(c barograph.Change) (closed []closing) {
	for _, p := range c.Predictions {
		if p.State != barograph.PredictionOpen {
			closed = append(closed, closing{string(p.ID), p.ClosedAt})
		}
	}
	for _, b := range c.Breaches {
		if !b.EndedAt.IsZero() {
			closed = append(closed, closing{string(b.ID), b.EndedAt})
		}
	}
	return closed
}

// forgetClosed ends the reminders of predictions and breaches that the change
// closes, and forgets what was told of them where the end is told to nobody.
func forgetClosed(ctx context.Context, x *tx, c barograph.Change) error {
	for _, closed := range closings(c) {
		if err := endReminders(ctx, x, closed.topic); err != nil {
			return err
		}
		if err := endUntold(ctx, x, closed); err != nil {
			return err
		}
		_, err := x.exec(ctx, `DELETE FROM told WHERE topic = ? AND NOT EXISTS (
			SELECT 1 FROM deliveries d WHERE d.endpoint_id = told.endpoint_id AND d.topic = told.topic
			AND d.state IN ('pending', 'held'))`, closed.topic)
		if err != nil {
			return fmt.Errorf("forget what was told of %s: %w", closed.topic, err)
		}
	}
	return nil
}

// endUntold ends what still waits to tell that the closed topic lasts, and that
// its end, which may be told to nobody, did not supersede: what is held back,
// reminders, and what was tried at an endpoint that is out of service by now.
func endUntold(ctx context.Context, x *tx, closed closing) error {
	_, err := x.exec(ctx, `UPDATE deliveries
		SET state = CASE state WHEN 'held' THEN 'silenced' ELSE 'superseded' END, done_at = ?, next_try = NULL
		WHERE topic = ? AND endpoint_id IN (SELECT e.id FROM endpoints e)
		AND (state = 'held' OR state = 'pending' AND (reminder > 0 OR attempts > 0 AND endpoint_id NOT IN (
			SELECT e.id FROM endpoints e JOIN subscriptions s ON s.id = e.subscription_id WHERE `+inService+`)))
		AND NOT EXISTS (SELECT 1 FROM events v WHERE v.id = deliveries.event_id AND v.type IN (`+finalTypes()+`))`,
		instant{&closed.at}, closed.topic)
	if err != nil {
		return fmt.Errorf("end what waits to tell of %s: %w", closed.topic, err)
	}
	return nil
}

func endReminders(ctx context.Context, x *tx, topic string) error {
	if _, err := x.exec(ctx, "UPDATE told SET reminds = FALSE WHERE topic = ? AND reminds", topic); err != nil {
		return fmt.Errorf("end reminders of %s: %w", topic, err)
	}
	return nil
}

// forgetOld forgets what was told, planned and counted before the given time.
func forgetOld(ctx context.Context, x *tx, before time.Time) error {
	for _, statement := range []string{
		"DELETE FROM told WHERE told_at < ?",
		"DELETE FROM delivery_groups WHERE next_at < ?",
		"DELETE FROM text_messages WHERE day < ?",
	} {
		if _, err := x.exec(ctx, statement, instant{&before}); err != nil {
			return fmt.Errorf("prune what is outdated: %w", err)
		}
	}
	return nil
}
