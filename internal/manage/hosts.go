package manage

import (
	"context"

	"github.com/barograph/barograph"
)

// HostStore keeps the hosts.
type HostStore interface {
	Host(ctx context.Context, id barograph.HostID) (barograph.Host, error)
	CreateHost(ctx context.Context, h barograph.Host, key barograph.KeyHash) error
	// UpdateHost changes nothing if only refuses what is stored by then.
	UpdateHost(ctx context.Context, h barograph.Host, only ...func(now barograph.Host) error) error
	DeleteHost(ctx context.Context, id barograph.HostID) error
}

// HostKeys keeps the hashes of the hosts' keys.
type HostKeys interface {
	SetHostKey(ctx context.Context, id barograph.HostID, key barograph.KeyHash) error
}

// HostInput is what is said of a host.
type HostInput struct {
	Name   string           `json:"name"` // unique
	Labels barograph.Labels `json:"labels,omitempty"`
	Basis  Version          `json:"-"`
}

// Hosts enrols and changes hosts.
type Hosts struct {
	store   HostStore
	keys    HostKeys
	holders *keyHolders
	clock   barograph.Clock
}

// Create enrols a host and returns it with the key of its agent.
func (m Hosts) Create(ctx context.Context, in HostInput) (barograph.Host, barograph.Secret, error) {
	now := timestamp(m.clock)
	h := barograph.Host{ID: barograph.HostID(barograph.NewID("hst", now)), Name: in.Name, Labels: in.Labels, CreatedAt: now}
	if err := h.Validate(); err != nil {
		return barograph.Host{}, "", err
	}
	key, hash, err := newKey(barograph.RoleAgent)
	if err != nil {
		return barograph.Host{}, "", err
	}
	if err := m.store.CreateHost(ctx, h, hash); err != nil {
		return barograph.Host{}, "", err
	}
	return h, key, nil
}

// Replace changes what is said of a host.
func (m Hosts) Replace(ctx context.Context, id barograph.HostID, in HostInput) (barograph.Host, error) {
	h, err := m.store.Host(ctx, id)
	if err != nil {
		return barograph.Host{}, err
	}
	h.Name, h.Labels = in.Name, in.Labels
	if err := h.Validate(); err != nil {
		return barograph.Host{}, err
	}
	unchanged := func(now barograph.Host) error { return in.Basis.holds("host", now.Name, InputOfHost(now)) }
	if err := m.store.UpdateHost(ctx, h, unchanged); err != nil {
		return barograph.Host{}, err
	}
	m.holders.tell() // who remembers the key remembers the name
	return h, nil
}

// Delete removes a host; its key is worth nothing from then on.
func (m Hosts) Delete(ctx context.Context, id barograph.HostID) error {
	if err := m.store.DeleteHost(ctx, id); err != nil {
		return err
	}
	m.holders.tell()
	return nil
}

// RenewKey gives a host a new key in place of the one that it has.
func (m Hosts) RenewKey(ctx context.Context, id barograph.HostID) (barograph.Host, barograph.Secret, error) {
	h, err := m.store.Host(ctx, id)
	if err != nil {
		return barograph.Host{}, "", err
	}
	key, hash, err := newKey(barograph.RoleAgent)
	if err != nil {
		return barograph.Host{}, "", err
	}
	if err := m.keys.SetHostKey(ctx, h.ID, hash); err != nil {
		return barograph.Host{}, "", err
	}
	m.holders.tell()
	return h, key, nil
}
