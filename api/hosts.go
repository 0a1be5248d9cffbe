package api

import (
	"context"

	"github.com/barograph/barograph"
)

// Hosts keeps the hosts.
type Hosts interface {
	Hosts(ctx context.Context, page barograph.Page) ([]barograph.Host, error)
	Host(ctx context.Context, id barograph.HostID) (barograph.Host, error)
	CreateHost(ctx context.Context, h barograph.Host, key barograph.KeyHash) error
	UpdateHost(ctx context.Context, h barograph.Host) error
	DeleteHost(ctx context.Context, id barograph.HostID) error
}

// HostKeys keeps the hashes of the hosts' keys.
type HostKeys interface {
	SetHostKey(ctx context.Context, id barograph.HostID, key barograph.KeyHash) error
}

type hostHandlers struct {
	hosts Hosts
	keys  HostKeys
	ring  *keyring
	clock barograph.Clock
}

func (a hostHandlers) ListHosts(ctx context.Context, r ListHostsRequestObject) (ListHostsResponseObject, error) {
	items, next, err := list(ctx, a.hosts.Hosts, r.Params.Limit, r.Params.After,
		func(h barograph.Host) string { return string(h.ID) })
	return ListHosts200JSONResponse{Items: items, Next: next}, err
}

func (a hostHandlers) GetHost(ctx context.Context, r GetHostRequestObject) (GetHostResponseObject, error) {
	h, err := a.hosts.Host(ctx, r.ID)
	return GetHost200JSONResponse(h), err
}

func (a hostHandlers) CreateHost(ctx context.Context, r CreateHostRequestObject) (CreateHostResponseObject, error) {
	now := timestamp(a.clock)
	h := barograph.Host{
		ID: barograph.HostID(barograph.NewID("hst", now)), Name: r.Body.Name, Labels: r.Body.Labels, CreatedAt: now,
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	key, hash, err := newKey(barograph.RoleAgent)
	if err != nil {
		return nil, err
	}
	if err := a.hosts.CreateHost(ctx, h, hash); err != nil {
		return nil, err
	}
	return CreateHost201JSONResponse{
		Body:    HostWithKey{Host: h, Key: key.Reveal()},
		Headers: CreateHost201ResponseHeaders{Location: "/api/v1/hosts/" + string(h.ID)},
	}, nil
}

func (a hostHandlers) ReplaceHost(ctx context.Context, r ReplaceHostRequestObject) (ReplaceHostResponseObject, error) {
	h, err := a.hosts.Host(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	h.Name, h.Labels = r.Body.Name, r.Body.Labels
	if err := h.Validate(); err != nil {
		return nil, err
	}
	if err := a.hosts.UpdateHost(ctx, h); err != nil {
		return nil, err
	}
	a.ring.forget()
	return ReplaceHost200JSONResponse(h), nil
}

func (a hostHandlers) DeleteHost(ctx context.Context, r DeleteHostRequestObject) (DeleteHostResponseObject, error) {
	if err := a.hosts.DeleteHost(ctx, r.ID); err != nil {
		return nil, err
	}
	a.ring.forget()
	return DeleteHost204Response{}, nil
}

func (a hostHandlers) RenewHostKey(ctx context.Context, r RenewHostKeyRequestObject) (RenewHostKeyResponseObject, error) {
	h, err := a.hosts.Host(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	key, hash, err := newKey(barograph.RoleAgent)
	if err != nil {
		return nil, err
	}
	if err := a.keys.SetHostKey(ctx, h.ID, hash); err != nil {
		return nil, err
	}
	a.ring.forget()
	return RenewHostKey200JSONResponse{Host: h, Key: key.Reveal()}, nil
}

func newKey(role barograph.Role) (barograph.Secret, barograph.KeyHash, error) {
	key := barograph.NewKey(role)
	hash, err := barograph.HashKey(key)
	return key, hash, err
}
