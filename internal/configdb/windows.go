package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// window is when the last message of a group was or will be sent to an endpoint,
// and when the next may be.
type window struct {
	sentAt, nextAt time.Time
	changed        bool
}

// next returns when an event that comes now goes out, and the window after it.
// The first of a group goes at once, what follows within the wait goes together,
// and then one message an interval.
func (w window) next(now time.Time, s barograph.Storm) (slot time.Time, after window) {
	wait, interval := s.GroupWait.Std(), s.GroupInterval.Std()
	quiet := w.sentAt.IsZero() || !now.Before(w.sentAt.Add(interval))
	// Neither a clock that was set back nor a shorter interval may leave events
	// waiting for a message that is planned for long after.
	astray := w.sentAt.Sub(now) > max(wait, interval)
	switch {
	case quiet || astray:
		return now, window{now, now.Add(wait), true}
	case now.Before(w.sentAt):
		return w.sentAt, w
	case !now.Before(w.nextAt):
		return now, window{now, now.Add(interval), true}
	}
	return w.nextAt, window{w.nextAt, w.nextAt.Add(interval), true}
}

type group struct {
	endpoint barograph.EndpointID
	name     string
}

// windows are those of a transaction, which saves them before it ends.
type windows map[group]window

func (ws windows) of(ctx context.Context, x *tx, endpoint barograph.EndpointID, name string) (window, error) {
	key := group{endpoint, name}
	w, known := ws[key]
	if known {
		return w, nil
	}
	err := each(ctx, x, func(rows *sql.Rows) error {
		return rows.Scan(instant{&w.sentAt}, instant{&w.nextAt})
	}, "SELECT sent_at, next_at FROM delivery_groups WHERE endpoint_id = ? AND group_name = ?", endpoint, name)
	if err != nil {
		return w, fmt.Errorf("read group of endpoint %s: %w", endpoint, err)
	}
	ws[key] = w
	return w, nil
}

func (ws windows) keep(d barograph.Delivery, w window) { ws[group{d.EndpointID, d.Group}] = w }

func (ws windows) save(ctx context.Context, x *tx) error {
	for key, w := range ws {
		if !w.changed {
			continue
		}
		_, err := x.exec(ctx, `INSERT INTO delivery_groups (endpoint_id, group_name, sent_at, next_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (endpoint_id, group_name) DO UPDATE SET sent_at = excluded.sent_at, next_at = excluded.next_at`,
			key.endpoint, key.name, instant{&w.sentAt}, instant{&w.nextAt})
		if err != nil {
			return fmt.Errorf("plan group of endpoint %s: %w", key.endpoint, err)
		}
	}
	return nil
}
