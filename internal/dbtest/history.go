package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func eventID(e barograph.Event) barograph.EventID { return e.ID }

func deliveryID(d barograph.Delivery) barograph.DeliveryID { return d.ID }

// sampleEvents are four events of different kinds, one a day.
func sampleEvents() (opened, started, silent, watchdog barograph.Event) {
	p, b, value := prediction(1, "rul_a", "a"), breach(2, "rul_b", "b"), 0.1+0.2
	opened = event(1, barograph.EventPredictionOpened)
	opened.Data.Prediction, opened.Data.Value = &p, &value
	opened.Data.Rule = &barograph.RuleRef{
		ID: "rul_a", Name: odd, Operator: barograph.Above, Limit: 0.9, Horizon: barograph.Duration(time.Hour),
	}
	opened.Data.Annotations = map[string]string{"runbook": odd}
	started = event(2, barograph.EventBreachStarted)
	started.Data.Breach, started.Labels, started.Severity = &b, labels("host", "b"), barograph.SeverityCritical
	silent = event(3, barograph.EventHostSilent)
	silent.Labels = labels("host", "b", "os", "debian")
	silent.Data.Host = &barograph.HostRef{ID: "hst_b", Name: "b", LastSeen: day(1)}
	silent.Data.Endpoint = &barograph.EndpointRef{ID: "ept_1", SubscriptionID: "sub_1", Kind: barograph.EndpointSMS, Reason: odd}
	watchdog = event(4, barograph.EventWatchdog)
	watchdog.Severity, watchdog.Labels, watchdog.Subject, watchdog.Data.Test = "", nil, "", true
	return opened, started, silent, watchdog
}

func (x suite) testEvents(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	opened, started, silent, watchdog := sampleEvents()
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{silent, opened, watchdog, started}}))
	for _, e := range []barograph.Event{opened, started, silent, watchdog} {
		equal(t, "event", must(db.Event(ctx, e.ID))(t), e)
	}
	for _, test := range []struct {
		name   string
		filter barograph.EventFilter
		want   []barograph.EventID
	}{
		{"all", barograph.EventFilter{}, []barograph.EventID{watchdog.ID, silent.ID, started.ID, opened.ID}},
		{"any type", barograph.EventFilter{Types: []string{"x", "*"}}, []barograph.EventID{watchdog.ID, silent.ID, started.ID, opened.ID}},
		{"types", barograph.EventFilter{Types: []string{"breach.*", "prediction.opened"}}, []barograph.EventID{started.ID, opened.ID}},
		{"type on the wire", barograph.EventFilter{Types: []string{"io.barograph.host.*"}}, []barograph.EventID{silent.ID}},
		{"unknown type", barograph.EventFilter{Types: []string{"nonsense"}}, nil},
		{"rule of a prediction", barograph.EventFilter{RuleID: "rul_a"}, []barograph.EventID{opened.ID}},
		{"rule of a breach", barograph.EventFilter{RuleID: "rul_b"}, []barograph.EventID{started.ID}},
		{"host", barograph.EventFilter{Host: "b"}, []barograph.EventID{silent.ID, started.ID}},
		{"severity", barograph.EventFilter{MinSeverity: barograph.SeverityWarning}, []barograph.EventID{silent.ID, started.ID, opened.ID}},
		{"high severity", barograph.EventFilter{MinSeverity: barograph.SeverityCritical}, []barograph.EventID{started.ID}},
		{"from", barograph.EventFilter{From: day(3)}, []barograph.EventID{watchdog.ID, silent.ID}},
		{"about a prediction", barograph.EventFilter{About: string(opened.Data.Prediction.ID)}, []barograph.EventID{opened.ID}},
		{"about a breach", barograph.EventFilter{About: string(started.Data.Breach.ID)}, []barograph.EventID{started.ID}},
		{"about what a breach refers to", barograph.EventFilter{About: "prd_foreseeing"}, nil},
		{"about a part of an ID", barograph.EventFilter{About: "prd"}, nil},
		{"to", barograph.EventFilter{To: day(3)}, []barograph.EventID{started.ID, opened.ID}},
		{"all of it", barograph.EventFilter{Host: "b", From: day(2), To: day(3), Types: []string{"breach.*"}}, []barograph.EventID{started.ID}},
	} {
		t.Run(test.name, func(t *testing.T) {
			paged(t, func(p barograph.Page) ([]barograph.Event, error) { return db.Events(ctx, test.filter, p) }, eventID, test.want...)
		})
	}
	_, err := db.Event(ctx, "evt_missing")
	isKind(t, "get", err, barograph.KindNotFound, "event", "evt_missing")
}

