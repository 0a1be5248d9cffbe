package manage

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// CheckStore keeps the checks.
type CheckStore interface {
	Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error)
	CreateCheck(ctx context.Context, c barograph.Check) error
	// UpdateCheck changes nothing if only refuses what is stored by then.
	UpdateCheck(ctx context.Context, c barograph.Check, only ...func(now barograph.Check) error) error
	DeleteCheck(ctx context.Context, id barograph.CheckID) error
}

// CheckInput is what is said of a check. What is nil gets the default. Either a
// collector or a command is needed.
type CheckInput struct {
	Name      string                  `json:"name"` // unique; the metric name of a command's value
	Collector barograph.CollectorName `json:"collector,omitempty"`
	Command   string                  `json:"command,omitempty"`
	Interval  *barograph.Duration     `json:"interval,omitempty"` // 1m
	Timeout   *barograph.Duration     `json:"timeout,omitempty"`  // 30s, or the interval where that is shorter
	Labels    barograph.Labels        `json:"labels,omitempty"`
	Matchers  barograph.Matchers      `json:"matchers,omitempty"`
	Enabled   *bool                   `json:"enabled,omitempty"` // true
	Basis     Version                 `json:"-"`
}

// Checks makes and changes checks.
type Checks struct {
	store CheckStore
	clock barograph.Clock
}

// Create makes a check.
func (m Checks) Create(ctx context.Context, in CheckInput) (barograph.Check, error) {
	c := newCheck(in)
	now := timestamp(m.clock)
	c.ID, c.CreatedAt, c.UpdatedAt = barograph.CheckID(barograph.NewID("chk", now)), now, now
	if err := c.Validate(); err != nil {
		return barograph.Check{}, err
	}
	return c, m.store.CreateCheck(ctx, c)
}

// Replace changes all that is said of a check.
func (m Checks) Replace(ctx context.Context, id barograph.CheckID, in CheckInput) (barograph.Check, error) {
	old, err := m.store.Check(ctx, id)
	if err != nil {
		return barograph.Check{}, err
	}
	c := newCheck(in)
	c.ID, c.CreatedAt, c.UpdatedAt = old.ID, old.CreatedAt, timestamp(m.clock)
	if err := c.Validate(); err != nil {
		return barograph.Check{}, err
	}
	return c, m.store.UpdateCheck(ctx, c, func(now barograph.Check) error { return in.Basis.holds("check", now.Name, InputOfCheck(now)) })
}

// Delete removes a check.
func (m Checks) Delete(ctx context.Context, id barograph.CheckID) error {
	return m.store.DeleteCheck(ctx, id)
}

// newCheck fills in what was left out.
func newCheck(in CheckInput) barograph.Check {
	interval := or(in.Interval, barograph.Duration(time.Minute))
	return barograph.Check{
		Name: in.Name, Collector: in.Collector, Command: in.Command,
		Interval: interval, Timeout: or(in.Timeout, min(barograph.Duration(30*time.Second), interval)),
		Labels: in.Labels, Matchers: in.Matchers, Enabled: or(in.Enabled, true),
	}
}
