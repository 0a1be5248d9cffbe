package configdb

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

func predictionTable() table[barograph.Prediction] {
	return table[barograph.Prediction]{
		name: "predictions", noun: "prediction",
		columns: func(p *barograph.Prediction) []column {
			return []column{
				{"id", &p.ID},
				{"rule_id", &p.RuleID},
				{"rule_name", &p.RuleName},
				{"metric", &p.Series.Metric},
				{"series_labels", jsonText{&p.Series.Labels}},
				{"host", derived{p.Series.Labels.Get("host")}},
				{"severity", &p.Severity},
				{"state", &p.State},
				{"opened_at", instant{&p.OpenedAt}},
				{"closed_at", instant{&p.ClosedAt}},
				{"first_announcement", jsonText{&p.First}},
				{"latest_announcement", jsonText{&p.Latest}},
				{"breach_id", &p.BreachID},
				{"lead_ns", &p.Lead},
				{"turned", &p.Turned},
				{"close_reason", &p.CloseReason},
			}
		},
	}
}

// Predictions returns a page of the predictions that the filter chooses, newest first.
func (db *DB) Predictions(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Prediction, error) {
	var where filter
	where.equal("t.rule_id", string(f.RuleID))
	where.equal("t.host", f.Host)
	where.label("t.series_labels", "target", f.Target)
	where.equal("t.state", string(f.State))
	where.within("t.opened_at", f.From, f.To)
	where.within("t.closed_at", f.EndedFrom, time.Time{})
	rest, args := where.newestFirst(p)
	return ackedPredictions(ctx, db, func(x *tx) ([]barograph.Prediction, error) { return predictionTable().query(ctx, x, rest, args...) })
}

// Prediction returns the prediction with the identifier.
func (db *DB) Prediction(ctx context.Context, id barograph.PredictionID) (barograph.Prediction, error) {
	found, err := ackedPredictions(ctx, db, func(x *tx) ([]barograph.Prediction, error) {
		v, err := predictionTable().byID(ctx, x, string(id))
		return []barograph.Prediction{v}, err
	})
	if err != nil {
		return barograph.Prediction{}, err
	}
	return found[0], nil
}

func ackedPredictions(ctx context.Context, db *DB, read func(*tx) ([]barograph.Prediction, error)) ([]barograph.Prediction, error) {
	return withAcks(ctx, db, read, func(v *barograph.Prediction) (id string, ack **barograph.Acknowledgement) {
		return string(v.ID), &v.Acknowledged
	})
}

func putPrediction(ctx context.Context, x *tx, p barograph.Prediction) error {
	p.First, p.Latest = storedAnnouncement(p.First), storedAnnouncement(p.Latest)
	return predictionTable().put(ctx, x, &p)
}

func storedAnnouncement(a barograph.Announcement) barograph.Announcement {
	a.At = stored(a.At)
	a.ETA = storedETA(a.ETA)
	if a.Uncalibrated != nil {
		u := *a.Uncalibrated
		u.ETA = storedETA(u.ETA)
		a.Uncalibrated = &u
	}
	return a
}

func storedETA(eta barograph.ETA) barograph.ETA {
	return barograph.ETA{Early: stored(eta.Early), Median: stored(eta.Median), Late: stored(eta.Late)}
}
