package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// TextBudget returns how many text messages the subscription may send on the day
// of now, and has sent by then.
func (db *DB) TextBudget(ctx context.Context, id barograph.SubscriptionID, now time.Time) (barograph.TextBudget, error) {
	day := budgetDay(now)
	found, err := collect(ctx, db, func(rows *sql.Rows, b *barograph.TextBudget) error {
		return rows.Scan(&b.Daily, jsonText{&b.OverflowTo}, &b.Sent)
	}, `SELECT s.sms_daily_budget, s.sms_overflow_to, COALESCE(b.sent, 0) FROM subscriptions s
		LEFT JOIN text_messages b ON b.subscription_id = s.id AND b.day = ? WHERE s.id = ?`, instant{&day}, id)
	switch {
	case err != nil:
		return barograph.TextBudget{}, db.explain(fmt.Errorf("read text budget of subscription %s: %w", id, err))
	case len(found) == 0:
		return barograph.TextBudget{}, barograph.Errorf(barograph.KindNotFound, "no subscription with ID %s", clip(string(id)))
	}
	return found[0], nil
}
