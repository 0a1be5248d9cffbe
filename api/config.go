package api

import "github.com/barograph/barograph"

// Config holds the limits of the API.
type Config struct {
	MaxConnections        int     `yaml:"max_connections"`          // open at the same time; more have to wait
	MaxStreams            int     `yaml:"max_streams"`              // event streams open at the same time
	RequestsPerSecond     float64 `yaml:"requests_per_second"`      // of one key, sustained
	Burst                 int     `yaml:"burst"`                    // of one key, at once
	FailedLoginsPerMinute int     `yaml:"failed_logins_per_minute"` // unknown keys from one address
}

// DefaultConfig returns limits for up to 10,000 agents.
func DefaultConfig() Config {
	return Config{
		MaxConnections:        512,
		MaxStreams:            64,
		RequestsPerSecond:     500,
		Burst:                 1000,
		FailedLoginsPerMinute: 30,
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	for name, value := range map[string]float64{
		"max_connections":          float64(c.MaxConnections),
		"max_streams":              float64(c.MaxStreams),
		"requests_per_second":      c.RequestsPerSecond,
		"burst":                    float64(c.Burst),
		"failed_logins_per_minute": float64(c.FailedLoginsPerMinute),
	} {
		if !(value > 0) {
			p.Addf(name, "%v is not above 0", value)
		}
	}
	return p.Err("api configuration")
}