func (x suite) testOutbox(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	equal(t, "empty outbox", must(db.UnpublishedEvents(ctx, 10))(t), nil)
	a, b, c, d := sampleEvents()
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{c, a}}))
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{d, b}}))
	equal(t, "oldest first", must(db.UnpublishedEvents(ctx, 3))(t), []barograph.Event{a, b, c})
	noError(t, db.MarkPublished(ctx, []barograph.EventID{b.ID, a.ID, "evt_missing"}))
	noError(t, db.MarkPublished(ctx, nil))
	equal(t, "the rest", must(db.UnpublishedEvents(ctx, 10))(t), []barograph.Event{c, d})
	noError(t, db.Record(ctx, barograph.Change{Events: []barograph.Event{a}}))
	equal(t, "recorded again: still published", must(db.UnpublishedEvents(ctx, 10))(t), []barograph.Event{c, d})
}

func (x suite) testPrune(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	s := hook(t, 1, 2)
	s.Endpoints[1].Health.Disabled = true
	noError(t, db.CreateSubscription(ctx, s))
	var change barograph.Change
	for n := range 6 {
		change.Events = append(change.Events, event(n, barograph.EventWatchdog))
	}
	done, waiting, stuck := delivery(1, change.Events[0], s, 0), delivery(2, change.Events[1], s, 0), delivery(3, change.Events[2], s, 1)
	done.State, done.DoneAt = barograph.DeliveryDelivered, day(1)
	change.Deliveries = []barograph.Delivery{done, waiting, stuck}
	change.Predictions = []barograph.Prediction{prediction(0, "rul_a", "a")}
	change.Breaches = []barograph.Breach{breach(0, "rul_a", "a")}
	noError(t, db.Record(ctx, change))
	noError(t, db.MarkPublished(ctx, []barograph.EventID{
		change.Events[0].ID, change.Events[1].ID, change.Events[2].ID, change.Events[4].ID,
	}))

	// Of days 0 to 3: 1 still waits for a healthy endpoint, 3 is not published.
	if n := must(db.Prune(ctx, day(4)))(t); n != 2 {
		t.Errorf("pruned %d events, want 2", n)
	}
	left := must(db.Events(ctx, barograph.EventFilter{}, barograph.Page{}))(t)
	equal(t, "events left", ids(left, eventID), ids([]barograph.Event{
		change.Events[5], change.Events[4], change.Events[3], change.Events[1],
	}, eventID))
	equal(t, "deliveries left", must(db.Deliveries(ctx, of(s), barograph.Page{}))(t), []barograph.Delivery{waiting})
	must(db.Prediction(ctx, change.Predictions[0].ID))(t)
	must(db.Breach(ctx, change.Breaches[0].ID))(t)
}

