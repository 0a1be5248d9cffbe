package api

import (
	"context"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/manage"
)

// Tokens gives the tokens.
type Tokens interface {
	Tokens(ctx context.Context, page barograph.Page) ([]barograph.Token, error)
}

type tokenHandlers struct {
	tokens Tokens
	manage manage.Tokens
}

func (a tokenHandlers) ListTokens(ctx context.Context, r ListTokensRequestObject) (ListTokensResponseObject, error) {
	items, next, err := list(ctx, a.tokens.Tokens, r.Params.Limit, r.Params.After,
		func(t barograph.Token) string { return string(t.ID) })
	return ListTokens200JSONResponse{Items: items, Next: next}, err
}

func (a tokenHandlers) CreateToken(ctx context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	t, key, err := a.manage.Create(ctx, *r.Body)
	return CreateToken201JSONResponse{Token: t, Key: key.Reveal()}, err
}

func (a tokenHandlers) DeleteToken(ctx context.Context, r DeleteTokenRequestObject) (DeleteTokenResponseObject, error) {
	return DeleteToken204Response{}, a.manage.Delete(ctx, r.ID)
}
