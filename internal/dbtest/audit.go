package dbtest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func auditID(e barograph.AuditEntry) string { return e.ID }

// text returns a thing of an audit entry as JSON.
func text(t *testing.T, thing any) string {
	t.Helper()
	return string(must(json.Marshal(thing))(t))
}

// testAudit: each change leaves exactly one entry, which says who made it, and
// has no secret in it.
func (x suite) testAudit(t *testing.T) {
	db := x.open(t)
	somebody := barograph.WithIdentity(t.Context(), barograph.Identity{Role: barograph.RoleOperator, Name: "ops " + odd})
	nobody := t.Context()
	sub := subscription(t, 1)
	sub.Endpoints[1].Health = barograph.EndpointHealth{}
	ep := sub.Endpoints[0]
	renamed := sub
	renamed.Name, renamed.Endpoints = "renamed", sub.Endpoints[:2]
	sil := sampleSilence(t, 1)
	longer := sil
	longer.EndsAt = day(99)
	p, b := prediction(1, "rul_a", "a"), breach(1, "rul_a", "a")
	noError(t, db.Record(nobody, barograph.Change{Predictions: []barograph.Prediction{p}, Breaches: []barograph.Breach{b}}))
	ack := func(topic, by string) func() error {
		a := barograph.Ack{Topic: topic, Acknowledgement: barograph.Acknowledgement{At: day(1), By: by, Comment: odd}}
		return func() error { return db.Record(nobody, barograph.Change{Acks: []barograph.Ack{a}}) }
	}
	off, failing := barograph.EndpointHealth{Disabled: true, DisabledReason: "410"}, barograph.EndpointHealth{Failures: 1}
	tried := func(health barograph.EndpointHealth, told ...barograph.Event) error {
		return db.SaveDeliveryResults(nobody, []barograph.DeliveryResult{{
			Delivery: barograph.Delivery{ID: "dlv_missing", EndpointID: sub.Endpoints[1].ID}, Attempt: failure(day(1)), Health: health,
			Change: barograph.Change{Events: told},
		}})
	}
	disabled, enabled := event(1, barograph.EventEndpointDisabled), event(2, barograph.EventEndpointEnabled)
	type entry struct{ by, action, kind, subject, name string }
	subEntry := func(action string) *entry {
		return &entry{"ops " + odd, action, "subscription", string(sub.ID), sub.Name}
	}
	epEntry := func(by, action string, ep barograph.Endpoint) *entry {
		return &entry{by, action, "endpoint", string(ep.ID), sub.Name}
	}
	silEntry := func(action string) *entry {
		return &entry{"ops " + odd, action, "silence", string(sil.ID), sil.Matchers.String()}
	}
	n := 0
	for _, step := range []struct {
		what          string
		do            func() error
		want          *entry
		before, after string // words of the JSON; "null": nothing
	}{
		{"create", func() error { return db.CreateSubscription(somebody, sub) }, subEntry("created"), "null", ep.URL},
		{"create again", func() error { return expectError(db.CreateSubscription(somebody, sub)) }, nil, "", ""},
		{"pause", func() error { return db.SetSubscriptionEnabled(somebody, sub.ID, false) }, subEntry("paused"), `"enabled":true`, `"enabled":false`},
		{"resume", func() error { return replace(db)(somebody, sub) }, subEntry("resumed"), `"enabled":false`, `"enabled":true`},
		{"rotate", func() error { return db.RotateSecret(somebody, sub.ID, ep.ID, "whsec_bmV3bmV3bmV3", day(3)) }, epEntry("ops "+odd, "secret rotated", ep), ep.URL, "previous_secret_until"},
		{"disable", func() error { return db.SetEndpointHealth(somebody, sub.ID, ep.ID, off, barograph.Change{}) }, epEntry("ops "+odd, "disabled", ep), `"disabled":false`, `"disabled":true`},
		{"disable again", func() error { return db.SetEndpointHealth(somebody, sub.ID, ep.ID, off, barograph.Change{}) }, nil, "", ""},
		{"enable", func() error { return db.SetEndpointHealth(somebody, sub.ID, ep.ID, failing, barograph.Change{}) }, epEntry("ops "+odd, "enabled", ep), `"disabled":true`, `"failures":1`},
		{"fail", func() error { return tried(failing) }, nil, "", ""},
		{"disabled by failing", func() error { return tried(off, disabled) }, epEntry("", "disabled", sub.Endpoints[1]), `"failures":1`, "410"},
		{"still disabled", func() error { return tried(off, disabled) }, nil, "", ""},
		{"enabled by a test", func() error { return tried(barograph.EndpointHealth{LastSuccess: day(1)}, enabled) }, epEntry("", "enabled", sub.Endpoints[1]), "410", `"failures":0`},
		{"silence", func() error { return db.CreateSilence(somebody, sil) }, silEntry("created"), "null", `"comment"`},
		{"change silence", func() error { return db.UpdateSilence(somebody, longer) }, silEntry("changed"), `"ends_at"`, day(99).Format("2006-01-02")},
		{"delete silence", func() error { return db.DeleteSilence(somebody, sil.ID) }, silEntry("deleted"), `"comment"`, "null"},
		{"delete silence again", func() error { return expectError(db.DeleteSilence(somebody, sil.ID)) }, nil, "", ""},
		{"acknowledge prediction", ack(string(p.ID), "anna"), &entry{"anna", "acknowledged", "prediction", string(p.ID), p.RuleName}, "null", "anna"},
		{"acknowledge again", ack(string(p.ID), "otto"), nil, "", ""},
		{"acknowledge breach", ack(string(b.ID), "otto"), &entry{"otto", "acknowledged", "breach", string(b.ID), b.RuleName}, "null", "otto"},
		{"acknowledge nothing", ack("prd_missing", "otto"), nil, "", ""},
		{"note", func() error {
			return db.NoteAudit(somebody, barograph.AuditEntry{Action: "replayed", Kind: "subscription", Subject: "sub_x", Name: "x", After: map[string]int{"deliveries": 7}})
		}, &entry{"ops " + odd, "replayed", "subscription", "sub_x", "x"}, "null", `{"deliveries":7}`},
		{"rename", func() error { return replace(db)(somebody, renamed) }, &entry{"ops " + odd, "changed", "subscription", string(sub.ID), "renamed"}, sub.Name, "renamed"},
		{"delete", func() error { return db.DeleteSubscription(somebody, sub.ID) }, &entry{"ops " + odd, "deleted", "subscription", string(sub.ID), "renamed"}, "renamed", "null"},
		{"delete again", func() error { return expectError(db.DeleteSubscription(somebody, sub.ID)) }, nil, "", ""},
	} {
		noError(t, step.do())
		entries := must(db.Audit(nobody, barograph.AuditFilter{}, barograph.Page{}))(t)
		added := len(entries) - n
		n = len(entries)
		if step.want == nil {
			if added != 0 {
				t.Errorf("%s: %d entries, want none", step.what, added)
			}
			continue
		}
		if added != 1 {
			t.Fatalf("%s: %d entries, want 1", step.what, added)
		}
		e := entries[0]
		if got := (entry{e.By, e.Action, e.Kind, e.Subject, e.Name}); got != *step.want {
			t.Errorf("%s: %+v, want %+v", step.what, got, *step.want)
		}
		if e.At.IsZero() || !strings.HasPrefix(e.ID, "aud_") {
			t.Errorf("%s: entry %q at %s, want both", step.what, e.ID, e.At)
		}
		before, after := text(t, e.Before), text(t, e.After)
		if !strings.Contains(before, step.before) || !strings.Contains(after, step.after) {
			t.Errorf("%s: from %s to %s; want %q in the first and %q in the second", step.what, before, after, step.before, step.after)
		}
		if strings.Contains(before+after, "whsec_") {
			t.Errorf("%s: a secret is in it: %s, %s", step.what, before, after)
		}
	}
}

