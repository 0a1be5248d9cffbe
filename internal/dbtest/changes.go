package dbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

func (x suite) testChanges(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	changed, stop := db.Changes()
	other, stopOther := db.Changes()
	stopOther()
	h, c, g, r, s := host(1), check(1), target(1), rule(t, 1), hook(t, 1, 1)
	e := event(1, barograph.EventBreachStarted)
	ill := barograph.EndpointHealth{Failures: 1}
	off := barograph.EndpointHealth{Failures: 1, Disabled: true}
	result := func(health barograph.EndpointHealth, told ...barograph.Event) error {
		return db.SaveDeliveryResults(ctx, []barograph.DeliveryResult{
			{Delivery: delivery(1, e, s, 0), Attempt: failure(day(1)), Health: health, Change: barograph.Change{Events: told}},
		})
	}
	disabled, enabled := event(2, barograph.EventEndpointDisabled), event(3, barograph.EventEndpointEnabled)
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"create host", func() error { return db.CreateHost(ctx, h, key(1)) }, true},
		{"update host", func() error { return db.UpdateHost(ctx, h) }, true},
		{"mark host as seen", func() error { return db.MarkSeen(ctx, map[barograph.HostID]time.Time{h.ID: day(1)}) }, false},
		{"create check", func() error { return db.CreateCheck(ctx, c) }, true},
		{"update check", func() error { return db.UpdateCheck(ctx, c) }, true},
		{"delete check", func() error { return db.DeleteCheck(ctx, c.ID) }, true},
		{"create target", func() error { return db.CreateTarget(ctx, g) }, true},
		{"delete target", func() error { return db.DeleteTarget(ctx, g.ID) }, true},
		{"create rule", func() error { return db.CreateRule(ctx, r) }, true},
		{"create rule again", func() error { return expectError(db.CreateRule(ctx, r)) }, false},
		{"update rule", func() error { return db.UpdateRule(ctx, r) }, true},
		{"demote rule", func() error {
			return db.Record(ctx, barograph.Change{Standings: []barograph.RuleStanding{{RuleID: r.ID, Demoted: &barograph.Demotion{At: day(1)}}}})
		}, true},
		{"delete rule", func() error { return db.DeleteRule(ctx, r.ID) }, true},
		{"delete rule again", func() error { return expectError(db.DeleteRule(ctx, r.ID)) }, false},
		{"create subscription", func() error { return db.CreateSubscription(ctx, s) }, true},
		{"update subscription", func() error { return db.UpdateSubscription(ctx, s) }, true},
		{"create token", func() error { return db.CreateToken(ctx, barograph.Token{ID: "tok_1"}, key(1)) }, false},
		{"record", func() error {
			return db.Record(ctx, barograph.Change{Events: []barograph.Event{e}, Deliveries: []barograph.Delivery{delivery(1, e, s, 0)}})
		}, false},
		{"a failure", func() error { return result(ill) }, false},
		{"endpoint disabled", func() error { return result(off, disabled) }, true},
		{"endpoint still disabled", func() error { return result(off) }, false},
		{"endpoint enabled", func() error { return result(ill, enabled) }, true},
		{"host silent", func() error {
			return db.Record(ctx, barograph.Change{Silences: []barograph.HostSilence{{HostID: h.ID, Since: day(1)}}})
		}, true},
		{"delete subscription", func() error { return db.DeleteSubscription(ctx, s.ID) }, true},
		{"delete host", func() error { return db.DeleteHost(ctx, h.ID) }, true},
	} {
		noError(t, step.do())
		fires(t, step.name, changed, step.want)
	}

	noError(t, db.CreateCheck(ctx, check(2)))
	noError(t, db.CreateCheck(ctx, check(3)))
	fires(t, "two changes", changed, true)
	fires(t, "two changes are one", changed, false)
	stop()
	noError(t, db.DeleteCheck(ctx, check(2).ID))
	fires(t, "after stop", changed, false)
	fires(t, "one that stopped", other, false)
}

var errExpected = errors.New("an error was expected")

func expectError(err error) error {
	if err == nil {
		return errExpected
	}
	return nil
}

func (x suite) testCanceledContext(t *testing.T) {
	db := x.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.CreateCheck(ctx, check(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("write: error %v, want canceled", err)
	}
	if _, err := db.Checks(ctx, barograph.Page{}); !errors.Is(err, context.Canceled) {
		t.Errorf("read: error %v, want canceled", err)
	}
	noError(t, db.CreateCheck(t.Context(), check(1)))
}
