package dbtest

import (
	"context"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// resource is what the nouns have in common that people configure.
type resource[T any, ID ~string] struct {
	noun    string
	get     func(context.Context, ID) (T, error)
	list    func(context.Context, barograph.Page) ([]T, error)
	create  func(context.Context, T) error
	update  func(context.Context, T, ...func(now T) error) error
	remove  func(context.Context, ID) error
	id      func(T) ID
	rename  func(*T, string)
	times   func(*T) (created, updated *time.Time)
	stamped bool      // the database says when it was updated
	bare    func(T) T // the same with nothing in it that may be missing
	samples []T       // four, in the order of their identifiers
}

func (r resource[T, ID]) test(t *testing.T) {
	ctx := t.Context()
	a, b, c, d := r.samples[0], r.samples[1], r.samples[2], r.bare(r.samples[3])
	paged(t, r.page(ctx), r.id)
	for _, v := range []T{c, a, d, b} {
		noError(t, r.create(ctx, v))
		equal(t, "created "+r.noun, must(r.get(ctx, r.id(v)))(t), v)
	}
	paged(t, r.page(ctx), r.id, r.id(a), r.id(b), r.id(c), r.id(d))
	equal(t, "first in the list", must(r.list(ctx, barograph.Page{Limit: 1}))(t), []T{a})

	r.testConflicts(t, a, b)
	r.testUpdate(t, b)
	r.testOnly(t, a)
	r.testMissing(t)

	noError(t, r.remove(ctx, r.id(c)))
	paged(t, r.page(ctx), r.id, r.id(a), r.id(b), r.id(d))
}

func (r resource[T, ID]) page(ctx context.Context) func(barograph.Page) ([]T, error) {
	return func(p barograph.Page) ([]T, error) { return r.list(ctx, p) }
}

func (r resource[T, ID]) testConflicts(t *testing.T, a, b T) {
	t.Helper()
	ctx := t.Context()
	again := a
	r.rename(&again, "a_new_name")
	isKind(t, "same identifier", r.create(ctx, again), barograph.KindConflict, r.noun, "id", string(r.id(a)))
	r.rename(&again, "a_taken_name")
	noError(t, r.update(ctx, again))
	taken := b
	r.rename(&taken, "a_taken_name")
	isKind(t, "rename to a taken name", r.update(ctx, taken), barograph.KindConflict, r.noun, "name", "a_taken_name")
	equal(t, "after the conflict", must(r.get(ctx, r.id(b)))(t), b)
	noError(t, r.update(ctx, a))
}

func (r resource[T, ID]) testUpdate(t *testing.T, v T) {
	t.Helper()
	ctx := t.Context()
	created, updated := r.times(&v)
	want := *created
	*created, *updated = day(100), day(100)
	noError(t, r.update(ctx, v))
	*created = want
	got := must(r.get(ctx, r.id(v)))(t)
	if r.stamped {
		_, at := r.times(&got)
		*updated = *at
	}
	equal(t, "updated "+r.noun, got, v)

	*updated = time.Time{}
	noError(t, r.update(ctx, v))
	got = must(r.get(ctx, r.id(v)))(t)
	if _, at := r.times(&got); time.Since(*at).Abs() > time.Minute {
		t.Errorf("updated_at of an updated %s is %s, want now", r.noun, at)
	}
}

// testOnly changes nothing if somebody has something against what is stored.
func (r resource[T, ID]) testOnly(t *testing.T, v T) {
	t.Helper()
	if r.stamped { // it compares for itself
		return
	}
	ctx := t.Context()
	before := must(r.get(ctx, r.id(v)))(t)
	refused := barograph.Errorf(barograph.KindConflict, "changed")
	r.rename(&v, "never so")
	err := r.update(ctx, v, func(now T) error {
		equal(t, "what is asked about", now, before)
		return refused
	})
	isKind(t, "update", err, barograph.KindConflict, "changed")
	equal(t, "after it was refused", must(r.get(ctx, r.id(v)))(t), before)
}

func (r resource[T, ID]) testMissing(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	missing := ID("xxx_missing")
	_, err := r.get(ctx, missing)
	isKind(t, "get", err, barograph.KindNotFound, r.noun, string(missing))
	isKind(t, "delete", r.remove(ctx, missing), barograph.KindNotFound, r.noun, string(missing))
	v := r.samples[0]
	noError(t, r.remove(ctx, r.id(v)))
	isKind(t, "update", r.update(ctx, v), barograph.KindNotFound, r.noun, string(r.id(v)))

	created, updated := r.times(&v)
	before := *created
	*created, *updated = time.Time{}, time.Time{}
	noError(t, r.create(ctx, v))
	got := must(r.get(ctx, r.id(v)))(t)
	created, updated = r.times(&got)
	if created.IsZero() || updated.IsZero() || created.Equal(before) || !created.Equal(*updated) {
		t.Errorf("times of a %s created without: %s and %s, want now", r.noun, created, updated)
	}
}

func (x suite) testChecks(t *testing.T) {
	db := x.open(t)
	t.Run("resource", resource[barograph.Check, barograph.CheckID]{
		noun: "check", get: db.Check, list: db.Checks, create: db.CreateCheck, update: db.UpdateCheck, remove: db.DeleteCheck,
		id:     func(c barograph.Check) barograph.CheckID { return c.ID },
		rename: func(c *barograph.Check, name string) { c.Name = name },
		times:  func(c *barograph.Check) (created, updated *time.Time) { return &c.CreatedAt, &c.UpdatedAt },
		bare: func(c barograph.Check) barograph.Check {
			c.Collector, c.Labels, c.Matchers, c.Enabled = "", nil, nil, false
			return c
		},
		samples: []barograph.Check{check(1), matching(t, check(2)), check(3), check(4)},
	}.test)
}

func matching(t *testing.T, c barograph.Check) barograph.Check {
	t.Helper()
	c.Matchers = matchers(t, `{os=~"debian|ubuntu",role!="db"}`)
	return c
}

func (x suite) testTargets(t *testing.T) {
	db := x.open(t)
	t.Run("resource", resource[barograph.Target, barograph.TargetID]{
		noun: "target", get: db.Target, list: db.Targets, create: db.CreateTarget, update: db.UpdateTarget, remove: db.DeleteTarget,
		id:     func(t barograph.Target) barograph.TargetID { return t.ID },
		rename: func(t *barograph.Target, name string) { t.Name = name },
		times:  func(t *barograph.Target) (created, updated *time.Time) { return &t.CreatedAt, &t.UpdatedAt },
		bare: func(t barograph.Target) barograph.Target {
			t.Labels, t.Options, t.Enabled = barograph.Labels{}, barograph.ProbeOptions{}, false
			return t
		},
		samples: []barograph.Target{target(1), target(2), target(3), target(4)},
	}.test)
}

func (x suite) testRules(t *testing.T) {
	db := x.open(t)
	t.Run("resource", resource[barograph.Rule, barograph.RuleID]{
		noun: "rule", get: db.Rule, list: db.Rules, create: db.CreateRule, update: db.UpdateRule, remove: db.DeleteRule,
		id:     func(r barograph.Rule) barograph.RuleID { return r.ID },
		rename: func(r *barograph.Rule, name string) { r.Name = name },
		times:  func(r *barograph.Rule) (created, updated *time.Time) { return &r.CreatedAt, &r.UpdatedAt },
		bare: func(r barograph.Rule) barograph.Rule {
			r.Series.Matchers, r.Bounds, r.Labels, r.Annotations, r.Enabled = nil, nil, nil, map[string]string{}, false
			r.Limit, r.For, r.Horizon = -1, 0, 0
			return r
		},
		samples: []barograph.Rule{rule(t, 1), rule(t, 2), rule(t, 3), rule(t, 4)},
	}.test)
}

func (x suite) testSubscriptions(t *testing.T) {
	db := x.open(t)
	t.Run("resource", resource[barograph.Subscription, barograph.SubscriptionID]{
		noun: "subscription", get: db.Subscription, list: db.Subscriptions, create: db.CreateSubscription,
		update: replace(db), remove: db.DeleteSubscription, stamped: true,
		id:     func(s barograph.Subscription) barograph.SubscriptionID { return s.ID },
		rename: func(s *barograph.Subscription, name string) { s.Name = name },
		times:  func(s *barograph.Subscription) (created, updated *time.Time) { return &s.CreatedAt, &s.UpdatedAt },
		bare: func(s barograph.Subscription) barograph.Subscription {
			s.EventTypes, s.Matchers, s.MinSeverity, s.MinProbability = nil, nil, "", 0
			s.Only, s.MaxETA, s.Storm, s.SMSDailyBudget, s.SMSOverflowTo = "", 0, barograph.Storm{}, 0, nil
			s.Endpoints, s.Enabled = nil, false
			return s
		},
		samples: []barograph.Subscription{subscription(t, 1), subscription(t, 2), subscription(t, 3), subscription(t, 4)},
	}.test)
}
