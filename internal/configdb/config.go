package configdb

import (
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Config says where the database is and how hard it may work.
type Config struct {
	// Path is the database file; a relative one lies in the data directory.
	Path string `yaml:"path"`
	// Readers is the number of connections that read at the same time.
	Readers int `yaml:"readers"`
	// BusyTimeout is how long to wait for another process that writes, as a
	// backup may.
	BusyTimeout barograph.Duration `yaml:"busy_timeout"`
}

const maxReaders = 8

// DefaultConfig returns what fits most: barograph.db in the data directory.
func DefaultConfig() Config {
	return Config{Path: "barograph.db", Readers: maxReaders, BusyTimeout: barograph.Duration(10 * time.Second)}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	if strings.TrimSpace(c.Path) == "" {
		p.Addf("path", "is missing: name a file, as barograph.db")
	}
	if strings.ContainsRune(c.Path, 0) {
		p.Addf("path", "%q holds a NUL byte", c.Path)
	}
	if c.Readers < 1 || c.Readers > maxReaders {
		p.Addf("readers", "%d is not between 1 and %d", c.Readers, maxReaders)
	}
	if d := c.BusyTimeout.Std(); d < 100*time.Millisecond || d > time.Minute {
		p.Addf("busy_timeout", "%s is not between 100ms and 1m", c.BusyTimeout)
	}
	return p.Err("database configuration")
}