func (x suite) testAuditFilter(t *testing.T) {
	db := x.open(t)
	var all []string
	for n, e := range []barograph.AuditEntry{
		{At: day(1), Kind: "subscription", Subject: "sub_1"},
		{At: day(2), Kind: "endpoint", Subject: "ept_1"},
		{At: day(3), Kind: "subscription", Subject: "sub_2"},
		{At: day(4), Kind: "subscription", Subject: "sub_1"},
	} {
		noError(t, db.NoteAudit(t.Context(), e))
		noted := must(db.Audit(t.Context(), barograph.AuditFilter{}, barograph.Page{Limit: 1}))(t)[0]
		if !noted.At.Equal(day(n + 1)) {
			t.Fatalf("newest entry is of %s, want %s", noted.At, day(n+1))
		}
		all = append(all, noted.ID)
	}
	for _, test := range []struct {
		name   string
		filter barograph.AuditFilter
		want   []string
	}{
		{"all", barograph.AuditFilter{}, []string{all[3], all[2], all[1], all[0]}},
		{"kind", barograph.AuditFilter{Kind: "subscription"}, []string{all[3], all[2], all[0]}},
		{"subject", barograph.AuditFilter{Subject: "sub_1"}, []string{all[3], all[0]}},
		{"time", barograph.AuditFilter{From: day(2), To: day(4)}, []string{all[2], all[1]}},
		{"none", barograph.AuditFilter{Kind: "silence"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			paged(t, func(p barograph.Page) ([]barograph.AuditEntry, error) { return db.Audit(t.Context(), test.filter, p) },
				auditID, test.want...)
		})
	}
}

// testAuditIsAtomic: what was not changed is not on record as changed, nor what
// belongs to it.
func (x suite) testAuditIsAtomic(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	sub := hook(t, 1, 1)
	noError(t, db.CreateSubscription(ctx, sub))
	d := delivery(1, event(1, barograph.EventEndpointDisabled), sub, 0) // of an event that does not exist
	err := db.SetEndpointHealth(ctx, sub.ID, sub.Endpoints[0].ID, barograph.EndpointHealth{Disabled: true, DisabledAt: day(1)},
		barograph.Change{Deliveries: []barograph.Delivery{d}})
	if err == nil {
		t.Fatal("disabled, though what follows from it can't be recorded")
	}
	equal(t, "subscription", must(db.Subscription(ctx, sub.ID))(t), sub)
	if entries := must(db.Audit(ctx, barograph.AuditFilter{}, barograph.Page{}))(t); len(entries) != 1 {
		t.Errorf("%d entries, want one of the creation", len(entries))
	}
	noError(t, db.NoteAudit(ctx, barograph.AuditEntry{At: time.Time{}, Action: "replayed"}))
}
