package bus

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
)

// gate decides who may do what: we everything, a client from outside listen to
// events and nothing else.
type gate struct {
	own   string           // our own connection's token, new in each process
	token barograph.Secret // a client's; empty: none will do
	keys  []string         // public keys of clients

	clients func() int // how many are connected; set before there are any
}

var _ server.Authentication = (*gate)(nil)

func newGate(cfg Config) *gate {
	return &gate{own: rand.Text(), token: cfg.Token, keys: cfg.NKeys}
}

// Check lets a connection in, with its rights, or not.
func (g *gate) Check(c server.ClientAuthentication) bool {
	shown := c.GetOpts()
	switch {
	case equal(shown.Token, g.own):
		c.RegisterUser(&server.User{Username: "barograph"})
		return true
	case g.clients() <= maxClients && g.mayListen(shown, c.GetNonce()):
		c.RegisterUser(&server.User{Username: "events", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{">"}},
			Subscribe: &server.SubjectPermission{Allow: []string{allSubjects}},
		}})
		return true
	}
	return false
}

// mayListen reports whether a client shows what is asked for. Where neither a
// token nor keys are configured, which only loopback allows, that is nothing.
func (g *gate) mayListen(shown *server.ClientOpts, nonce []byte) bool {
	switch {
	case g.token == "" && len(g.keys) == 0:
		return true
	case shown.Nkey != "":
		return slices.Contains(g.keys, shown.Nkey) && signed(shown, nonce)
	}
	return g.token != "" && equal(shown.Token, g.token.Reveal())
}

// signed reports whether the client signed the nonce with the key that it names.
func signed(shown *server.ClientOpts, nonce []byte) bool {
	key, err := nkeys.FromPublicKey(shown.Nkey)
	if err != nil {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(shown.Sig)
	if err != nil { // some clients use the other alphabet
		signature, err = base64.StdEncoding.DecodeString(shown.Sig)
	}
	return err == nil && len(nonce) > 0 && key.Verify(nonce, signature) == nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
