package api

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// Checks keeps the checks.
type Checks interface {
	Checks(ctx context.Context, page barograph.Page) ([]barograph.Check, error)
	Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error)
	CreateCheck(ctx context.Context, c barograph.Check) error
	UpdateCheck(ctx context.Context, c barograph.Check) error
	DeleteCheck(ctx context.Context, id barograph.CheckID) error
}

type checkHandlers struct {
	checks Checks
	clock  barograph.Clock
}

func (a checkHandlers) ListChecks(ctx context.Context, r ListChecksRequestObject) (ListChecksResponseObject, error) {
	items, next, err := list(ctx, a.checks.Checks, r.Params.Limit, r.Params.After,
		func(c barograph.Check) string { return string(c.ID) })
	return ListChecks200JSONResponse{Items: items, Next: next}, err
}

func (a checkHandlers) GetCheck(ctx context.Context, r GetCheckRequestObject) (GetCheckResponseObject, error) {
	c, err := a.checks.Check(ctx, r.ID)
	return GetCheck200JSONResponse(c), err
}

func (a checkHandlers) CreateCheck(ctx context.Context, r CreateCheckRequestObject) (CreateCheckResponseObject, error) {
	c := newCheck(*r.Body)
	now := timestamp(a.clock)
	c.ID, c.CreatedAt, c.UpdatedAt = barograph.CheckID(barograph.NewID("chk", now)), now, now
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := a.checks.CreateCheck(ctx, c); err != nil {
		return nil, err
	}
	return CreateCheck201JSONResponse{
		Body:    c,
		Headers: CreateCheck201ResponseHeaders{Location: "/api/v1/checks/" + string(c.ID)},
	}, nil
}

func (a checkHandlers) ReplaceCheck(ctx context.Context, r ReplaceCheckRequestObject) (ReplaceCheckResponseObject, error) {
	old, err := a.checks.Check(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	c := newCheck(*r.Body)
	c.ID, c.CreatedAt, c.UpdatedAt = old.ID, old.CreatedAt, timestamp(a.clock)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := a.checks.UpdateCheck(ctx, c); err != nil {
		return nil, err
	}
	return ReplaceCheck200JSONResponse(c), nil
}

func (a checkHandlers) DeleteCheck(ctx context.Context, r DeleteCheckRequestObject) (DeleteCheckResponseObject, error) {
	if err := a.checks.DeleteCheck(ctx, r.ID); err != nil {
		return nil, err
	}
	return DeleteCheck204Response{}, nil
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
