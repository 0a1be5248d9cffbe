package api

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// Targets keeps the targets.
type Targets interface {
	Targets(ctx context.Context, page barograph.Page) ([]barograph.Target, error)
	Target(ctx context.Context, id barograph.TargetID) (barograph.Target, error)
	CreateTarget(ctx context.Context, t barograph.Target) error
	UpdateTarget(ctx context.Context, t barograph.Target) error
	DeleteTarget(ctx context.Context, id barograph.TargetID) error
}

type targetHandlers struct {
	targets Targets
	clock   barograph.Clock
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
	t := newTarget(*r.Body)
	now := timestamp(a.clock)
	t.ID, t.CreatedAt, t.UpdatedAt = barograph.TargetID(barograph.NewID("tgt", now)), now, now
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := a.targets.CreateTarget(ctx, t); err != nil {
		return nil, err
	}
	return CreateTarget201JSONResponse{
		Body:    t,
		Headers: CreateTarget201ResponseHeaders{Location: "/api/v1/targets/" + string(t.ID)},
	}, nil
}

func (a targetHandlers) ReplaceTarget(ctx context.Context, r ReplaceTargetRequestObject) (ReplaceTargetResponseObject, error) {
	old, err := a.targets.Target(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	t := newTarget(*r.Body)
	t.ID, t.CreatedAt, t.UpdatedAt = old.ID, old.CreatedAt, timestamp(a.clock)
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := a.targets.UpdateTarget(ctx, t); err != nil {
		return nil, err
	}
	return ReplaceTarget200JSONResponse(t), nil
}

func (a targetHandlers) DeleteTarget(ctx context.Context, r DeleteTargetRequestObject) (DeleteTargetResponseObject, error) {
	if err := a.targets.DeleteTarget(ctx, r.ID); err != nil {
		return nil, err
	}
	return DeleteTarget204Response{}, nil
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
