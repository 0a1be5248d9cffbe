package agent

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/barograph/barograph"
)

// Config says how an agent works.
type Config struct {
	Server string           `yaml:"server"` // base URL; https but for this machine itself
	Key    barograph.Secret `yaml:"key"`    // of the host, as the server gave it
	Dir    string           `yaml:"dir"`    // for what must survive a restart
	// AllowCommands lets the server have shell commands run on this host. It is
	// the decision of the host's owner, so that no server can make it.
	AllowCommands bool               `yaml:"allow_commands"`
	Refresh       barograph.Duration `yaml:"refresh"` // how often the list of checks is fetched
	Labels        map[string]string  `yaml:"labels"`  // added to every series of this host
	CAFile        string             `yaml:"ca_file"` // PEM; trusted instead of the system's authorities
	InsecureHTTP  bool               `yaml:"insecure_http"`
	Spool         SpoolConfig        `yaml:"spool"`
}

// SpoolConfig bounds what waits on disk while the server is away.
type SpoolConfig struct {
	MaxBytes int64              `yaml:"max_bytes"`
	MaxAge   barograph.Duration `yaml:"max_age"`
}

// Limits of the configuration.
const (
	minRefresh    = time.Second
	maxRefresh    = time.Hour
	minSpoolBytes = 1 << 20
	minSpoolAge   = time.Minute
)

// DefaultConfig returns the configuration of an agent that still needs a
// server, a key and a directory.
func DefaultConfig() Config {
	return Config{
		Refresh: barograph.Duration(30 * time.Second),
		Spool:   SpoolConfig{MaxBytes: 256 << 20, MaxAge: barograph.Duration(barograph.Week)},
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	c.validateServer(&p)
	if _, err := barograph.HashKey(c.Key); err != nil {
		p.Merge("key", err)
	}
	if c.Dir == "" {
		p.Addf("dir", "is missing: name a directory for the agent's state, as /var/lib/barograph-agent")
	}
	if d := c.Refresh.Std(); d < minRefresh || d > maxRefresh {
		p.Addf("refresh", "%s is not between %s and %s", c.Refresh, barograph.Duration(minRefresh), barograph.Duration(maxRefresh))
	}
	p.Merge("labels", barograph.NewLabels(c.Labels).Validate())
	if c.Labels["host"] != "" {
		p.Addf("labels.host", "is set by the server from the host's name; leave it out")
	}
	if c.Spool.MaxBytes < minSpoolBytes {
		p.Addf("spool.max_bytes", "%d is less than %d", c.Spool.MaxBytes, minSpoolBytes)
	}
	if c.Spool.MaxAge.Std() < minSpoolAge {
		p.Addf("spool.max_age", "%s is less than %s", c.Spool.MaxAge, barograph.Duration(minSpoolAge))
	}
	return p.Err("agent configuration")
}

func (c Config) validateServer(p *barograph.Problems) {
	u, err := url.Parse(c.Server)
	switch {
	case c.Server == "":
		p.Addf("server", "is missing: give the server's address, as https://barograph.example.com")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		p.Addf("server", "%q is not an address as https://barograph.example.com", clip(c.Server))
	case u.User != nil:
		p.Addf("server", "holds a user name: the key is the only credential, leave it out")
	case u.Scheme == "http" && !c.InsecureHTTP && !loopback(u.Hostname()):
		p.Addf("server", "%q would send the key readable over the network: use https, "+
			"or allow it with insecure_http (--insecure-http) where the network is trusted", clip(c.Server))
	}
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// NewHTTPClient returns the client that an agent of this configuration should
// use. It trusts the authorities of CAFile alone if there is one.
func NewHTTPClient(c Config) (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read CA file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %s holds no certificate in PEM", c.CAFile)
		}
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
	}}, nil
}

// errRedirect is why a redirect is not followed: it could lead the key elsewhere.
var errRedirect = errors.New("the server redirects; give the agent the address that it redirects to")

func guarded(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirect }
	c.Timeout = cmp.Or(c.Timeout, time.Minute)
	return &c
}
