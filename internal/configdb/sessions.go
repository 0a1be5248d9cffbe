package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

// mostSessions is how many browsers are signed in with one token at a time: who
// signs in for each page fills no disk.
const mostSessions = 1000

// CreateSession signs a browser in with the token until expires. Of too many the
// oldest one is signed out. The error is of KindNotFound if there is no such token.
func (db *DB) CreateSession(ctx context.Context, id barograph.TokenID, key barograph.KeyHash, expires time.Time) error {
	now := time.Now()
	return db.write(ctx, func(x *tx) error {
		if err := tokenTable().exists(ctx, x, string(id)); err != nil {
			return err
		}
		_, err := x.exec(ctx, "INSERT INTO sessions (key_hash, token_id, created_at, last_used, expires_at) VALUES (?, ?, ?, ?, ?)",
			keyHash{&key}, id, instant{&now}, instant{&now}, instant{&expires})
		if err != nil {
			return fmt.Errorf("create a session of token %s: %w", id, err)
		}
		_, err = x.exec(ctx, `DELETE FROM sessions WHERE token_id = ? AND key_hash <> ? AND key_hash NOT IN (
			SELECT s.key_hash FROM sessions s WHERE s.token_id = ? AND s.key_hash <> ?
			ORDER BY s.created_at DESC, s.key_hash LIMIT ?)`, id, keyHash{&key}, id, keyHash{&key}, mostSessions-1)
		if err != nil {
			return fmt.Errorf("end the oldest sessions of token %s: %w", id, err)
		}
		return nil
	})
}

// SessionByKey returns the session with the key and its token as it is now. The
// error is of KindUnauthorized if there is none, or it or its token is over.
func (db *DB) SessionByKey(ctx context.Context, key barograph.KeyHash) (barograph.Session, error) {
	found, err := collect(ctx, db, func(rows *sql.Rows, s *barograph.Session) error {
		own := []any{instant{&s.CreatedAt}, instant{&s.LastUsed}, instant{&s.ExpiresAt}}
		return rows.Scan(append(own, values(tokenTable().columns(&s.Token))...)...)
	}, "SELECT s.created_at, s.last_used, s.expires_at, "+tokenTable().list("t")+
		" FROM sessions s JOIN tokens t ON t.id = s.token_id WHERE s.key_hash = ?", keyHash{&key})
	if err != nil {
		return barograph.Session{}, db.explain(fmt.Errorf("read session: %w", err))
	}
	if len(found) == 0 || !time.Now().Before(found[0].ExpiresAt) {
		return barograph.Session{}, barograph.Errorf(barograph.KindUnauthorized, "you are signed out: sign in again")
	}
	if end := found[0].Token.ExpiresAt; !end.IsZero() && !db.clock.Now().Before(end) {
		return barograph.Session{}, barograph.Errorf(barograph.KindUnauthorized,
			"the token %q that you signed in with expired at %s: sign in with another one", found[0].Token.Name, end.Format(time.RFC3339))
	}
	return found[0], nil
}

// MarkSessionUsed notes that the session was used, and with it its token, and
// until when it lasts from now on. An earlier time than the one known, and a
// session that does not exist or is over, are ignored.
func (db *DB) MarkSessionUsed(ctx context.Context, key barograph.KeyHash, at, expires time.Time) error {
	now, tokens := time.Now(), db.clock.Now()
	return db.write(ctx, func(x *tx) error {
		n, err := x.exec(ctx, "UPDATE sessions SET last_used = ?, expires_at = ? WHERE key_hash = ? AND last_used < ? AND expires_at > ?",
			instant{&at}, instant{&expires}, keyHash{&key}, instant{&at}, instant{&now})
		if err != nil || n == 0 {
			return err
		}
		_, err = x.exec(ctx, `UPDATE tokens SET last_used = ? WHERE COALESCE(last_used, 0) < ?
			AND id = (SELECT token_id FROM sessions WHERE key_hash = ?)`, instant{&tokens}, instant{&tokens}, keyHash{&key})
		if err != nil {
			return fmt.Errorf("mark the token of a session as used: %w", err)
		}
		return nil
	})
}

// DeleteSession signs the browser out that has the key. One that is signed out
// already stays so.
func (db *DB) DeleteSession(ctx context.Context, key barograph.KeyHash) error {
	return db.write(ctx, func(x *tx) error {
		if _, err := x.exec(ctx, "DELETE FROM sessions WHERE key_hash = ?", keyHash{&key}); err != nil {
			return fmt.Errorf("delete session: %w", err)
		}
		return nil
	})
}

// DeleteSessionsOver deletes what was over at that time.
func (db *DB) DeleteSessionsOver(ctx context.Context, before time.Time) error {
	return db.write(ctx, func(x *tx) error {
		if _, err := x.exec(ctx, "DELETE FROM sessions WHERE expires_at <= ?", instant{&before}); err != nil {
			return fmt.Errorf("delete sessions that are over: %w", err)
		}
		return nil
	})
}
