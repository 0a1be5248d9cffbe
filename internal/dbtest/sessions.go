package dbtest

import (
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// wall returns a time of the wall clock, by which sessions live.
func wall(from time.Duration) time.Time {
	return time.Now().UTC().Add(from).Truncate(time.Microsecond)
}

func signedIn(n int) barograph.Token {
	return barograph.Token{
		ID: id[barograph.TokenID]("tok", n), Name: odd, Role: barograph.RoleOperator,
		Prefix: "baro_opr_0123456", CreatedAt: epoch(),
	}
}

func (x suite) testSessions(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	changed, stop := db.Changes()
	defer stop()
	a, b := signedIn(1), signedIn(2)
	noError(t, db.CreateToken(ctx, a, key(1)))
	noError(t, db.CreateToken(ctx, b, key(2)))
	// A session's key and a token's are not the same thing.
	end := wall(time.Hour)
	noError(t, db.CreateSession(ctx, a.ID, key(1), end))
	noError(t, db.CreateSession(ctx, a.ID, key(3), end))
	noError(t, db.CreateSession(ctx, b.ID, key(4), end))
	isKind(t, "create with a token that is gone", db.CreateSession(ctx, "tok_missing", key(5), end), barograph.KindNotFound, "tok_missing")

	s := must(db.SessionByKey(ctx, key(3)))(t)
	if time.Since(s.CreatedAt).Abs() > time.Minute || !s.LastUsed.Equal(s.CreatedAt) {
		t.Errorf("created at %s, last used at %s; want now", s.CreatedAt, s.LastUsed)
	}
	equal(t, "session", s, barograph.Session{Token: a, CreatedAt: s.CreatedAt, LastUsed: s.CreatedAt, ExpiresAt: end})
	_, err := db.SessionByKey(ctx, key(2))
	isKind(t, "key of a token", err, barograph.KindUnauthorized, "sign in")
	_, err = db.SessionByKey(ctx, barograph.KeyHash{})
	isKind(t, "no key", err, barograph.KindUnauthorized)

	noError(t, db.DeleteSession(ctx, key(3)))
	noError(t, db.DeleteSession(ctx, key(3)))
	_, err = db.SessionByKey(ctx, key(3))
	isKind(t, "signed out", err, barograph.KindUnauthorized, "sign in")
	noError(t, db.DeleteToken(ctx, a.ID))
	_, err = db.SessionByKey(ctx, key(1))
	isKind(t, "whose token is deleted", err, barograph.KindUnauthorized, "sign in")
	equal(t, "of another token", must(db.SessionByKey(ctx, key(4)))(t).Token, b)
	fires(t, "sessions", changed, false)
}

func (x suite) testSessionUse(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	noError(t, db.CreateToken(ctx, signedIn(1), key(1)))
	noError(t, db.CreateSession(ctx, signedIn(1).ID, key(2), wall(time.Hour)))
	noError(t, db.CreateSession(ctx, signedIn(1).ID, key(3), wall(time.Hour)))
	other := must(db.SessionByKey(ctx, key(3)))(t)

	at, end := wall(time.Minute), wall(2*time.Hour)
	noError(t, db.MarkSessionUsed(ctx, key(2), at, end))
	noError(t, db.MarkSessionUsed(ctx, key(2), at.Add(-time.Second), wall(-time.Hour)))
	noError(t, db.MarkSessionUsed(ctx, key(9), at, end))
	s := must(db.SessionByKey(ctx, key(2)))(t)
	if !s.LastUsed.Equal(at) || !s.ExpiresAt.Equal(end) {
		t.Errorf("last used at %s, until %s; want %s and %s", s.LastUsed, s.ExpiresAt, at, end)
	}
	if time.Since(s.Token.LastUsed).Abs() > time.Minute {
		t.Errorf("its token was last used at %s, want now", s.Token.LastUsed)
	}
	unmoved := must(db.SessionByKey(ctx, key(3)))(t)
	other.Token.LastUsed = s.Token.LastUsed
	equal(t, "another session of the token", unmoved, other)
}

func (x suite) testSessionsOver(t *testing.T) {
	db := x.open(t)
	ctx := t.Context()
	old, lasting := signedIn(1), signedIn(2)
	old.Name, old.ExpiresAt = "old one", day(1)
	noError(t, db.CreateToken(ctx, old, key(1)))
	noError(t, db.CreateToken(ctx, lasting, key(2)))
	soon := wall(time.Hour)
	noError(t, db.CreateSession(ctx, old.ID, key(3), soon))
	noError(t, db.CreateSession(ctx, lasting.ID, key(4), wall(-time.Microsecond)))
	noError(t, db.CreateSession(ctx, lasting.ID, key(5), soon))
	noError(t, db.CreateSession(ctx, lasting.ID, key(6), soon.Add(time.Microsecond)))
	_, err := db.SessionByKey(ctx, key(3))
	isKind(t, "whose token is over", err, barograph.KindUnauthorized, "old one", "expired")
	_, err = db.SessionByKey(ctx, key(4))
	isKind(t, "over", err, barograph.KindUnauthorized, "sign in")
	noError(t, db.MarkSessionUsed(ctx, key(4), wall(time.Minute), soon))
	_, err = db.SessionByKey(ctx, key(4))
	isKind(t, "over, and used again", err, barograph.KindUnauthorized, "sign in")
	equal(t, "until soon", must(db.SessionByKey(ctx, key(5)))(t).Token, lasting)

	noError(t, db.DeleteSessionsOver(ctx, soon))
	_, err = db.SessionByKey(ctx, key(5))
	isKind(t, "deleted", err, barograph.KindUnauthorized)
	equal(t, "longer than that", must(db.SessionByKey(ctx, key(6)))(t).ExpiresAt, soon.Add(time.Microsecond))
}
