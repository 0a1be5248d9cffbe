package configdb

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

func breachTable() table[barograph.Breach] {
	return table[barograph.Breach]{
		name: "breaches", noun: "breach",
		columns: func(b *barograph.Breach) []column {
			return []column{
				{"id", &b.ID},
				{"rule_id", &b.RuleID},
				{"rule_name", &b.RuleName},
				{"metric", &b.Series.Metric},
				{"series_labels", jsonText{&b.Series.Labels}},
				{"host", derived{b.Series.Labels.Get("host")}},
				{"severity", &b.Severity},
				{"started_at", instant{&b.StartedAt}},
				{"ended_at", instant{&b.EndedAt}},
				{"value", &b.Value},
				{"prediction_id", &b.PredictionID},
				{"lead_ns", &b.Lead},
				{"end_reason", &b.EndReason},
			}
		},
	}
}

// Breaches returns a page of the breaches that the filter chooses, newest
// first. The state open chooses those that last, any other those that ended.
func (db *DB) Breaches(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Breach, error) {
	var where filter
	where.equal("t.rule_id", string(f.RuleID))
	where.equal("t.host", f.Host)
	where.label("t.series_labels", "target", f.Target)
	switch f.State {
	case "":
	case barograph.PredictionOpen:
		where.and("t.ended_at IS NULL")
	case barograph.PredictionConfirmed, barograph.PredictionAverted,
		barograph.PredictionExpired, barograph.PredictionWithdrawn:
		where.and("t.ended_at IS NOT NULL")
	default:
		where.and("t.ended_at IS NOT NULL")
	}
	where.within("t.started_at", f.From, f.To)
	where.within("t.ended_at", f.EndedFrom, time.Time{})
	rest, args := where.newestFirst(p)
	return ackedBreaches(ctx, db, func(x *tx) ([]barograph.Breach, error) { return breachTable().query(ctx, x, rest, args...) })
}

// Breach returns the breach with the identifier.
func (db *DB) Breach(ctx context.Context, id barograph.BreachID) (barograph.Breach, error) {
	found, err := ackedBreaches(ctx, db, func(x *tx) ([]barograph.Breach, error) {
		v, err := breachTable().byID(ctx, x, string(id))
		return []barograph.Breach{v}, err
	})
	if err != nil {
		return barograph.Breach{}, err
	}
	return found[0], nil
}

func ackedBreaches(ctx context.Context, db *DB, read func(*tx) ([]barograph.Breach, error)) ([]barograph.Breach, error) {
	return withAcks(ctx, db, read, func(v *barograph.Breach) (id string, ack **barograph.Acknowledgement) {
		return string(v.ID), &v.Acknowledged
	})
}
