package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/app"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/test/harness"
)

// stock is one of each thing that pages are about, as a database has it before the
// server starts. What is said of each thing, words makes of its name.
type stock struct {
	words func(name string) string // of what is short
	text  func(name string) string // of what may be of any length

	host         barograph.Host
	check        barograph.Check
	target       barograph.Target
	rule         barograph.Rule
	subscription barograph.Subscription
	silence      barograph.Silence
	token        barograph.Token
	change       barograph.Change
	attempt      barograph.DeliveryResult
	audit        barograph.AuditEntry
}

func asItIs(name string) string { return name }

// clip cuts a text to what is taken of it.
func clip(text string, most int) string { return strings.ToValidUTF8(text[:min(len(text), most)], "") }

// newStock makes up things of that time.
func newStock(now time.Time, words, text func(string) string) *stock {
	s := &stock{words: words, text: text}
	id := func(prefix string) string { return barograph.NewID(prefix, now) }
	labels := barograph.NewLabels(map[string]string{"role": words("label")})
	host := words("host")
	equal := barograph.Matchers{{Name: "host", Type: barograph.MatchEqual, Value: host}, {Name: "role", Type: barograph.MatchNotEqual, Value: words("matcher")}}
	s.host = barograph.Host{ID: barograph.HostID(id("hst")), Name: host, Labels: labels, LastSeen: now.Add(-time.Minute)}
	s.check = barograph.Check{
		ID: barograph.CheckID(id("chk")), Name: "a_check", Command: clip(text("command"), barograph.MaxCommandBytes), Interval: barograph.Duration(time.Minute),
		Timeout: barograph.Duration(time.Second), Labels: labels, Matchers: equal[:1], Enabled: true,
	}
	s.target = barograph.Target{
		ID: barograph.TargetID(id("tgt")), Name: words("target"), Kind: barograph.ProbeHTTP, Address: "http://127.0.0.1:1/" + url.PathEscape(words("address")),
		Interval: barograph.Duration(time.Hour), Timeout: barograph.Duration(time.Second), Count: 1, Labels: labels,
		Options: barograph.ProbeOptions{BodyMatch: words("body match")},
	}
	s.rule = barograph.Rule{
		ID: barograph.RuleID(id("rul")), Name: words("rule"), Operator: barograph.Above, Limit: .9, Horizon: barograph.Duration(barograph.Week),
		Series: barograph.Selector{Metric: "disk_used_ratio", Matchers: equal[:1]}, OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Labels: labels, Enabled: true,
		Annotations: map[string]string{"runbook": text("annotation")},
		Demoted:     &barograph.Demotion{At: now, Confirmed: 1, Scored: 9, Reason: text("demotion")},
	}
	s.subscription = barograph.Subscription{
		ID: barograph.SubscriptionID(id("sub")), Name: words("subscription"), Matchers: equal, Storm: barograph.DefaultStorm(), Enabled: false,
		Endpoints: []barograph.Endpoint{
			{
				ID: barograph.EndpointID(id("ept")), Kind: barograph.EndpointWebhook, URL: "https://example.com/" + url.PathEscape(words("endpoint")), Secret: barograph.Secret("whsec_" + strings.Repeat("A", 32)),
				Health: barograph.EndpointHealth{Disabled: true, DisabledReason: text("disabled"), DisabledAt: now},
			},
			{ID: barograph.EndpointID(id("ept")), Kind: barograph.EndpointEmail, To: []string{words("recipient") + "@example.com"}},
		},
	}
	s.silence = barograph.Silence{ID: barograph.SilenceID(id("sil")), Matchers: equal, StartsAt: now, EndsAt: now.Add(barograph.Day), Comment: clip(text("silence"), 1000), CreatedBy: words("silencer")}
	s.audit = barograph.AuditEntry{Action: words("action"), Kind: "silence", Subject: words("subject"), Name: text("audited"), By: words("actor"), Before: map[string]string{words("field"): text("before")}, After: map[string]string{words("field"): text("after")}}
	s.addHistory(now, id)
	return s
}

