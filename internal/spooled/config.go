package spooled

import "github.com/barograph/barograph"

// Config bounds what may wait.
type Config struct {
	// MaxBytes is how much of the disk the spool may take. When it is full,
	// samples are refused until the store takes some.
	MaxBytes int64 `yaml:"max_bytes"`
}

// minBytes is four segments of the queue, which are given back as a whole.
const minBytes = 16 << 20

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{MaxBytes: 1 << 30} }

// Validate returns all that is wrong.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.MaxBytes < minBytes {
		p.Addf("max_bytes", "%d is less than %d", c.MaxBytes, minBytes)
	}
	return p.Err("spool")
}
