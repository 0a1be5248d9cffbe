package web

import (
	"context"
	"net/http"
	"time"

	"github.com/barograph/barograph"
)

// visitor is who looks at a page, and how.
type visitor struct {
	barograph.Identity // without a role: somebody unknown

	SignedIn bool
	TokenID  barograph.TokenID // that the visitor signed in with
	Zone     *time.Location    // in which times are shown
	Now      time.Time
	Heard    barograph.EventID // the newest event as the request came; "": there was none yet
}

// May reports whether the visitor has the role: templates show no button that
// would be refused.
func (v visitor) May(role barograph.Role) bool { return v.Role.Allows(role) }

type visitorKey struct{}

func withVisitor(ctx context.Context, v visitor) context.Context {
	return barograph.WithIdentity(context.WithValue(withLack(ctx), visitorKey{}, v), v.Identity)
}

// visitorOf returns who makes the request.
func visitorOf(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}

// zoneCookie is set by the script: the time zone of the browser.
const zoneCookie = "barograph-zone"

// identify returns who makes the request.
func (s *Site) identify(w http.ResponseWriter, r *http.Request) (visitor, error) {
	v := visitor{Zone: zoneOf(r), Now: s.Clock.Now(), Heard: s.live.newest().ID}
	token, err := s.sessions.identify(w, r)
	v.Identity = barograph.Identity{Role: token.Role, Name: token.Name}
	v.TokenID, v.SignedIn = token.ID, token.Role != ""
	if !v.SignedIn && s.Config.AnonymousViewer {
		v.Identity = barograph.Identity{Role: barograph.RoleViewer, Name: "anonymous"}
	}
	return v, err
}

// signedOut reports whether the visitor, whom a stream goes to, is not signed in any
// more. As long as the database doesn't say that, the stream goes on.
func (s *Site) signedOut(r *http.Request) bool {
	token, err := s.sessions.again(r)
	if err != nil || token.Role.Allows(barograph.RoleViewer) {
		return false
	}
	return visitorOf(r).SignedIn || !s.Config.AnonymousViewer
}

func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie(zoneCookie)
	if err != nil || c.Value == "" || c.Value == "Local" { // which would be the server's
		return time.UTC
	}
	zone, err := time.LoadLocation(c.Value)
	if err != nil {
		return time.UTC
	}
	return zone
}
