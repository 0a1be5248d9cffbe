package configdb

import (
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Config says where the database is and how hard it may work.
type Config struct {
	// URL is where PostgreSQL is, as postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full;
	// "" is SQLite.
	URL barograph.Secret `yaml:"url"`
	// Connections is how many connections to PostgreSQL a server has at most.
	Connections int `yaml:"connections"`
	// Path is the database file of SQLite; a relative one lies in the data directory.
	Path string `yaml:"path"`
	// Readers is the number of connections that read from SQLite at the same time.
	Readers int `yaml:"readers"`
	// BusyTimeout is how long to wait for others that write: of SQLite another
	// process, as a backup may; of PostgreSQL another server, or a free connection.
	BusyTimeout barograph.Duration `yaml:"busy_timeout"`
}

const (
	maxReaders      = 8
	minConnections  = 4 // one writes, one listens, the others read
	maxConnections  = 100
	fewConnections  = 10
	defaultFileName = "barograph.db"
)

// DefaultConfig returns what fits most: barograph.db in the data directory.
func DefaultConfig() Config {
	return Config{
		Connections: fewConnections, Path: defaultFileName, Readers: maxReaders, BusyTimeout: barograph.Duration(10 * time.Second),
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.URL != "" {
		c.checkURL(&p)
	}
	if strings.TrimSpace(c.Path) == "" && c.URL == "" {
		p.Addf("path", "is missing: name a file, as barograph.db")
	}
	if strings.Contains(c.Path, "://") {
		p.Addf("path", "%q is an address, not a file of SQLite: leave it out, and give that of PostgreSQL by url_file", c.Path)
	}
	if strings.ContainsRune(c.Path, 0) {
		p.Addf("path", "%q holds a NUL byte", c.Path)
	}
	if c.Readers < 1 || c.Readers > maxReaders {
		p.Addf("readers", "%d is not between 1 and %d", c.Readers, maxReaders)
	}
	if c.Connections < minConnections || c.Connections > maxConnections {
		p.Addf("connections", "%d is not between %d and %d", c.Connections, minConnections, maxConnections)
	}
	if d := c.BusyTimeout.Std(); d < 100*time.Millisecond || d > time.Minute {
		p.Addf("busy_timeout", "%s is not between 100ms and 1m", c.BusyTimeout)
	}
	return p.Err("database configuration")
}

// checkURL checks the address of PostgreSQL. A path beside it that somebody chose
// is a mistake: one of the two databases would be forgotten.
func (c Config) checkURL(p *barograph.Problems) {
	if _, err := parseURL(c.URL); err != nil {
		p.Addf("url", "%s", err)
	}
	if path := strings.TrimSpace(c.Path); path != "" && path != defaultFileName {
		p.Addf("path", "%q and a url are both given: leave path out for PostgreSQL, or url for SQLite", c.Path)
	}
}
