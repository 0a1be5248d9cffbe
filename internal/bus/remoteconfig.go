package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/barograph/barograph"
)

// TLSConfig is whom we trust, and how we show who we are. The files are read at
// each connection.
type TLSConfig struct {
	CAFile   string `yaml:"ca_file"` // "": whom the system trusts
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

const maxReplicas = 5

// ofRemote returns the keys of what is set and means something with a URL only.
func (c Config) ofRemote() []string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"credentials_file", c.CredentialsFile != ""},
		{"username", c.Username != ""},
		{"password", c.Password != ""},
		{"nkey", c.NKey != ""},
		{"tls", c.TLS != TLSConfig{}},
		{"stream", c.Stream != ""},
		{"replicas", c.Replicas != 0},
	} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

func (c Config) validateRemote(p *barograph.Problems) {
	if c.Listen != "" {
		p.Addf("listen", "%q goes with the embedded bus, but url names another server, which takes clients itself: leave out listen or url", c.Listen)
	}
	if len(c.NKeys) > 0 {
		p.Addf("nkeys", "are of clients of the embedded bus, but url names another server: leave out nkeys or url; our own seed is nkey_file")
	}
	all := c.addresses()
	for i, address := range all {
		problem := addressProblem(address)
		switch {
		case problem == "":
		case len(all) > 1:
			p.Addf("url", "number %d, %s", i+1, problem)
		default:
			p.Addf("url", "%s", problem)
		}
	}
	c.validateIdentity(p)
	if c.Stream != "" && !barograph.ValidName(c.Stream) {
		p.Addf("stream", "%q is not a name of letters, digits and _", c.Stream)
	}
	if c.Replicas < 0 || c.Replicas > maxReplicas {
		p.Addf("replicas", "%d is not between 1 and %d; leave it out for 3 in a cluster", c.Replicas, maxReplicas)
	}
}

// addressProblem says what is wrong with an address of a server, "" if nothing is.
func addressProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls":
		return fmt.Sprintf("%q is not an address such as nats://127.0.0.1:4222 or tls://nats.example.com:4222; several have commas between them%s", redact(u), whyHidden(u))
	case u.User != nil:
		return fmt.Sprintf("%q has a user name, password or token in it: put that into username and password_file, or token_file", redact(u))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q has something after the port: leave that out", redact(u))
	}
	return ""
}

// redact returns of the address what can't be secret: in one that is mistyped a
// password can be anywhere but in the host.
func redact(u *url.URL) string {
	if whyHidden(u) != "" {
		return "…"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.User != nil {
		shown.User = url.User("xxxxx")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return shown.String() + "/…"
	}
	return shown.String()
}

// whyHidden says why nothing of an address is shown, "" if it is.
func whyHidden(u *url.URL) string {
	if u == nil || u.Host == "" {
		return "; it is not shown, as it may hold a password"
	}
	return ""
}

func (c Config) validateIdentity(p *barograph.Problems) {
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{
		{"credentials_file", c.CredentialsFile != ""},
		{"token", c.Token != ""},
		{"username", c.Username != "" || c.Password != ""},
		{"nkey", c.NKey != ""},
	} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	if len(ways) > 1 {
		p.Addf(ways[1], "and %s are given, but we can be known to the server in one way only: leave out all but one of %s", ways[0], strings.Join(ways, ", "))
	}
	if (c.Username == "") != (c.Password == "") {
		p.Addf("username", "and password belong together: give both or none")
	}
	if c.NKey != "" {
		if err := checkSeed(c.NKey); err != nil {
			p.Addf("nkey", "is not the seed of a user, 58 characters that begin with SU")
		}
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		p.Addf("tls", "cert_file and key_file belong together: give both or none")
	}
}

func checkSeed(seed barograph.Secret) error {
	pair, err := nkeys.FromSeed([]byte(seed.Reveal()))
	if err != nil {
		return err
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err == nil && !nkeys.IsValidPublicUserKey(public) {
		err = errors.New("not of a user")
	}
	return err
}

// CheckFiles returns an error that says which of the named files can't be used.
func (c Config) CheckFiles() error {
	var p barograph.Problems
	if c.CredentialsFile != "" {
		if err := checkCredentials(c.CredentialsFile); err != nil {
			p.Addf("credentials_file", "%s", err)
		}
	}
	if err := c.TLS.check(); err != nil {
		p.Addf("tls", "%s", err)
	}
	return p.Err("bus")
}

func checkCredentials(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	if _, err := nkeys.ParseDecoratedJWT(text); err != nil {
		return fmt.Errorf("%s is not a .creds file with a user's JWT and seed", file)
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return fmt.Errorf("%s is not a .creds file with a user's JWT and seed", file)
	}
	pair.Wipe()
	return nil
}

// options have the files read at each connection, as those may have been renewed
// since.
func (t TLSConfig) options() []nats.Option {
	options := []nats.Option{nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12})}
	var pair nats.TLSCertHandler
	if t.CertFile != "" {
		pair = t.pair
	}
	var roots nats.RootCAsHandler
	if t.CAFile != "" {
		roots = t.roots
	}
	if pair != nil || roots != nil {
		options = append(options, nats.ClientTLSConfig(pair, roots))
	}
	return options
}

// check returns an error if a file can't be used.
func (t TLSConfig) check() error {
	if t.CAFile != "" {
		if _, err := t.roots(); err != nil {
			return err
		}
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil
	}
	_, err := t.pair()
	return err
}

// roots reads whom we trust.
func (t TLSConfig) roots() (*x509.CertPool, error) {
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca_file: %s has no certificate in PEM form", t.CAFile)
	}
	return roots, nil
}

// pair reads our certificate and its key.
func (t TLSConfig) pair() (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return pair, fmt.Errorf("certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
	}
	return pair, nil
}

// addresses returns the addresses of the servers.
func (c Config) addresses() []string {
	all := strings.Split(c.URL, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// encrypted reports whether nothing may go in the clear.
func (c Config) encrypted() bool {
	return c.TLS != TLSConfig{} || slices.ContainsFunc(c.addresses(), func(a string) bool { return strings.HasPrefix(a, "tls://") })
}

func (c Config) streamName() string {
	if c.Stream != "" {
		return c.Stream
	}
	return streamName
}
