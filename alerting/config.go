package alerting

import (
	"time"

	"github.com/barograph/barograph"
)

// Config says how the engine judges.
type Config struct {
	// Interval is how often time itself is judged: hosts that fell silent,
	// predictions whose time passed, series that are gone.
	Interval barograph.Duration `yaml:"interval"`
	// HostSilentAfter is how long a host may say nothing.
	HostSilentAfter barograph.Duration `yaml:"host_silent_after"`
	// MaxSampleAge is how old a sample may be on arrival and still start or end
	// a breach: an agent that catches up after hours alerts nobody. Nor does
	// what was last heard of a series before that, after a restart.
	MaxSampleAge barograph.Duration `yaml:"max_sample_age"`
	// ForgetAfter is how long a series may be missing before its open breach
	// ends and its open prediction is withdrawn.
	ForgetAfter barograph.Duration `yaml:"forget_after"`
	// Demotion is when a rule is told in a daily digest only.
	Demotion DemotionConfig `yaml:"demotion"`
}

// DefaultConfig returns the configuration that suits most.
func DefaultConfig() Config {
	return Config{
		Interval:        barograph.Duration(15 * time.Second),
		HostSilentAfter: barograph.Duration(5 * time.Minute),
		MaxSampleAge:    barograph.Duration(15 * time.Minute),
		ForgetAfter:     barograph.Duration(barograph.Day),
		Demotion:        defaultDemotionConfig(),
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	for _, f := range []struct {
		name  string
		value barograph.Duration
		least time.Duration
	}{
		{"interval", c.Interval, 100 * time.Millisecond},
		{"host_silent_after", c.HostSilentAfter, 10 * time.Second},
		{"max_sample_age", c.MaxSampleAge, time.Minute},
		{"forget_after", c.ForgetAfter, 10 * time.Minute},
	} {
		if f.value.Std() < f.least {
			p.Addf(f.name, "%s is less than %s", f.value, barograph.Duration(f.least))
		}
	}
	p.Merge("demotion", c.Demotion.Validate())
	return p.Err("alerting configuration")
}
