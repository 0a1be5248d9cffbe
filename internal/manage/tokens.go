package manage

import (
	"context"
	"time"

	"github.com/barograph/barograph"
)

// TokenStore keeps the tokens and the hashes of their keys.
type TokenStore interface {
	CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) error
	DeleteToken(ctx context.Context, id barograph.TokenID) error
}

// TokenInput is what is said of a token.
type TokenInput struct {
	Name      string         `json:"name"` // what it is for, in words
	Role      barograph.Role `json:"role"`
	ExpiresAt time.Time      `json:"expires_at,omitzero"` // zero: never
}

const maxTokenYears = 100

// Tokens makes and revokes tokens.
type Tokens struct {
	store   TokenStore
	holders *keyHolders
	clock   barograph.Clock
}

// Create makes a token and returns it with its key.
func (m Tokens) Create(ctx context.Context, in TokenInput) (barograph.Token, barograph.Secret, error) {
	now := timestamp(m.clock)
	key, hash, err := newKey(in.Role)
	if err != nil {
		return barograph.Token{}, "", err
	}
	t := barograph.Token{
		ID: barograph.TokenID(barograph.NewID("tok", now)), Name: in.Name, Role: in.Role,
		Prefix: barograph.KeyPrefix(key), CreatedAt: now, ExpiresAt: in.ExpiresAt,
	}
	var p barograph.Problems
	p.Merge("", t.Validate())
	if end := t.ExpiresAt; !end.IsZero() && (!end.After(now) || end.After(now.AddDate(maxTokenYears, 0, 0))) {
		p.Addf("expires_at", "%s is not between now and %d years from now", end.Format(time.RFC3339), maxTokenYears)
	}
	if err := p.Err("token"); err != nil {
		return barograph.Token{}, "", err
	}
	if err := m.store.CreateToken(ctx, t, hash); err != nil {
		return barograph.Token{}, "", err
	}
	return t, key, nil
}

// Delete revokes a token.
func (m Tokens) Delete(ctx context.Context, id barograph.TokenID) error {
	if err := m.store.DeleteToken(ctx, id); err != nil {
		return err
	}
	m.holders.tell()
	return nil
}
