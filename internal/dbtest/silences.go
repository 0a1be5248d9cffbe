package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func sampleSilence(t *testing.T, n int) barograph.Silence {
	t.Helper()
	return barograph.Silence{
		ID: id[barograph.SilenceID]("sil", n), Matchers: matchers(t, `{host=~"db-.*",mount!="/"}`),
		StartsAt: day(1), EndsAt: day(2), Comment: "new disks " + odd, CreatedBy: "ops " + odd,
		Recurs: &barograph.Recurs{
			Weekdays: []string{"sat", "sun"}, At: "02:30", Duration: barograph.Duration(90 * time.Minute), TimeZone: "Europe/Berlin",
		},
		CreatedAt: epoch(), UpdatedAt: epoch(),
	}
}

func (x suite) testSilences(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	changed, stop := db.Changes()
	defer stop()
	a, b, c := sampleSilence(t, 1), sampleSilence(t, 2), sampleSilence(t, 3)
	b.EndsAt, c.Recurs = time.Time{}, nil // for ever; once
	for _, s := range []barograph.Silence{c, a, b} {
		noError(t, db.CreateSilence(ctx, s))
		fires(t, "create", changed, true)
		equal(t, "created", must(db.Silence(ctx, s.ID))(t), s)
	}
	silenceID := func(s barograph.Silence) barograph.SilenceID { return s.ID }
	list := func(p barograph.Page) ([]barograph.Silence, error) { return db.Silences(ctx, p) }
	paged(t, list, silenceID, a.ID, b.ID, c.ID)
	isKind(t, "create again", db.CreateSilence(ctx, a), barograph.KindConflict, "silence", string(a.ID))

	edited := c
	edited.EndsAt, edited.Comment, edited.UpdatedAt = day(3), "longer", day(5)
	edited.CreatedBy, edited.CreatedAt = "somebody else", day(9)
	noError(t, db.UpdateSilence(ctx, edited))
	fires(t, "update", changed, true)
	edited.CreatedBy, edited.CreatedAt = c.CreatedBy, c.CreatedAt
	equal(t, "updated: who made it, and when, stays", must(db.Silence(ctx, c.ID))(t), edited)

	refused := func(now barograph.Silence) error {
		equal(t, "the silence that is asked about", now, edited)
		return barograph.Errorf(barograph.KindConflict, "changed")
	}
	isKind(t, "update", db.UpdateSilence(ctx, c, refused), barograph.KindConflict, "changed")
	equal(t, "after it was refused", must(db.Silence(ctx, c.ID))(t), edited)

	noError(t, db.DeleteSilence(ctx, b.ID))
	fires(t, "delete", changed, true)
	paged(t, list, silenceID, a.ID, c.ID)
	_, err := db.Silence(ctx, b.ID)
	isKind(t, "get", err, barograph.KindNotFound, "silence", string(b.ID))
	isKind(t, "update", db.UpdateSilence(ctx, b), barograph.KindNotFound, "silence", string(b.ID))
	isKind(t, "delete", db.DeleteSilence(ctx, b.ID), barograph.KindNotFound, "silence", string(b.ID))

	b.CreatedAt, b.UpdatedAt = time.Time{}, time.Time{}
	noError(t, db.CreateSilence(ctx, b))
	if got := must(db.Silence(ctx, b.ID))(t); got.CreatedAt.IsZero() || got.UpdatedAt.IsZero() {
		t.Errorf("times of a silence created without: %s and %s, want now", got.CreatedAt, got.UpdatedAt)
	}
}

func (x suite) testAcknowledgements(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	p, q, b, c := prediction(1, "rul_a", "a"), prediction(2, "rul_a", "a"), breach(1, "rul_a", "a"), breach(2, "rul_a", "a")
	ack := barograph.Acknowledgement{At: day(3), By: "ops " + odd, Comment: odd}
	late := barograph.Acknowledgement{At: day(4), By: "somebody else"}
	noError(t, db.Record(ctx, barograph.Change{ // what is acknowledged may be recorded with it
		Predictions: []barograph.Prediction{p, q}, Breaches: []barograph.Breach{b, c},
		Acks: []barograph.Ack{{Topic: string(p.ID), Acknowledgement: ack}, {Topic: string(c.ID), Acknowledgement: ack}},
	}))
	noError(t, db.Record(ctx, barograph.Change{Acks: []barograph.Ack{{Topic: string(p.ID), Acknowledgement: late}}}))
	// Whoever records the rest of their lives need not know of it.
	q = closed(q, barograph.PredictionExpired, 0)
	noError(t, db.Record(ctx, barograph.Change{Predictions: []barograph.Prediction{p, q}, Breaches: []barograph.Breach{c}}))
	p.Acknowledged, c.Acknowledged = &ack, &ack
	equal(t, "predictions", must(db.Predictions(ctx, barograph.PredictionFilter{}, barograph.Page{}))(t), []barograph.Prediction{q, p})
	equal(t, "breaches", must(db.Breaches(ctx, barograph.PredictionFilter{}, barograph.Page{}))(t), []barograph.Breach{c, b})
	equal(t, "prediction", must(db.Prediction(ctx, p.ID))(t), p)
	equal(t, "one that nobody took on", must(db.Prediction(ctx, q.ID))(t), q)
	equal(t, "breach", must(db.Breach(ctx, c.ID))(t), c)
	equal(t, "another breach", must(db.Breach(ctx, b.ID))(t), b)
}