func (x suite) testPredictions(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	a, b, c := prediction(1, "rul_a", "a"), prediction(2, "rul_b", "b"), prediction(3, "rul_a", "b")
	b.Series.Labels, c.Series.Labels = b.Series.Labels.With("target", `<"x"}`), c.Series.Labels.With("target", `<"X"}`)
	noError(t, db.Record(ctx, barograph.Change{Predictions: []barograph.Prediction{b, a, c}}))
	b = closed(b, barograph.PredictionConfirmed, 31*time.Hour)
	c = closed(c, barograph.PredictionAverted, 0)
	c.Turned, c.Latest.At, c.Latest.Probability = true, day(4), 0.1
	noError(t, db.Record(ctx, barograph.Change{Predictions: []barograph.Prediction{b, c}}))
	for _, p := range []barograph.Prediction{a, b, c} {
		equal(t, "prediction", must(db.Prediction(ctx, p.ID))(t), p)
	}
	for _, test := range []struct {
		name   string
		filter barograph.PredictionFilter
		want   []barograph.PredictionID
	}{
		{"all", barograph.PredictionFilter{}, []barograph.PredictionID{c.ID, b.ID, a.ID}},
		{"rule", barograph.PredictionFilter{RuleID: "rul_a"}, []barograph.PredictionID{c.ID, a.ID}},
		{"host", barograph.PredictionFilter{Host: "b"}, []barograph.PredictionID{c.ID, b.ID}},
		{"target", barograph.PredictionFilter{Target: `<"x"}`}, []barograph.PredictionID{b.ID}},
		{"part of a target", barograph.PredictionFilter{Target: `"x"}`}, nil},
		{"open", barograph.PredictionFilter{State: barograph.PredictionOpen}, []barograph.PredictionID{a.ID}},
		{"averted", barograph.PredictionFilter{State: barograph.PredictionAverted}, []barograph.PredictionID{c.ID}},
		{"opened within", barograph.PredictionFilter{From: day(2), To: day(3)}, []barograph.PredictionID{b.ID}},
		{"nothing", barograph.PredictionFilter{RuleID: "rul_b", Host: "a"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			paged(t, func(p barograph.Page) ([]barograph.Prediction, error) { return db.Predictions(ctx, test.filter, p) },
				func(p barograph.Prediction) barograph.PredictionID { return p.ID }, test.want...)
		})
	}
	_, err := db.Prediction(ctx, "prd_missing")
	isKind(t, "get", err, barograph.KindNotFound, "prediction", "prd_missing")
}

func (x suite) testBreaches(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	a, b, c := breach(1, "rul_a", "a"), breach(2, "rul_b", "b"), breach(3, "rul_a", "b")
	c.PredictionID, c.Lead, c.Series.Labels = "", 0, labels("host", "b")
	noError(t, db.Record(ctx, barograph.Change{Breaches: []barograph.Breach{c, b, a}}))
	b.EndedAt, b.EndReason = day(5), odd
	noError(t, db.Record(ctx, barograph.Change{Breaches: []barograph.Breach{b}}))
	for _, breach := range []barograph.Breach{a, b, c} {
		equal(t, "breach", must(db.Breach(ctx, breach.ID))(t), breach)
	}
	for _, test := range []struct {
		name   string
		filter barograph.PredictionFilter
		want   []barograph.BreachID
	}{
		{"all", barograph.PredictionFilter{}, []barograph.BreachID{c.ID, b.ID, a.ID}},
		{"rule", barograph.PredictionFilter{RuleID: "rul_a"}, []barograph.BreachID{c.ID, a.ID}},
		{"host", barograph.PredictionFilter{Host: "b"}, []barograph.BreachID{c.ID, b.ID}},
		{"open", barograph.PredictionFilter{State: barograph.PredictionOpen}, []barograph.BreachID{c.ID, a.ID}},
		{"ended", barograph.PredictionFilter{State: "ended"}, []barograph.BreachID{b.ID}},
		{"started within", barograph.PredictionFilter{From: day(2), To: day(3)}, []barograph.BreachID{b.ID}},
	} {
		t.Run(test.name, func(t *testing.T) {
			paged(t, func(p barograph.Page) ([]barograph.Breach, error) { return db.Breaches(ctx, test.filter, p) },
				func(b barograph.Breach) barograph.BreachID { return b.ID }, test.want...)
		})
	}
	_, err := db.Breach(ctx, "brc_missing")
	isKind(t, "get", err, barograph.KindNotFound, "breach", "brc_missing")
}

func (x suite) testHistoryOutlives(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	h, r := host(1), rule(t, 1)
	noError(t, db.CreateHost(ctx, h, key(1)))
	noError(t, db.CreateRule(ctx, r))
	p, b, e := prediction(1, r.ID, h.Name), breach(1, r.ID, h.Name), event(1, barograph.EventBreachStarted)
	e.Data.Breach = &b
	noError(t, db.Record(ctx, barograph.Change{
		Predictions: []barograph.Prediction{p}, Breaches: []barograph.Breach{b}, Events: []barograph.Event{e},
	}))
	noError(t, db.DeleteHost(ctx, h.ID))
	noError(t, db.DeleteRule(ctx, r.ID))
	equal(t, "prediction", must(db.Prediction(ctx, p.ID))(t), p)
	equal(t, "breach", must(db.Breach(ctx, b.ID))(t), b)
	equal(t, "events", must(db.Events(ctx, barograph.EventFilter{RuleID: r.ID}, barograph.Page{}))(t), []barograph.Event{e})
}
