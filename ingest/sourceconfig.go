package ingest

import (
	"cmp"
	"net/url"
	"strconv"
	"time"

	"github.com/barograph/barograph"
)

// SourceConfig is a server that rules may ask by PromQL: a Prometheus, or what
// has its query interface (VictoriaMetrics, Mimir, Thanos). What is left zero is
// what suits most.
type SourceConfig struct {
	Name string `yaml:"name"` // what rules call it
	// URL is what /api/v1/query_range is appended to.
	URL      string           `yaml:"url"`
	Token    barograph.Secret `yaml:"token"` // sent as Authorization: Bearer
	Username string           `yaml:"username"`
	Password barograph.Secret `yaml:"password"`
	Tenant   string           `yaml:"tenant"` // sent as X-Scope-OrgID
	// Interval is how often the queries are asked, and the distance of their values.
	Interval barograph.Duration `yaml:"interval"` // 1m
	Timeout  barograph.Duration `yaml:"timeout"`  // of one question; 30s
	// MaxSeries is how many series one query may have. A query that has more is
	// refused as a whole: nobody could say which to leave out.
	MaxSeries int `yaml:"max_series"` // 1000
}

// withDefaults fills in what was left out.
func (c SourceConfig) withDefaults() SourceConfig {
	c.Interval = cmp.Or(c.Interval, barograph.Duration(time.Minute))
	c.Timeout = cmp.Or(c.Timeout, barograph.Duration(30*time.Second))
	c.MaxSeries = cmp.Or(c.MaxSeries, 1000)
	return c
}

// Validate returns an error that names every bad field.
func (c SourceConfig) Validate() error {
	c = c.withDefaults()
	var p barograph.Problems
	if !barograph.ValidName(c.Name) {
		p.Addf("name", "%q is not %s of at most %d bytes", clip(c.Name), barograph.MetricNameRule, barograph.MaxNameBytes)
	}
	c.validateURL(&p)
	if c.Token != "" && (c.Username != "" || c.Password != "") {
		p.Addf("token", "is given beside a username or password: give one of the two")
	}
	if c.Username == "" && c.Password != "" {
		p.Addf("username", "is missing: there is a password")
	}
	between := func(field string, d barograph.Duration, least, most time.Duration) {
		if d.Std() < least || d.Std() > most || d.Std()%time.Second != 0 {
			p.Addf(field, "%s is not between %s and %s in whole seconds", d, barograph.Duration(least), barograph.Duration(most))
		}
	}
	between("interval", c.Interval, time.Second, barograph.Day)
	between("timeout", c.Timeout, time.Second, 10*time.Minute)
	if c.MaxSeries < 1 || c.MaxSeries > 100_000 {
		p.Addf("max_series", "%d is not between 1 and 100000", c.MaxSeries)
	}
	return p.Err("source")
}

func (c SourceConfig) validateURL(p *barograph.Problems) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		p.Addf("url", "is not an address such as http://127.0.0.1:9090")
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.Addf("url", "%q is not an address such as http://127.0.0.1:9090", withoutQuery(u))
	case u.User != nil:
		p.Addf("url", "has a user name or password in it: put them into username and password_file")
	case u.RawQuery != "" || u.Fragment != "":
		p.Addf("url", "has a query or fragment: leave out what begins with ? or #") // which may be a token
	}
}

// withoutQuery returns the address without what may hold a secret.
func withoutQuery(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.Fragment = "", ""
	return shown.Redacted()
}

// ValidateSources returns an error that names every bad field of every source.
func ValidateSources(sources []SourceConfig) error {
	var p barograph.Problems
	names := map[string]bool{}
	for i, c := range sources {
		path := "[" + strconv.Itoa(i) + "]"
		p.Merge(path, c.Validate())
		if c.Name != "" && names[c.Name] {
			p.Addf(path+".name", "%q is given twice", clip(c.Name))
		}
		names[c.Name] = true
	}
	return p.Err("sources")
}
