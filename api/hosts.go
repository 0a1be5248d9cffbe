package api

import (
	"context"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Hosts gives the hosts.
type Hosts interface {
	Hosts(ctx context.Context, page barograph.Page) ([]barograph.Host, error)
	Host(ctx context.Context, id barograph.HostID) (barograph.Host, error)
}

type hostHandlers struct {
	hosts  Hosts
	manage manage.Hosts
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
	h, key, err := a.manage.Create(ctx, *r.Body)
	return CreateHost201JSONResponse{
		Body:    HostWithKey{Host: h, Key: key.Reveal()},
		Headers: CreateHost201ResponseHeaders{Location: "/api/v1/hosts/" + string(h.ID)},
	}, err
}

func (a hostHandlers) ReplaceHost(ctx context.Context, r ReplaceHostRequestObject) (ReplaceHostResponseObject, error) {
	h, err := a.manage.Replace(ctx, r.ID, *r.Body)
	return ReplaceHost200JSONResponse(h), err
}

func (a hostHandlers) DeleteHost(ctx context.Context, r DeleteHostRequestObject) (DeleteHostResponseObject, error) {
	return DeleteHost204Response{}, a.manage.Delete(ctx, r.ID)
}

func (a hostHandlers) RenewHostKey(ctx context.Context, r RenewHostKeyRequestObject) (RenewHostKeyResponseObject, error) {
	h, key, err := a.manage.RenewKey(ctx, r.ID)
	return RenewHostKey200JSONResponse{Host: h, Key: key.Reveal()}, err
}
