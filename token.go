package barograph

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"
	"time"
)

// Role says what the bearer of a token may do. Each role may do all that the
// lesser ones may.
type Role string

// The roles. RoleAgent stands apart: it may fetch its checks and submit samples.
const (
	RoleAdmin    Role = "admin"    // everything, tokens included
	RoleOperator Role = "operator" // change hosts, checks, targets, rules, subscriptions
	RoleViewer   Role = "viewer"   // read
	RoleAgent    Role = "agent"
)

// Allows reports whether a bearer of role r may do what needs the given role.
func (r Role) Allows(need Role) bool {
	if need == RoleAgent {
		return r == RoleAgent || r == RoleOperator || r == RoleAdmin
	}
	return r.rank() >= need.rank() && need.rank() > 0
}

func (r Role) rank() int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleOperator:
		return 2
	case RoleViewer:
		return 1
	case RoleAgent:
		return 0
	}
	return 0
}

// TokenID identifies a token.
type TokenID string

// Token lets its bearer in. The key itself is shown once and never stored.
type Token struct {
	ID        TokenID   `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Prefix    string    `json:"prefix"` // the first characters of the key, to tell tokens apart
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
}

// Validate returns an error that names every bad field.
func (t Token) Validate() error {
	var p Problems
	validResourceName(&p, t.Name)
	if t.Role.rank() == 0 {
		p.Addf("role", "%q is not one of admin, operator, viewer", Clip(string(t.Role)))
	}
	return p.Err("token")
}

// KeyHash is the SHA-256 of a key: what is stored of it. A key has more than
// 170 random bits, so a fast hash is enough.
type KeyHash [sha256.Size]byte

// Layout of a key: baro_<role>_<30 characters><6 characters of CRC-32>.
const (
	keyBrand      = "baro_"
	keyRandom     = 30
	keyChecksum   = 6
	keyPrefixSize = 16
	base62        = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewKey returns a new random key for the role. The prefix makes it easy to
// find when it leaked, the checksum easy to tell from a typing error.
func NewKey(role Role) Secret {
	body := keyBrand + roleTag(role) + "_" + randomBase62(keyRandom)
	return Secret(body + checksum(body))
}

func roleTag(role Role) string {
	switch role {
	case RoleAdmin:
		return "adm"
	case RoleOperator:
		return "opr"
	case RoleViewer:
		return "vwr"
	case RoleAgent:
		return "agt"
	}
	return "unk"
}

func randomBase62(n int) string {
	out := make([]byte, 0, n)
	var b [64]byte
	for len(out) < n {
		_, _ = rand.Read(b[:]) // never returns an error (crypto/rand)
		for _, c := range b {
			// 248 = 4·62: refusing the rest keeps all characters equally likely.
			if c < 248 && len(out) < n {
				out = append(out, base62[c%62])
			}
		}
	}
	return string(out)
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [keyChecksum]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// HashKey returns the hash of a key, or an error of KindUnauthorized if it
// can't be one of ours.
func HashKey(key Secret) (KeyHash, error) {
	text := key.Reveal()
	n := len(text) - keyChecksum
	if !strings.HasPrefix(text, keyBrand) {
		return KeyHash{}, Errorf(KindUnauthorized, "this is not a Barograph key: keys begin with %q", keyBrand)
	}
	if n < len(keyBrand)+keyRandom {
		return KeyHash{}, Errorf(KindUnauthorized, "the key is too short: it was cut off")
	}
	if checksum(text[:n]) != text[n:] {
		return KeyHash{}, Errorf(KindUnauthorized, "the key's checksum is wrong: it was mistyped or cut off")
	}
	return sha256.Sum256([]byte(text)), nil
}

// KeyPrefix returns the part of a key that may be shown.
func KeyPrefix(key Secret) string {
	return key.Reveal()[:min(keyPrefixSize, len(key))]
}

// Identity is who makes a request: the bearer of a token, or a host.
type Identity struct {
	Role   Role
	Name   string // of the token or host
	HostID HostID // set with RoleAgent
}

type identityKey struct{}

// WithIdentity returns a context that carries who makes the request.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns who makes the request; false if nobody was let in.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}