// addHistory adds a prediction and a breach that are open, and others that are
// over, with their events, and a delivery that failed.
func (s *stock) addHistory(now time.Time, id func(string) string) {
	series := barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{"host": s.host.Name, "mount": s.words("mount")})}
	said := barograph.Announcement{
		At: now, Value: .8, Probability: .9, Reason: s.text("reason"),
		ETA: barograph.ETA{Early: now.Add(time.Hour), Median: now.Add(2 * time.Hour), Late: now.Add(3 * time.Hour)},
	}
	ack := &barograph.Acknowledgement{At: now, By: s.words("acknowledger"), Comment: s.text("comment")}
	value := .95
	for n := range 2 {
		at := now.Add(-time.Duration(n) * time.Hour)
		p := barograph.Prediction{
			ID: barograph.PredictionID(id("prd")), RuleID: s.rule.ID, RuleName: s.rule.Name, Series: series, Severity: s.rule.Severity,
			State: barograph.PredictionOpen, OpenedAt: at, First: said, Latest: said,
		}
		b := barograph.Breach{ID: barograph.BreachID(id("brc")), RuleID: s.rule.ID, RuleName: s.rule.Name, Series: series, Severity: s.rule.Severity, StartedAt: at, Value: value}
		if n > 0 {
			p.State, p.ClosedAt, p.CloseReason = barograph.PredictionAverted, now, s.text("close reason")
			b.EndedAt, b.EndReason = now, s.text("end reason")
			s.change.Acks = []barograph.Ack{{Acknowledgement: *ack, Topic: string(p.ID)}, {Acknowledgement: *ack, Topic: string(b.ID)}}
		}
		s.change.Predictions, s.change.Breaches = append(s.change.Predictions, p), append(s.change.Breaches, b)
		for _, e := range []barograph.Event{
			{Type: barograph.EventPredictionOpened, Data: barograph.EventData{Prediction: &p}},
			{Type: barograph.EventBreachStarted, Data: barograph.EventData{Breach: &b}},
		} {
			e.ID, e.Time, e.Subject, e.Severity, e.Labels = barograph.EventID(id("evt")), at, series.String(), s.rule.Severity, series.Labels
			e.Data.Summary, e.Data.Value, e.Data.Annotations = s.text("summary"), &value, map[string]string{s.words("annotation name"): s.text("annotation text")}
			s.change.Events = append(s.change.Events, e)
		}
	}
	d := barograph.Delivery{
		ID: barograph.DeliveryID(id("dlv")), EventID: s.change.Events[0].ID, SubscriptionID: s.subscription.ID, EndpointID: s.subscription.Endpoints[0].ID,
		State: barograph.DeliveryPending, CreatedAt: now, NextTry: now,
	}
	s.change.Deliveries = []barograph.Delivery{d}
	d.State, d.Attempts, d.DoneAt = barograph.DeliveryExhausted, 1, now
	try := barograph.Attempt{At: now, StatusCode: 500, Error: s.text("error"), Response: s.text("response")}
	d.LastTry = &try
	s.attempt = barograph.DeliveryResult{Delivery: d, Attempt: try, Health: s.subscription.Endpoints[0].Health}
}

// write puts all of it into the database in the folder.
func (s *stock) write(tb testing.TB, dir string) {
	tb.Helper()
	ctx := tb.Context()
	db, err := configdb.Open(ctx, configdb.DefaultConfig(), configdb.Deps{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	key := barograph.KeyHash{1}
	for what, write := range map[string]func() error{
		"check": func() error { return db.CreateCheck(ctx, s.check) }, "target": func() error { return db.CreateTarget(ctx, s.target) },
		"subscription": func() error { return db.CreateSubscription(ctx, s.subscription) }, "silence": func() error { return db.CreateSilence(ctx, s.silence) },
		"audit": func() error { return db.NoteAudit(ctx, s.audit) },
		"host":  func() error { return db.CreateHost(ctx, s.host, key) }, "rule": func() error { return db.CreateRule(ctx, s.rule) },
	} {
		if err := write(); err != nil {
			tb.Fatalf("write the %s: %v", what, err)
		}
	}
	statuses := []barograph.CheckStatus{{Check: s.check.Name, State: barograph.CheckFailed, Message: s.text("status"), Since: time.Now()}}
	if err := db.SetCheckStatuses(ctx, s.host.ID, statuses); err != nil {
		tb.Fatal(err)
	}
	if err := db.Record(ctx, s.change); err != nil {
		tb.Fatal(err)
	}
	if err := db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{s.attempt}); err != nil {
		tb.Fatal(err)
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}

// path fills in the table's path with what there is.
func (s *stock) path(pattern string) string {
	id := map[string]string{
		"predictions": string(s.change.Predictions[0].ID), "breaches": string(s.change.Breaches[0].ID), "hosts": string(s.host.ID), "checks": string(s.check.ID),
		"targets": string(s.target.ID), "rules": string(s.rule.ID), "events": string(s.change.Events[0].ID), "subscriptions": string(s.subscription.ID),
		"deliveries": string(s.attempt.Delivery.ID), "endpoints": string(s.subscription.Endpoints[0].ID),
		"tokens": string(s.token.ID), "silences": string(s.silence.ID), "assets": "icon.svg",
	}
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if name, rest, isVariable := strings.Cut(strings.TrimPrefix(part, "{"), "}"); isVariable {
			if id[parts[i-1]] == "" {
				panic(fmt.Sprintf("what is {%s} of %s?", name, pattern))
			}
			parts[i] = id[parts[i-1]] + rest
		}
	}
	return strings.Join(parts, "/")
}

// openStocked starts a server that has the stock.
func openStocked(tb testing.TB, s *stock, change func(*app.Config)) *desk {
	tb.Helper()
	dir := tb.TempDir()
	s.write(tb, dir)
	cfg := harness.Config()
	cfg.Agent.Enabled = false
	cfg.Delivery.Watchdog.Interval = 0 // nothing happens by itself
	change(&cfg)
	d := &desk{harness.Start(tb, app.Options{Config: cfg, Bare: true, Dir: dir}), tb}
	var made struct{ Token barograph.Token }
	d.Call(tb, http.MethodPost, "/api/v1/tokens", d.Token, map[string]any{"name": s.words("token"), "role": barograph.RoleViewer}, &made)
	s.token = made.Token
	return d
}

// stored is all that people and the server keep, but for when tokens were used.
func (d *desk) stored() string {
	d.t.Helper()
	var all strings.Builder
	for _, kind := range []string{"hosts", "checks", "targets", "rules", "subscriptions", "silences", "tokens", "events", "predictions", "breaches", "audit"} {
		var list struct{ Items []map[string]any }
		d.Call(d.t, http.MethodGet, "/api/v1/"+kind+"?limit=1000", d.Token, nil, &list)
		for _, item := range list.Items {
			delete(item, "last_used")
			fmt.Fprintln(&all, kind, item)
		}
	}
	return all.String()
}
