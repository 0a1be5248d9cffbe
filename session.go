package barograph

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Session lets in a browser whose user signed in with a token. It is over when
// the token is deleted, at the latest. Its times are the wall clock's, also
// where days pass in seconds: who sits at the browser lives by that one.
type Session struct {
	Token     Token // as it is now, with its role
	CreatedAt time.Time
	LastUsed  time.Time
	ExpiresAt time.Time
}

// sessionKeyBytes are random, so that a fast hash of them is enough.
const sessionKeyBytes = 32

// NewSessionKey returns a new random key of a session, for a cookie. Nothing but
// its hash is stored.
func NewSessionKey() Secret {
	var key [sessionKeyBytes]byte
	_, _ = rand.Read(key[:]) // never returns an error (crypto/rand)
	return Secret(base64.RawURLEncoding.EncodeToString(key[:]))
}

// HashSessionKey returns the hash of a session's key, or an error of
// KindUnauthorized if it can't be one. Keys of tokens are none.
func HashSessionKey(key Secret) (KeyHash, error) {
	random, err := base64.RawURLEncoding.Strict().DecodeString(key.Reveal())
	if err != nil || len(random) != sessionKeyBytes {
		return KeyHash{}, Errorf(KindUnauthorized, "this is not the key of a session: sign in again")
	}
	return sha256.Sum256([]byte(key)), nil
}
