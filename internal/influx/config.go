package influx

import (
	"net/url"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Config says which bucket of which server keeps the series.
type Config struct {
	// URL is the server's address, as http://127.0.0.1:8086.
	URL string `yaml:"url"`
	// Org is the organization; empty for InfluxDB 1.8.
	Org string `yaml:"org"`
	// Bucket is the bucket; database/retention-policy for InfluxDB 1.8.
	Bucket string `yaml:"bucket"`
	// Token may read and write the bucket; user:password for InfluxDB 1.8,
	// empty if that has no authentication.
	Token barograph.Secret `yaml:"token"`
	// Timeout bounds one request.
	Timeout barograph.Duration `yaml:"timeout"`
	// BatchSize is the most samples sent in one request.
	BatchSize int `yaml:"batch_size"`
	// Requests is how many requests with samples there are at once.
	Requests int `yaml:"requests"`
	// Gzip has samples compressed on the way: worth it where the network is slow.
	Gzip bool `yaml:"gzip"`
	// CreateBucket has the bucket made if it is missing, and its organization too.
	CreateBucket bool `yaml:"create_bucket"`
	// Retention is how long a bucket that is made keeps its samples; 0: for ever.
	// One that is there already keeps its own.
	Retention barograph.Duration `yaml:"retention"`
	// MaxPoints is the most points that one read may give, of 16 bytes each.
	MaxPoints int `yaml:"max_points"`
}

// DefaultConfig returns the defaults of all that has one.
func DefaultConfig() Config {
	return Config{
		URL: "http://127.0.0.1:8086", Bucket: "barograph",
		Timeout: barograph.Duration(30 * time.Second), BatchSize: 5000, Requests: 4, MaxPoints: 20_000_000,
	}
}

// Validate returns all that is wrong.
func (c Config) Validate() error {
	var p barograph.Problems
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.Addf("url", "%q is not an address such as http://127.0.0.1:8086", redactURL(u))
	case u.User != nil:
		p.Addf("url", "has a user name or password in it: put user:password into token")
	case u.RawQuery != "" || u.Fragment != "":
		p.Addf("url", "has a query or fragment: leave out what begins with ? or #") // which may be a token
	}
	if c.Bucket == "" {
		p.Addf("bucket", "is empty: name the bucket, or database/retention-policy for InfluxDB 1.8")
	}
	if c.Timeout < barograph.Duration(time.Millisecond) || c.Timeout > barograph.Duration(time.Hour) {
		p.Addf("timeout", "%s is not between 1ms and 1h", c.Timeout)
	}
	if c.BatchSize < 1 || c.BatchSize > 100_000 {
		p.Addf("batch_size", "%d is not between 1 and 100000", c.BatchSize)
	}
	if c.Requests < 1 || c.Requests > 64 {
		p.Addf("requests", "%d is not between 1 and 64", c.Requests)
	}
	if c.Retention != 0 && c.Retention.Std() < time.Hour {
		p.Addf("retention", "%s is not 0s, which is for ever, or at least 1h", c.Retention)
	}
	if c.MaxPoints < 1000 {
		p.Addf("max_points", "%d is less than 1000", c.MaxPoints)
	}
	return p.Err("influx")
}

// isV1 reports whether the server is InfluxDB 1.8, which has no organizations.
func (c Config) isV1() bool { return c.Org == "" }

// databaseAndPolicy returns what the bucket means to InfluxDB 1.8; without a
// policy it is the default one.
func (c Config) databaseAndPolicy() (database, policy string) {
	database, policy, _ = strings.Cut(c.Bucket, "/")
	return database, policy
}

// redactURL returns the address without a password, which an error must not show.
func redactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}
