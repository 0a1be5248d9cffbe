package api

import (
	"context"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Targets gives the targets.
type Targets interface {
	Targets(ctx context.Context, page barograph.Page) ([]barograph.Target, error)
	Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error)
}

type targetHandlers struct {
	targets Targets
	manage  manage.Targets
}

func (a targetHandlers) ListTargets(ctx context.Context, r ListTargetsRequestObject) (ListTargetsResponseObject, error) {
	items, next, err := list(ctx, a.targets.Targets, r.Params.Limit, r.Params.After,
		func(t barograph.Target) string { return string(t.ID) })
	return ListTargets200JSONResponse{Items: items, Next: next}, err
}

func (a targetHandlers) GetTarget(ctx context.Context, r GetTargetRequestObject) (GetTargetResponseObject, error) {
	t, err := a.targets.Target(ctx, r.ID)
	return GetTarget200JSONResponse(t), err
}

func (a targetHandlers) CreateTarget(ctx context.Context, r CreateTargetRequestObject) (CreateTargetResponseObject, error) {
	t, err := a.manage.Create(ctx, *r.Body)
	return CreateTarget201JSONResponse{
		Body:    t,
		Headers: CreateTarget201ResponseHeaders{Location: "/api/v1/targets/" + string(t.ID)},
	}, err
}

func (a targetHandlers) ReplaceTarget(ctx context.Context, r ReplaceTargetRequestObject) (ReplaceTargetResponseObject, error) {
	t, err := a.manage.Replace(ctx, r.ID, *r.Body)
	return ReplaceTarget200JSONResponse(t), err
}

func (a targetHandlers) DeleteTarget(ctx context.Context, r DeleteTargetRequestObject) (DeleteTargetResponseObject, error) {
	return DeleteTarget204Response{}, a.manage.Delete(ctx, r.ID)
}
