package api

import (
	"net/http"
	"strings"

	"github.com/barograph/barograph"
)

// SignIn returns the token whose key somebody gave to be signed in. How often
// unknown keys may come from the address of the request is limited together with
// all others that come from there. The errors are of KindUnauthorized and
// KindRateLimited, of KindForbidden for a host's key, or the database's; what a
// user has to know is their message, which never holds the key.
func (a *API) SignIn(r *http.Request, key barograph.Secret) (barograph.Token, error) {
	key = barograph.Secret(strings.TrimSpace(key.Reveal())) // as it is pasted
	if key == "" {
		return barograph.Token{}, barograph.Errorf(barograph.KindUnauthorized, "give the key of a token: it begins with baro_")
	}
	b, err := a.ring.bearer(r, key)
	if err != nil {
		return barograph.Token{}, err
	}
	if b.identity.Role == barograph.RoleAgent {
		return barograph.Token{}, barograph.Errorf(barograph.KindForbidden,
			"this is the key of the host %q, which is for its agent: sign in with that of a token", b.identity.Name)
	}
	if err := a.ring.admit(b); err != nil {
		return barograph.Token{}, err
	}
	return b.token, nil
}
