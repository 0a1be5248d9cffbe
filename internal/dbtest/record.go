package dbtest

import (
	"math"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func (x suite) testRecordIsAtomic(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	h, s, r := host(1), hook(t, 1, 1), rule(t, 1)
	noError(t, db.CreateHost(ctx, h, key(1)))
	noError(t, db.CreateSubscription(ctx, s))
	noError(t, db.CreateRule(ctx, r))
	e := event(1, barograph.EventBreachStarted)
	good := func() barograph.Change {
		return barograph.Change{
			Predictions: []barograph.Prediction{prediction(1, "rul_a", "a")},
			Breaches:    []barograph.Breach{breach(1, "rul_a", "a")},
			Silences:    []barograph.HostSilence{{HostID: h.ID, Since: day(1)}},
			Standings:   []barograph.RuleStanding{{RuleID: r.ID, At: day(1), Demoted: &barograph.Demotion{At: day(1)}}},
			Events:      []barograph.Event{e},
			Deliveries:  []barograph.Delivery{delivery(1, e, s, 0)},
		}
	}
	nan := math.NaN()
	for name, spoil := range map[string]func(*barograph.Change){
		"delivery of an event that does not exist": func(c *barograph.Change) {
			d := delivery(2, e, s, 0)
			d.EventID = "evt_missing"
			c.Deliveries = append(c.Deliveries, d)
		},
		"event that can't be written as JSON": func(c *barograph.Change) {
			bad := event(2, barograph.EventBreachStarted)
			bad.Data.Value = &nan
			c.Events = append(c.Events, bad)
		},
		"breach of no value": func(c *barograph.Change) {
			bad := breach(2, "rul_a", "a")
			bad.Value = nan
			c.Breaches = append(c.Breaches, bad)
		},
	} {
		t.Run(name, func(t *testing.T) {
			change := good()
			spoil(&change)
			if err := db.Record(ctx, change); err == nil {
				t.Fatal("recorded")
			}
			equal(t, "predictions", must(db.Predictions(ctx, barograph.PredictionFilter{}, barograph.Page{}))(t), nil)
			equal(t, "breaches", must(db.Breaches(ctx, barograph.PredictionFilter{}, barograph.Page{}))(t), nil)
			equal(t, "events", must(db.Events(ctx, barograph.EventFilter{}, barograph.Page{}))(t), nil)
			equal(t, "deliveries", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), nil)
			equal(t, "host", must(db.Host(ctx, h.ID))(t), h)
			equal(t, "rule", must(db.Rule(ctx, r.ID))(t), r)
		})
	}
	noError(t, db.Record(ctx, good()))
	noError(t, db.Record(ctx, barograph.Change{}))
}

func (x suite) testRecordTwice(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 1)
	noError(t, db.CreateSubscription(ctx, s))
	e := event(1, barograph.EventBreachStarted)
	d := delivery(1, e, s, 0)
	change := barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{d}}
	noError(t, db.Record(ctx, change))
	d.State, d.Attempts, d.NextTry, d.DoneAt = barograph.DeliveryDelivered, 1, time.Time{}, day(2)
	d.LastTry = &barograph.Attempt{At: day(2), StatusCode: 204}
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{Delivery: d, Attempt: *d.LastTry}}))
	noError(t, db.Record(ctx, change))
	equal(t, "what was delivered stays so", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), []barograph.Delivery{d})
}

func (x suite) testRecordSilences(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	h := host(1)
	noError(t, db.CreateHost(ctx, h, key(1)))
	noError(t, db.Record(ctx, barograph.Change{Silences: []barograph.HostSilence{
		{HostID: "hst_missing", Since: day(1)}, {HostID: h.ID, Since: day(2)},
	}}))
	h.SilentSince = day(2)
	equal(t, "silent host", must(db.Host(ctx, h.ID))(t), h)
	noError(t, db.Record(ctx, barograph.Change{Silences: []barograph.HostSilence{{HostID: h.ID}}}))
	h.SilentSince = time.Time{}
	equal(t, "host that returned", must(db.Host(ctx, h.ID))(t), h)
}

func (x suite) testRecordForRemovedEndpoint(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s, gone := hook(t, 1, 1), hook(t, 2, 1)
	noError(t, db.CreateSubscription(ctx, s))
	e := event(1, barograph.EventBreachStarted)
	noError(t, db.Record(ctx, barograph.Change{
		Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{delivery(1, e, gone, 0), delivery(2, e, s, 0)},
	}))
	equal(t, "event", must(db.Event(ctx, e.ID))(t), e)
	equal(t, "deliveries", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), []barograph.Delivery{delivery(2, e, s, 0)})
}

func (x suite) testSuperseding(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 2)
	noError(t, db.CreateSubscription(ctx, s))
	old, other, now := event(1, barograph.EventPredictionOpened), event(2, barograph.EventPredictionOpened), event(3, barograph.EventPredictionUpdated)
	tried := delivery(1, old, s, 0)
	tried.Attempts, tried.NextTry = 1, day(9)
	fresh := delivery(2, old, s, 0)
	elsewhere := delivery(3, old, s, 1)
	elsewhere.Attempts = 1
	about := delivery(4, other, s, 0)
	about.Attempts, about.Topic = 1, "another topic"
	nothing := delivery(5, other, s, 0)
	nothing.Attempts, nothing.Topic = 1, ""
	noError(t, db.Record(ctx, barograph.Change{
		Events: []barograph.Event{old, other}, Deliveries: []barograph.Delivery{fresh, tried, elsewhere, about, nothing},
	}))
	latest, untopical := delivery(6, now, s, 0), delivery(7, now, s, 0)
	untopical.Topic = ""
	noError(t, db.Record(ctx, barograph.Change{
		Events: []barograph.Event{now}, Deliveries: []barograph.Delivery{latest, untopical},
	}))
	tried.State, tried.NextTry, tried.DoneAt = barograph.DeliverySuperseded, time.Time{}, latest.CreatedAt
	equal(t, "only what was tried, to the same endpoint, on the same topic, is superseded",
		must(db.Deliveries(ctx, of(s), barograph.Page{}))(t),
		[]barograph.Delivery{untopical, latest, nothing, about, elsewhere, fresh, tried})

	latest.Attempts, latest.NextTry, latest.LastTry = 1, day(20), nil
	failed := failure(day(4))
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{Delivery: latest, Attempt: failed}}))
	noError(t, db.Record(ctx, barograph.Change{Deliveries: []barograph.Delivery{delivery(8, old, s, 0)}}))
	latest.LastTry = &failed
	equal(t, "a replay of an older event supersedes nothing",
		must(db.Deliveries(ctx, of(s), barograph.Page{After: string(untopical.ID), Limit: 1}))(t), []barograph.Delivery{latest})
}

func (x suite) testSupersededDuringTry(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 1)
	noError(t, db.CreateSubscription(ctx, s))
	old, now := event(1, barograph.EventBreachStarted), event(2, barograph.EventBreachEnded)
	first, second := delivery(1, old, s, 0), delivery(2, now, s, 0)
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{old}, Deliveries: []barograph.Delivery{first}}))
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{now}, Deliveries: []barograph.Delivery{second}}))
	first.Attempts, first.NextTry = 1, day(9)
	failed := failure(day(3))
	noError(t, db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{{Delivery: first, Attempt: failed}}))
	first.State, first.NextTry, first.DoneAt, first.LastTry = barograph.DeliverySuperseded, time.Time{}, day(3), &failed
	equal(t, "deliveries", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), []barograph.Delivery{second, first})
}
