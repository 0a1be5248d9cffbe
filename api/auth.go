package api

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/barograph/barograph"
)

// Keys says whose key it is.
type Keys interface {
	TokenByKey(ctx context.Context, key barograph.KeyHash) (barograph.Token, error)
	HostByKey(ctx context.Context, key barograph.KeyHash) (barograph.Host, error)
	MarkTokenUsed(ctx context.Context, id barograph.TokenID, at time.Time) error
}

const (
	keyTrusted  = 5 * time.Second // how long a key is believed before the database is asked again
	markUsed    = time.Minute     // how often the use of a token is recorded
	maxKeysHeld = 20_000
)

// keyring tells whose key it is, remembering for some seconds what the database
// said, and how fast each key may be used.
type keyring struct {
	keys   Keys
	clock  barograph.Clock
	config Config
	failed *loginFailures
	logger *slog.Logger

	mu    sync.Mutex
	known map[barograph.KeyHash]bearer
}

// bearer is what is remembered of a valid key.
type bearer struct {
	identity barograph.Identity
	token    barograph.Token // zero for a host
	checked  time.Time       // on the wall clock
	limit    *rate.Limiter
}

func newKeyring(keys Keys, clock barograph.Clock, config Config, logger *slog.Logger) *keyring {
	return &keyring{
		keys: keys, clock: clock, config: config, logger: logger,
		failed: newLoginFailures(config.FailedLoginsPerMinute),
		known:  map[barograph.KeyHash]bearer{},
	}
}

// identify returns whose key the request shows. Its errors are of
// KindUnauthorized and KindRateLimited, or the database's.
func (k *keyring) identify(r *http.Request) (barograph.Identity, error) {
	key := keyOf(r)
	if key == "" {
		return barograph.Identity{}, barograph.Errorf(barograph.KindUnauthorized,
			"show a key in the header Authorization (Bearer KEY) or X-API-Key")
	}
	b, err := k.bearer(r, key)
	if err != nil {
		return barograph.Identity{}, err
	}
	if err := k.admit(b); err != nil {
		return barograph.Identity{}, err
	}
	return b.identity, nil
}

// admit returns an error if the bearer's token has expired, or is used too fast.
func (k *keyring) admit(b bearer) error {
	now := k.clock.Now()
	if end := b.token.ExpiresAt; !end.IsZero() && !now.Before(end) {
		return barograph.Errorf(barograph.KindUnauthorized,
			"the token %q expired at %s", b.token.Name, end.UTC().Format(time.RFC3339))
	}
	if !b.limit.Allow() {
		return &barograph.Error{
			Kind: barograph.KindRateLimited, RetryAfter: time.Second,
			Message: "this key makes too many requests; slow down or send more in one request",
		}
	}
	return nil
}

// keyOf returns the key that the request shows, "" if it shows none.
func keyOf(r *http.Request) barograph.Secret {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Token") {
		return barograph.Secret(strings.TrimSpace(key))
	}
	return barograph.Secret(strings.TrimSpace(r.Header.Get("X-API-Key")))
}

// passwordAsKey takes the password of basic authentication for a key, whatever
// the user name: some that send samples or query them know nothing else. It is
// for their routes only, and not where a browser, which adds passwords by itself,
// says that a page of another site made the request. A key that is shown besides
// counts: the password is then a proxy's.
func passwordAsKey(r *http.Request) {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // no browser, a page of this server, or whoever typed the address
	default:
		return
	}
	if _, password, ok := r.BasicAuth(); ok && r.Header.Get("X-Api-Key") == "" {
		r.Header.Del("Authorization")
		r.Header.Set("X-API-Key", password)
	}
}

// bearer returns what is known of the key. A key of the right form is always
// looked up, however often its address has failed: others behind that address
// may hold valid keys, and nobody guesses one.
func (k *keyring) bearer(r *http.Request, key barograph.Secret) (bearer, error) {
	address := addressOf(r)
	hash, err := barograph.HashKey(key)
	if err != nil {
		return bearer{}, k.failed.count(address, err)
	}
	k.mu.Lock()
	b, known := k.known[hash]
	k.mu.Unlock()
	if known && time.Since(b.checked) < keyTrusted {
		return b, nil
	}
	fresh, err := k.lookUp(r.Context(), hash)
	if unknown(err) {
		k.mu.Lock()
		delete(k.known, hash)
		k.mu.Unlock()
		return bearer{}, k.failed.count(address, barograph.Errorf(barograph.KindUnauthorized, "nobody has this key; it may have been revoked"))
	}
	if err != nil {
		return bearer{}, err
	}
	fresh.limit = b.limit
	if fresh.limit == nil {
		fresh.limit = rate.NewLimiter(rate.Limit(k.config.RequestsPerSecond), k.config.Burst)
	}
	k.remember(hash, fresh)
	return fresh, nil
}

// unknown reports whether the database says that nobody has the key.
func unknown(err error) bool {
	kind := barograph.KindOf(err)
	return kind == barograph.KindNotFound || kind == barograph.KindUnauthorized
}

// lookUp asks the database whose key it is, and records that a token is used.
func (k *keyring) lookUp(ctx context.Context, hash barograph.KeyHash) (bearer, error) {
	t, err := k.keys.TokenByKey(ctx, hash)
	if unknown(err) {
		h, err := k.keys.HostByKey(ctx, hash)
		return bearer{
			identity: barograph.Identity{Role: barograph.RoleAgent, Name: h.Name, HostID: h.ID}, checked: time.Now(),
		}, err
	}
	if err != nil {
		return bearer{}, err
	}
	if now := k.clock.Now(); now.Sub(t.LastUsed) >= markUsed {
		if err := k.keys.MarkTokenUsed(ctx, t.ID, now); err != nil {
			k.logger.WarnContext(ctx, "recording the use of a token failed", "token", t.Name, "error", err)
		}
	}
	return bearer{identity: barograph.Identity{Role: t.Role, Name: t.Name}, token: t, checked: time.Now()}, nil
}

func (k *keyring) remember(hash barograph.KeyHash, b bearer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKeysHeld {
		clear(k.known)
	}
	k.known[hash] = b
}

// forget makes the next use of every key ask the database, because one changed.
func (k *keyring) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for hash, b := range k.known {
		b.checked = time.Time{}
		k.known[hash] = b
	}
}

// isLocal reports whether the request was made on this machine and meant for
// it: not passed on by a proxy, nor by a browser that was led here by the name
// of another site.
func isLocal(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	name, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return addressOf(r).Addr().IsLoopback() && (host == "localhost" || err == nil && name.IsLoopback())
}

// addressOf returns where the request comes from: an IPv4 address, or the /64
// that an IPv6 address belongs to, as one machine may have all of it.
func addressOf(r *http.Request) netip.Prefix {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	address := from.Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() && !address.IsLoopback() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // bits are within the length
	return prefix
}
