package influx

import (
	"net/url"
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
}

// DefaultConfig returns the defaults of all that has one.
func DefaultConfig() Config {
	return Config{
		URL: "http://127.0.0.1:8086", Bucket: "barograph",
		Timeout: barograph.Duration(30 * time.Second), BatchSize: 5000,
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
		p.Addf("url", "%q has a query or fragment: leave it out", redactURL(u))
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
	return p.Err("influx")
}

// redactURL returns the address without a password, which an error must not show.
func redactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}
