package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// Outcomes returns what came of the predictions of each rule that exists and
// judges now as it did then: of the newest perRule of those that were opened at
// from or later, are closed and were not withdrawn, in the order in which they
// were opened.
func (db *DB) Outcomes(ctx context.Context, from time.Time, perRule int) ([]barograph.Outcome, error) {
	t := predictionTable()
	found, err := collect(ctx, db, func(rows *sql.Rows, o *barograph.Outcome) error {
		return rows.Scan(append(values(t.columns(&o.Prediction)), instant{&o.BreachAt})...)
	}, "SELECT "+t.list("p")+`, (
			SELECT MIN(b.started_at) FROM breaches b
			WHERE b.rule_id = p.rule_id AND b.metric = p.metric AND b.series_labels = p.series_labels
			AND b.started_at >= p.opened_at)
		FROM (
			SELECT c.id, ROW_NUMBER() OVER (PARTITION BY c.rule_id ORDER BY c.id DESC) AS place
			FROM predictions c JOIN rules r ON r.id = c.rule_id
			WHERE c.state NOT IN ('open', 'withdrawn')
			AND c.opened_at >= ? AND c.opened_at >= COALESCE(r.judged_since, 0)
		) newest
		JOIN predictions p ON p.id = newest.id
		WHERE newest.place <= ? ORDER BY p.id`, instant{&from}, perRule)
	if err != nil {
		return nil, db.explain(fmt.Errorf("read outcomes: %w", err))
	}
	return found, nil
}
