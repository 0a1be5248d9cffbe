package web

import (
	"time"

	"github.com/barograph/barograph"
)

// Config says how the pages are shown, and to whom.
type Config struct {
	// AnonymousViewer lets everybody read who reaches the server; signing in is
	// needed to change anything.
	AnonymousViewer bool `yaml:"anonymous_viewer"`
	// SessionLength is how long somebody stays signed in who does nothing.
	SessionLength barograph.Duration `yaml:"session_length"`
	// MaxStreams is how many pages may follow what happens at the same time, those
	// of one session at most 20 of them; others are brought up to date once a minute.
	MaxStreams int `yaml:"max_streams"`
	// Configs is the folder whose targets files the page Run offers.
	Configs string `yaml:"configs"`
}

// DefaultConfig returns what suits most.
func DefaultConfig() Config {
	return Config{SessionLength: barograph.Duration(barograph.Week), MaxStreams: 1000, Configs: "configs"}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	const longest = 90 * barograph.Day
	var p barograph.Problems
	if d := c.SessionLength.Std(); d < 5*time.Minute || d > longest {
		p.Addf("session_length", "%s is not between 5m and %s", c.SessionLength, barograph.Duration(longest))
	}
	if c.MaxStreams < 1 {
		p.Addf("max_streams", "%d is not above 0", c.MaxStreams)
	}
	return p.Err("web configuration")
}
