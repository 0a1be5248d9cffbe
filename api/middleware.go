package api

import (
	"net/http"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/observe"
)

// secure sets headers for the case that a browser shows an answer.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// access says who may use a route.
type access uint8

const (
	nobody   access = iota // what an entry without an access gets
	open                   // anybody
	local                  // anybody on this machine, and viewers
	viewer                 // may read
	querier                // a program that reads series; as viewer
	operator               // may change things
	admin                  // may manage tokens
	agent                  // a host's agent, or an operator in its place
)

// role returns the least role that has this access; false if none has.
func (a access) role() (barograph.Role, bool) {
	switch a {
	case open, local, viewer, querier:
		return barograph.RoleViewer, true
	case operator:
		return barograph.RoleOperator, true
	case admin:
		return barograph.RoleAdmin, true
	case agent:
		return barograph.RoleAgent, true
	case nobody:
	}
	return "", false
}

// guard lets in who has the access.
func guard(a access, ring *keyring, failures failures, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a == agent || a == querier {
			passwordAsKey(r)
		}
		id, err := ring.identify(r)
		if a == open || a == local && keyOf(r) == "" && isLocal(r) {
			if err == nil {
				r = r.WithContext(barograph.WithIdentity(r.Context(), id))
			}
			next.ServeHTTP(w, r)
			return
		}
		if err != nil {
			failures.write(w, r, err)
			return
		}
		need, ok := a.role()
		if !ok || !id.Role.Allows(need) {
			failures.write(w, r, barograph.Errorf(barograph.KindForbidden,
				"a key of role %s does not allow this; it needs the role %s", id.Role, need))
			return
		}
		observe.Identify(w, id.Name)
		next.ServeHTTP(w, r.WithContext(barograph.WithIdentity(r.Context(), id)))
	})
}

// patient gives the handler longer than other requests to answer.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A writer without deadlines, as in a test, needs no extension.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(queryTimeout))
		next.ServeHTTP(w, r)
	})
}
