package bus

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
)

// Config says what the bus keeps, and whether others may listen in, or which
// server of somebody else's it is on.
type Config struct {
	// Listen is a host:port where NATS clients may subscribe; empty for none.
	Listen string `yaml:"listen"`
	// Token is what those clients show, unless they sign with one of NKeys. Both
	// may be empty only where Listen is a loopback address. With URL it is what we
	// show to the server.
	Token barograph.Secret `yaml:"token"`
	// NKeys are public keys (U…) of clients, which prove to have the secret one
	// without sending it: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
	NKeys []string `yaml:"nkeys"`

	// URL is the address of a NATS server that somebody else runs, such as
	// nats://nats.example.com:4222 or tls://…; of a cluster those of several of its
	// servers, with commas between. Empty: the embedded one. It knows us by one of
	// a token, a user name with password, a nkey, credentials, or a certificate.
	URL      string           `yaml:"url"`
	Username string           `yaml:"username"`
	Password barograph.Secret `yaml:"password"`
	NKey     barograph.Secret `yaml:"nkey"` // the seed, SU…
	// CredentialsFile is a .creds file as nsc makes it; read at each connection.
	CredentialsFile string    `yaml:"credentials_file"`
	TLS             TLSConfig `yaml:"tls"`
	// Stream is the name of the stream on that server, "" for events. It is made if
	// it is missing.
	Stream string `yaml:"stream"`
	// Replicas is how many servers of a cluster keep each event, 1 to 5; 0 is 3 in a
	// cluster, or what an existing stream has if that is more, and 1 otherwise.
	Replicas int `yaml:"replicas"`

	// MaxBytes bounds what the bus keeps on disk; 0 is 2 GiB, or a quarter of the
	// room that there is if that is less. More than half of the room it never takes.
	// On a server of somebody else's 0 is 2 GiB.
	MaxBytes int64 `yaml:"max_bytes"`
	// MaxAge is how long the bus keeps events.
	MaxAge barograph.Duration `yaml:"max_age"`
}

// DefaultConfig returns a bus that nobody outside can reach.
func DefaultConfig() Config {
	return Config{MaxAge: barograph.Duration(barograph.Week)}
}

// minBytes is the least that a stream is of use with.
const minBytes = 1 << 20

// Validate returns all that is wrong.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.remote() {
		c.validateRemote(&p)
	} else {
		c.validateEmbedded(&p)
	}
	if c.MaxBytes != 0 && c.MaxBytes < minBytes {
		p.Addf("max_bytes", "%d is less than %d; leave it out for the default", c.MaxBytes, minBytes)
	}
	if c.MaxAge < barograph.Duration(duplicateWindow) || c.MaxAge > barograph.Duration(520*barograph.Week) {
		p.Addf("max_age", "%s is not between %s and 520 weeks", c.MaxAge, barograph.Duration(duplicateWindow))
	}
	return p.Err("bus")
}

// remote reports whether the bus is on a server of somebody else's.
func (c Config) remote() bool { return c.URL != "" }

func (c Config) validateEmbedded(p *barograph.Problems) {
	for _, name := range c.ofRemote() {
		p.Addf(name, "is for a NATS server of somebody else's: name that by url, or leave this out")
	}
	if c.Listen != "" {
		host, _, err := splitListen(c.Listen)
		switch {
		case err != nil:
			p.Addf("listen", "%q is not host:port, such as 127.0.0.1:4222", c.Listen)
		case c.Token == "" && len(c.NKeys) == 0 && !isLoopback(host):
			p.Addf("token", "is required, or nkeys: %s can be reached from other machines", c.Listen)
		}
	}
	for i, key := range c.NKeys {
		if !nkeys.IsValidPublicUserKey(key) {
			p.Addf(fmt.Sprintf("nkeys[%d]", i), "%s", keyProblem(key))
		}
	}
}

// keyProblem says what is wrong with a key, and repeats none that is secret.
func keyProblem(key string) string {
	if strings.HasPrefix(key, "S") {
		return "looks like a secret key, which belongs to the client alone; its public key, which begins with U, is what is needed here"
	}
	return fmt.Sprintf("%q is not the public key of a user, 56 characters that begin with U", key)
}

// splitListen returns the parts of an address to listen on.
func splitListen(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, int(n), err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
