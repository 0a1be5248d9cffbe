package bus

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
)

// Config says what the bus keeps, and whether others may listen in.
type Config struct {
	// Listen is a host:port where NATS clients may subscribe; empty for none.
	Listen string `yaml:"listen"`
	// Token is what those clients show, unless they sign with one of NKeys. Both
	// may be empty only where Listen is a loopback address.
	Token barograph.Secret `yaml:"token"`
	// NKeys are public keys (U…) of clients, which prove to have the secret one
	// without sending it: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
	NKeys []string `yaml:"nkeys"`
	// MaxBytes bounds what the bus keeps on disk; 0 is 2 GiB, or a quarter of the
	// room that there is if that is less. More than half of the room it never takes.
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
	if c.MaxBytes != 0 && c.MaxBytes < minBytes {
		p.Addf("max_bytes", "%d is less than %d; leave it out for the default", c.MaxBytes, minBytes)
	}
	if c.MaxAge < barograph.Duration(duplicateWindow) || c.MaxAge > barograph.Duration(520*barograph.Week) {
		p.Addf("max_age", "%s is not between %s and 520 weeks", c.MaxAge, barograph.Duration(duplicateWindow))
	}
	return p.Err("bus")
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
