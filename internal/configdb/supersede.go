package configdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Of what is known about one topic only the latest is worth another try, a
// reminder, or to be held back for later. What is news, and was never tried nor
// held, is sent all the same: each event is tried at least once.
//
// The latest is what was recorded last, since some events happen at the time of
// a sample and others when somebody does something. Only the end of a prediction
// or breach is final: nothing comes after it.

// age returns what the events of a topic are in order by, of those of the alias.
func age(alias string) string {
	return "(" + alias + ".type IN (" + finalTypes() + "), " + alias + ".id)"
}

// finalTypes lists the types of events after which nothing is told of their topic.
func finalTypes() string {
	var types []string
	for _, t := range barograph.EventTypes() {
		group, _, _ := strings.Cut(string(t), ".")
		if t.Ends() && (group == "prediction" || group == "breach") {
			types = append(types, "'"+string(t)+"'")
		}
	}
	return strings.Join(types, ", ")
}

// supersedeOlder ends the deliveries that wait for another try, remind, or are
// held back, and are outdated by d. One about a later event is not: d may be a
// replay.
func supersedeOlder(ctx context.Context, x *tx, d barograph.Delivery) error {
	_, err := x.exec(ctx, `UPDATE deliveries SET state = 'superseded', done_at = ?, next_try = NULL, held_by = ''
		WHERE endpoint_id = ? AND topic = ? AND id <> ?
		AND (state = 'held' OR state = 'pending' AND (attempts > 0 OR reminder > 0))
		AND (SELECT `+age("older")+` <= `+age("newer")+` FROM events older, events newer
			WHERE older.id = deliveries.event_id AND newer.id = ?)`,
		instant{&d.CreatedAt}, d.EndpointID, d.Topic, d.ID, d.EventID)
	if err != nil {
		return fmt.Errorf("supersede deliveries about %s: %w", d.Topic, err)
	}
	return nil
}

// supersedeIfOutdated ends d if it waits for another try or is held back
// although there is a delivery about a later event, which was recorded during
// d's first try.
func supersedeIfOutdated(ctx context.Context, x *tx, d barograph.Delivery, now time.Time) error {
	waits := d.State == barograph.DeliveryHeld || d.State == barograph.DeliveryPending && d.Attempts > 0
	if !waits || d.Topic == "" {
		return nil
	}
	_, err := x.exec(ctx, `UPDATE deliveries SET state = 'superseded', done_at = ?, next_try = NULL, held_by = ''
		WHERE id = ? AND EXISTS (
			SELECT 1 FROM deliveries later JOIN events newer ON newer.id = later.event_id JOIN events mine ON mine.id = ?
			WHERE later.endpoint_id = ? AND later.topic = ? AND later.state <> 'silenced'
			AND `+age("newer")+` > `+age("mine")+`)`,
		instant{&now}, d.ID, d.EventID, d.EndpointID, d.Topic)
	if err != nil {
		return fmt.Errorf("supersede delivery %s: %w", d.ID, err)
	}
	return nil
}
