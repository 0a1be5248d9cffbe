package api

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// Tokens keeps the tokens and the hashes of their keys.
type Tokens interface {
	Tokens(ctx context.Context, page barograph.Page) ([]barograph.Token, error)
	CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) error
	DeleteToken(ctx context.Context, id barograph.TokenID) error
}

type tokenHandlers struct {
	tokens Tokens
	ring   *keyring
	clock  barograph.Clock
}

const maxTokenYears = 100

func (a tokenHandlers) ListTokens(ctx context.Context, r ListTokensRequestObject) (ListTokensResponseObject, error) {
	items, next, err := list(ctx, a.tokens.Tokens, r.Params.Limit, r.Params.After,
		func(t barograph.Token) string { return string(t.ID) })
	return ListTokens200JSONResponse{Items: items, Next: next}, err
}

func (a tokenHandlers) CreateToken(ctx context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	now := timestamp(a.clock)
	key, hash, err := newKey(r.Body.Role)
	if err != nil {
		return nil, err
	}
	t := barograph.Token{
		ID: barograph.TokenID(barograph.NewID("tok", now)), Name: r.Body.Name, Role: r.Body.Role,
		Prefix: barograph.KeyPrefix(key), CreatedAt: now, ExpiresAt: r.Body.ExpiresAt,
	}
	var p barograph.Problems
	p.Merge("", t.Validate())
	if end := t.ExpiresAt; !end.IsZero() && (!end.After(now) || end.After(now.AddDate(maxTokenYears, 0, 0))) {
		p.Addf("expires_at", "%s is not between now and %d years from now", end.Format(time.RFC3339), maxTokenYears)
	}
	if err := p.Err("token"); err != nil {
		return nil, err
	}
	if err := a.tokens.CreateToken(ctx, t, hash); err != nil {
		return nil, err
	}
	return CreateToken201JSONResponse{Token: t, Key: key.Reveal()}, nil
}

func (a tokenHandlers) DeleteToken(ctx context.Context, r DeleteTokenRequestObject) (DeleteTokenResponseObject, error) {
	if err := a.tokens.DeleteToken(ctx, r.ID); err != nil {
		return nil, err
	}
	a.ring.forget()
	return DeleteToken204Response{}, nil
}
