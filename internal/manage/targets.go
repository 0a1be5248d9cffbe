package manage

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// TargetStore keeps the targets.
type TargetStore interface {
	Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error)
	CreateTarget(ctx context.Context, t barograph.Target) error
	// UpdateTarget changes nothing if only refuses what is stored by then.
	UpdateTarget(ctx context.Context, t barograph.Target, only ...func(now barograph.Target) error) error
	DeleteTarget(ctx context.Context, id barograph.TargetID) error
}

// TargetInput is what is said of a target. What is nil gets the default.
type TargetInput struct {
	Name     string                 `json:"name"` // unique
	Kind     barograph.ProbeKind    `json:"kind"`
	Address  string                 `json:"address"`
	Interval *barograph.Duration    `json:"interval,omitempty"` // icmp: 30s, else 1m
	Timeout  *barograph.Duration    `json:"timeout,omitempty"`  // 5s, or the interval where that is shorter
	Count    *int                   `json:"count,omitempty"`    // icmp: 4, else 1
	Labels   barograph.Labels       `json:"labels,omitempty"`
	Options  barograph.ProbeOptions `json:"options,omitzero"`
	Enabled  *bool                  `json:"enabled,omitempty"` // true
	Basis    Version                `json:"-"`
}

// Targets makes and changes targets.
type Targets struct {
	store TargetStore
	clock barograph.Clock
}

// Create makes a target.
func (m Targets) Create(ctx context.Context, in TargetInput) (barograph.Target, error) {
	t := newTarget(in)
	now := timestamp(m.clock)
	t.ID, t.CreatedAt, t.UpdatedAt = barograph.TargetID(barograph.NewID("tgt", now)), now, now
	if err := judgeTarget(t); err != nil {
		return barograph.Target{}, err
	}
	return t, m.store.CreateTarget(ctx, t)
}

// Replace changes all that is said of a target.
func (m Targets) Replace(ctx context.Context, id barograph.TargetID, in TargetInput) (barograph.Target, error) {
	old, err := m.store.Target(ctx, id)
	if err != nil {
		return barograph.Target{}, err
	}
	t := newTarget(in)
	t.ID, t.CreatedAt, t.UpdatedAt = old.ID, old.CreatedAt, timestamp(m.clock)
	if err := judgeTarget(t); err != nil {
		return barograph.Target{}, err
	}
	return t, m.store.UpdateTarget(ctx, t, func(now barograph.Target) error { return in.Basis.holds("target", now.Name, InputOfTarget(now)) })
}

// Delete removes a target.
func (m Targets) Delete(ctx context.Context, id barograph.TargetID) error {
	return m.store.DeleteTarget(ctx, id)
}

// newTarget fills in what was left out.
func newTarget(in TargetInput) barograph.Target {
	interval, count := time.Minute, 1
	if in.Kind == barograph.ProbeICMP {
		interval, count = 30*time.Second, 4
	}
	t := barograph.Target{
		Name: in.Name, Kind: in.Kind, Address: in.Address,
		Interval: or(in.Interval, barograph.Duration(interval)), Count: or(in.Count, count),
		Labels: in.Labels, Options: in.Options, Enabled: or(in.Enabled, true),
	}
	t.Timeout = or(in.Timeout, min(barograph.Duration(5*time.Second), t.Interval))
	return t
}
