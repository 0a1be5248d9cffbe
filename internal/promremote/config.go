package promremote

import (
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Config says which server keeps the series.
type Config struct {
	// URL is the server's address, as http://127.0.0.1:8428. Below it are
	// /api/v1/write and /api/v1/query, unless one of the next two says otherwise.
	URL string `yaml:"url"`
	// WriteURL is where remote write goes, in full: Mimir has it at
	// /api/v1/push, Thanos at /api/v1/receive, VictoriaMetrics' cluster at
	// vminsert.
	WriteURL string `yaml:"write_url"`
	// QueryURL is the address that has /api/v1/query below it, if that isn't
	// URL: Mimir's ends in /prometheus, VictoriaMetrics' cluster has it at vmselect.
	QueryURL string `yaml:"query_url"`
	// Tenant goes out as X-Scope-OrgID; empty: the header is left out.
	Tenant string `yaml:"tenant"`
	// Token is sent as a bearer token; or give user name and password.
	Token    barograph.Secret `yaml:"token"`
	Username string           `yaml:"username"`
	Password barograph.Secret `yaml:"password"`
	// Timeout bounds one request.
	Timeout barograph.Duration `yaml:"timeout"`
	// BatchSize is the most samples sent in one request.
	BatchSize int `yaml:"batch_size"`
	// Retention is how long the server keeps samples. VictoriaMetrics drops older
	// ones without a word; with it set, whoever sends them is told. 0: not known.
	Retention barograph.Duration `yaml:"retention"`
	// MaxPoints is the most points that one read may give, of 16 bytes each. With
	// steps below a minute it counts the samples that they are made of.
	MaxPoints int `yaml:"max_points"`
}

// DefaultConfig returns the defaults of all that has one.
func DefaultConfig() Config {
	return Config{URL: "http://127.0.0.1:8428", Timeout: barograph.Duration(30 * time.Second), BatchSize: 10_000, MaxPoints: 20_000_000}
}

// Validate returns all that is wrong.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.WriteURL == "" || c.QueryURL == "" {
		validateURL(&p, "url", c.URL)
	}
	if c.WriteURL != "" {
		validateURL(&p, "write_url", c.WriteURL)
	}
	if c.QueryURL != "" {
		validateURL(&p, "query_url", c.QueryURL)
	}
	if c.Token != "" && (c.Username != "" || c.Password != "") {
		p.Addf("token", "is given along with username or password: give one of both ways in")
	}
	if c.Username == "" && c.Password != "" {
		p.Addf("username", "is empty, but there is a password")
	}
	if strings.ContainsAny(c.Tenant, "\r\n\x00") {
		p.Addf("tenant", "%q has a line break in it", c.Tenant)
	}
	if c.Timeout < barograph.Duration(time.Millisecond) || c.Timeout > barograph.Duration(time.Hour) {
		p.Addf("timeout", "%s is not between 1ms and 1h", c.Timeout)
	}
	if c.BatchSize < 1 || c.BatchSize > 100_000 {
		p.Addf("batch_size", "%d is not between 1 and 100000", c.BatchSize)
	}
	if c.Retention < 0 {
		p.Addf("retention", "%s is negative; 0 means that it is not known", c.Retention)
	}
	if c.MaxPoints < 1000 {
		p.Addf("max_points", "%d is less than 1000", c.MaxPoints)
	}
	return p.Err("prometheus")
}

func validateURL(p *barograph.Problems, field, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		p.Addf(field, "is not an address such as http://127.0.0.1:8428")
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.Addf(field, "%q is not an address such as http://127.0.0.1:8428", u.Redacted())
	case u.User != nil:
		p.Addf(field, "has a user name or password in it: put them into username and password")
	case u.RawQuery != "" || u.Fragment != "":
		p.Addf(field, "has a query or fragment: leave out what begins with ? or #") // which may be a token
	}
}

// writeURL returns where remote write goes.
func (c Config) writeURL() string {
	if c.WriteURL != "" {
		return c.WriteURL
	}
	return strings.TrimSuffix(c.URL, "/") + "/api/v1/write"
}

// queryURL returns the address of a part of the query API.
func (c Config) queryURL(part string) string {
	base := c.QueryURL
	if base == "" {
		base = c.URL
	}
	return strings.TrimSuffix(base, "/") + "/api/v1/" + part
}
