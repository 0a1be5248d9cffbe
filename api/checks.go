package api

import (
	"context"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Checks gives the checks.
type Checks interface {
	Checks(ctx context.Context, page barograph.Page) ([]barograph.Check, error)
	Check(ctx context.Context, id barograph.CheckID) (barograph.Check, error)
}

type checkHandlers struct {
	checks Checks
	manage manage.Checks
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
	c, err := a.manage.Create(ctx, *r.Body)
	return CreateCheck201JSONResponse{
		Body:    c,
		Headers: CreateCheck201ResponseHeaders{Location: "/api/v1/checks/" + string(c.ID)},
	}, err
}

func (a checkHandlers) ReplaceCheck(ctx context.Context, r ReplaceCheckRequestObject) (ReplaceCheckResponseObject, error) {
	c, err := a.manage.Replace(ctx, r.ID, *r.Body)
	return ReplaceCheck200JSONResponse(c), err
}

func (a checkHandlers) DeleteCheck(ctx context.Context, r DeleteCheckRequestObject) (DeleteCheckResponseObject, error) {
	return DeleteCheck204Response{}, a.manage.Delete(ctx, r.ID)
}
