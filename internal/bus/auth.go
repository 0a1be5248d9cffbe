package bus

import (
	"crypto/rand"
	"crypto/subtle"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/barograph/barograph"
)

// gate decides who may do what: we everything, a client from outside listen to
// events and nothing else.
type gate struct {
	own    string           // our own connection's token, new on each start
	events barograph.Secret // a client's; empty lets every client listen
}

var _ server.Authentication = (*gate)(nil)

func newGate(events barograph.Secret) *gate {
	return &gate{own: rand.Text(), events: events}
}

// Check lets a connection in, with its rights, or not.
func (g *gate) Check(c server.ClientAuthentication) bool {
	shown := c.GetOpts().Token
	switch {
	case equal(shown, g.own):
		c.RegisterUser(&server.User{Username: "barograph"})
		return true
	case g.events == "" || equal(shown, g.events.Reveal()):
		c.RegisterUser(&server.User{Username: "events", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{">"}},
			Subscribe: &server.SubjectPermission{Allow: []string{allSubjects}},
		}})
		return true
	}
	return false
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
