package configdb

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

func tokenTable() table[barograph.Token] {
	return table[barograph.Token]{
		name: "tokens", noun: "token",
		columns: func(t *barograph.Token) []column {
			return []column{
				{"id", &t.ID},
				{"name", &t.Name},
				{"role", &t.Role},
				{"prefix", &t.Prefix},
				{"created_at", instant{&t.CreatedAt}},
				{"last_used", instant{&t.LastUsed}},
				{"expires_at", instant{&t.ExpiresAt}},
			}
		},
	}
}

// Tokens returns a page of tokens.
func (db *DB) Tokens(ctx context.Context, p barograph.Page) ([]barograph.Token, error) {
	return page(ctx, db, tokenTable(), p)
}

// TokenByKey returns the token with the key, an expired one too.
func (db *DB) TokenByKey(ctx context.Context, key barograph.KeyHash) (barograph.Token, error) {
	t, err := tokenTable().get(ctx, db, "key_hash", keyHash{&key}, "this key")
	return t, db.explain(err)
}

// CreateToken adds a token with its key.
func (db *DB) CreateToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) error {
	db.stamp(&t.CreatedAt)
	return create(ctx, db, tokenTable(), &t, column{"key_hash", keyHash{&key}})
}

// CreateFirstToken adds a token with its key unless there is one already: of
// servers that start at once on a new database one has the first.
func (db *DB) CreateFirstToken(ctx context.Context, t barograph.Token, key barograph.KeyHash) (created bool, err error) {
	db.stamp(&t.CreatedAt)
	err = db.write(ctx, func(x *tx) error {
		known, err := x.any(ctx, "SELECT 1 FROM tokens LIMIT 1")
		if created = err == nil && !known; !created {
			return err
		}
		return tokenTable().insert(ctx, x, &t, column{"key_hash", keyHash{&key}})
	})
	return created && err == nil, err
}

// DeleteToken removes the token; its key is void at once.
func (db *DB) DeleteToken(ctx context.Context, id barograph.TokenID) error {
	return remove(ctx, db, tokenTable(), string(id))
}

// MarkTokenUsed notes when the token was last used. An earlier time than the
// one known and a token that does not exist are ignored.
func (db *DB) MarkTokenUsed(ctx context.Context, id barograph.TokenID, at time.Time) error {
	return db.write(ctx, func(x *tx) error {
		_, err := x.exec(ctx, "UPDATE tokens SET last_used = ? WHERE id = ? AND COALESCE(last_used, 0) < ?",
			instant{&at}, id, instant{&at})
		if err != nil {
			return fmt.Errorf("mark token %s as used: %w", id, err)
		}
		return nil
	})
}
