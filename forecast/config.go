package forecast

import (
	"time"

	"github.com/barograph/barograph"
)

// Config says how often and how much is forecast.
type Config struct {
	// Interval is how often each rule's series are looked at, by the clock. A
	// rule that takes longer skips ticks.
	Interval barograph.Duration `yaml:"interval"`
	// ReloadInterval is how often a rule's whole history is read again, to see
	// samples that came late: bit by bit if it has many series. At every
	// interval only its end is read.
	ReloadInterval barograph.Duration `yaml:"reload_interval"`
	// ReadTimeout is how long the store may take for one answer.
	ReadTimeout barograph.Duration `yaml:"read_timeout"`
	// MaxSeries is how many series one rule may forecast; each of them keeps 1 to
	// 4 KB in memory, by the rule's horizon: the shorter, the more.
	MaxSeries int `yaml:"max_series"`
	// Workers is how many series are forecast at once; 0: one per core.
	Workers int `yaml:"workers"`
}

// DefaultConfig returns what holds where nothing is set.
func DefaultConfig() Config {
	return Config{
		Interval:       barograph.Duration(time.Minute),
		ReloadInterval: barograph.Duration(time.Hour),
		ReadTimeout:    barograph.Duration(30 * time.Second),
		MaxSeries:      100_000,
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	between := func(field string, d barograph.Duration, low, high time.Duration) {
		if d.Std() < low || d.Std() > high {
			p.Addf(field, "%s is not between %s and %s", d, barograph.Duration(low), barograph.Duration(high))
		}
	}
	between("interval", c.Interval, time.Second, barograph.Day)
	between("reload_interval", c.ReloadInterval, time.Second, 30*barograph.Day)
	between("read_timeout", c.ReadTimeout, time.Second, time.Hour)
	if c.MaxSeries < 1 || c.MaxSeries > 1_000_000 {
		p.Addf("max_series", "%d is not between 1 and 1000000", c.MaxSeries)
	}
	if c.Workers < 0 || c.Workers > 1024 {
		p.Addf("workers", "%d is not 0 (one per core) or at most 1024", c.Workers)
	}
	return p.Err("forecast")
}
