package web_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

// diary is a server that has predicted and seen things break.
type diary struct {
	*desk

	now time.Time

	open, confirmed, changed, gone, hostile barograph.Prediction
	broken, ended                           barograph.Breach
}

const hostileText = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>\u202egnp"

func openDiary(t *testing.T) *diary {
	t.Helper()
	return openDiaryWith(t, func(*app.Config) {}, func(*diary, *configdb.DB) {})
}

// openDiaryWith has another configuration, and more in its database.
func openDiaryWith(t *testing.T, change func(*app.Config), more func(*diary, *configdb.DB)) *diary {
	t.Helper()
	d := &diary{now: time.Now().UTC().Truncate(time.Minute)}
	dir := t.TempDir()
	db, err := configdb.Open(t.Context(), configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	d.fill(t, db)
	more(d, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	change(&cfg)
	d.desk = &desk{harness.Start(t, app.Options{Config: cfg, Bare: true, Dir: dir}), t}
	d.measure(t, "db-1")
	d.measure(t, "db-2")
	return d
}

// measure sends five days of a disk that fills up to 88 %.
func (d *diary) measure(t *testing.T, host string) {
	t.Helper()
	var lines strings.Builder
	const every, steps = 5 * time.Minute, 5 * 24 * 12
	for i := range steps {
		value := .7 + .18*float64(i)/steps + .002*math.Sin(float64(i))
		fmt.Fprintf(&lines, "disk_used_ratio,host=%s,mount=/ value=%.5f %d\n", host, value, d.now.Add(-time.Duration(steps-i)*every).UnixMilli())
	}
	d.Call(t, http.MethodPost, "/api/v2/write?precision=ms", d.Token, lines.String(), nil)
}

func diskRule(id, name string) barograph.Rule {
	return barograph.Rule{
		ID: barograph.RuleID(id), Name: name, Series: barograph.Selector{Metric: "disk_used_ratio"}, Operator: barograph.Above, Limit: .9,
		For: barograph.Duration(time.Hour), Horizon: barograph.Duration(3 * barograph.Day), OpenAt: .99, CloseAt: .01, Severity: barograph.SeverityWarning, Enabled: true,
	}
}

func disk(host string) barograph.Series {
	return barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": host, "mount": "/"})}
}

func (d *diary) announcement(at time.Time, in time.Duration, reason string) barograph.Announcement {
	eta := at.Add(in)
	return barograph.Announcement{
		At: at, Value: .87, Probability: .93, Reason: reason, ETA: barograph.ETA{Early: eta.Add(-4 * time.Hour), Median: eta, Late: eta.Add(5 * time.Hour)},
	}
}

func (d *diary) prediction(id, rule, name, host string, ago, in time.Duration) barograph.Prediction {
	opened := d.now.Add(-ago)
	said := d.announcement(opened, in, "the value rises by about 3.6 % a day")
	return barograph.Prediction{
		ID: barograph.PredictionID("prd_" + id), RuleID: barograph.RuleID(rule), RuleName: name, Series: disk(host),
		Severity: barograph.SeverityWarning, State: barograph.PredictionOpen, OpenedAt: opened, First: said, Latest: said,
	}
}

func (d *diary) event(n int, typ barograph.EventType, at time.Time, p *barograph.Prediction, b *barograph.Breach) barograph.Event {
	e := barograph.Event{ID: barograph.EventID(fmt.Sprintf("evt_%026d", n)), Type: typ, Time: at, Severity: barograph.SeverityWarning}
	e.Data.Prediction, e.Data.Breach, e.Data.Summary = p, b, fmt.Sprintf("summary %d", n)
	switch {
	case p != nil:
		e.Subject, e.Labels = p.Series.String(), p.Series.Labels
		e.Data.Rule = &barograph.RuleRef{ID: p.RuleID, Name: p.RuleName, Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(3 * barograph.Day)}
	case b != nil:
		e.Subject, e.Labels = b.Series.String(), b.Series.Labels
		e.Data.Rule = &barograph.RuleRef{ID: b.RuleID, Name: b.RuleName, Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(3 * barograph.Day)}
	}
	return e
}

func (d *diary) fill(t *testing.T, db *configdb.DB) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(db.CreateHost(ctx, barograph.Host{ID: "hst_1", Name: "db-1"}, barograph.KeyHash{}))
	must(db.CreateHost(ctx, barograph.Host{ID: "hst_2", Name: "quiet"}, barograph.KeyHash{}))
	must(db.CreateRule(ctx, diskRule("rul_disk", "Disk space")))
	must(db.CreateRule(ctx, diskRule("rul_wolf", "Wolf")))
	stricter := diskRule("rul_changed", "Stricter")
	must(db.CreateRule(ctx, stricter))
	stricter.Limit, stricter.Enabled = .8, false
	must(db.UpdateRule(ctx, stricter))
	sub := barograph.Subscription{
		ID: "sub_1", Name: "on call", Enabled: true,
		Endpoints: []barograph.Endpoint{{ID: "ept_1", Kind: barograph.EndpointWebhook, URL: "http://127.0.0.1:1/hook", Secret: "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}},
	}
	must(db.CreateSubscription(ctx, sub))

	d.open = d.prediction("1open", "rul_disk", "Disk space", "db-1", 30*time.Hour, 50*time.Hour)
	d.open.Latest = d.announcement(d.now.Add(-6*time.Hour), 20*time.Hour, "it rises faster than before")
	d.confirmed = d.prediction("2confirmed", "rul_disk", "Disk space", "db-2", 60*time.Hour, 31*time.Hour)
	d.confirmed.State, d.confirmed.ClosedAt, d.confirmed.BreachID = barograph.PredictionConfirmed, d.now.Add(-28*time.Hour), "brc_1"
	d.confirmed.Lead, d.confirmed.CloseReason = barograph.Duration(31*time.Hour), "the limit was crossed"
	d.changed = d.prediction("3changed", "rul_changed", "Stricter", "db-2", 50*time.Hour, 20*time.Hour)
	d.changed.State, d.changed.ClosedAt, d.changed.CloseReason = barograph.PredictionExpired, d.now.Add(-20*time.Hour), "the announced time passed and the limit was kept"
	d.gone = d.prediction("4gone", "rul_gone", "Gone", "db-3", 40*time.Hour, 20*time.Hour)
	d.gone.State, d.gone.ClosedAt, d.gone.CloseReason = barograph.PredictionWithdrawn, d.now.Add(-30*time.Hour), "the rule was deleted"
	d.hostile = d.prediction("5hostile", "rul_wolf", hostileText, "x", 20*time.Hour, 40*time.Hour)
	d.hostile.Series.Labels = barograph.NewLabels(map[string]string{"host": hostileText, "mount": "/\x00" + strings.Repeat("long", 200)})
	d.hostile.First.Reason, d.hostile.Latest.Reason, d.hostile.CloseReason = hostileText, strings.Repeat(hostileText, 300), hostileText
	d.ended = barograph.Breach{
		ID: "brc_1", RuleID: "rul_disk", RuleName: "Disk space", Series: disk("db-2"), Severity: barograph.SeverityWarning,
		StartedAt: d.now.Add(-29 * time.Hour), EndedAt: d.now.Add(-26 * time.Hour), Value: .91, PredictionID: d.confirmed.ID, Lead: d.confirmed.Lead,
	}
	d.broken = barograph.Breach{
		ID: "brc_2", RuleID: "rul_disk", RuleName: "Disk space", Series: disk("db-3"), Severity: barograph.SeverityCritical, StartedAt: d.now.Add(-3 * time.Hour), Value: .95,
	}
	opened := d.open
	opened.Latest = opened.First
	events := []barograph.Event{
		d.event(1, barograph.EventPredictionOpened, d.open.OpenedAt, &opened, nil),
		d.event(2, barograph.EventPredictionUpdated, d.open.Latest.At, &d.open, nil),
		d.event(3, barograph.EventPredictionOpened, d.changed.OpenedAt, &d.changed, nil),
		d.event(4, barograph.EventPredictionConfirmed, d.confirmed.ClosedAt, &d.confirmed, &d.ended),
		d.event(5, barograph.EventBreachStarted, d.ended.StartedAt, nil, &d.ended),
	}
	must(db.Record(ctx, barograph.Change{
		Predictions: []barograph.Prediction{d.open, d.confirmed, d.changed, d.gone, d.hostile}, Breaches: []barograph.Breach{d.ended, d.broken},
		Standings: []barograph.RuleStanding{{RuleID: "rul_wolf", At: d.now.Add(-25 * time.Hour), Demoted: &barograph.Demotion{
			At: d.now.Add(-25 * time.Hour), Confirmed: 2, Scored: 10, Reason: "2 of 10 came true",
		}}},
		Silences: []barograph.HostSilence{{HostID: "hst_2", Since: d.now.Add(-2 * time.Hour)}}, Events: events,
		Deliveries: []barograph.Delivery{{
			ID: "dlv_1", EventID: events[0].ID, SubscriptionID: "sub_1", EndpointID: "ept_1", Topic: string(d.open.ID), State: barograph.DeliveryDelivered,
			Attempts: 1, CreatedAt: d.now.Add(-30 * time.Hour), DoneAt: d.now.Add(-30 * time.Hour),
		}},
	}))
	must(db.MarkPublished(ctx, []barograph.EventID{events[0].ID, events[1].ID, events[2].ID, events[3].ID, events[4].ID}))
}
