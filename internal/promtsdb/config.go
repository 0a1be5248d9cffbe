package promtsdb

import (
	"time"

	"github.com/barograph/barograph"
)

// Durability says when a write is acknowledged.
type Durability string

// The durabilities.
const (
	DurabilityFsync Durability = "fsync" // once the disk has it: survives a power loss
	DurabilityOS    Durability = "os"    // once the kernel has it: survives a crash of the process
)

// Config says how much to keep and how safely.
type Config struct {
	RetentionTime    barograph.Duration `yaml:"retention_time"`      // older samples are deleted
	RetentionSize    Size               `yaml:"retention_size"`      // beyond it the oldest are deleted; 0 means no limit
	OutOfOrderWindow barograph.Duration `yaml:"out_of_order_window"` // how far a sample may lie behind the newest one stored
	Durability       Durability         `yaml:"durability"`
	MinFreeSpace     Size               `yaml:"min_free_space"` // below it writes are refused; 0 switches the guard off
	MaxSeries        int                `yaml:"max_series"`     // series with samples of the last hours; more are refused
	Query            QueryConfig        `yaml:"query"`
}

// QueryConfig limits PromQL queries.
type QueryConfig struct {
	// Lookback is how old a sample may be to count as a series' present value.
	// Checks that run less often show gaps: raise it, or ask for
	// last_over_time(metric[2h]), or send the parameter lookback_delta.
	Lookback    barograph.Duration `yaml:"lookback"`
	Timeout     barograph.Duration `yaml:"timeout"`
	Concurrency int                `yaml:"concurrency"` // queries that run at once; others wait
	MaxSamples  int                `yaml:"max_samples"` // samples that one query may hold in memory
}

// DefaultConfig returns the configuration of a server that keeps a year.
func DefaultConfig() Config {
	return Config{
		RetentionTime:    barograph.Duration(400 * barograph.Day),
		RetentionSize:    20 * Gigabyte,
		OutOfOrderWindow: barograph.Duration(7 * barograph.Day),
		Durability:       DurabilityFsync,
		MinFreeSpace:     500 * Megabyte,
		MaxSeries:        200_000,
		Query: QueryConfig{
			Lookback:    barograph.Duration(5 * time.Minute),
			Timeout:     barograph.Duration(2 * time.Minute),
			Concurrency: 20,
			MaxSamples:  50_000_000,
		},
	}
}

// The TSDB cuts its blocks in steps of two hours; a shorter retention would
// delete what was just written.
const minRetention = 2 * time.Hour

// Validate returns an error that lists every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	if c.RetentionTime.Std() < minRetention {
		p.Addf("retention_time", "%s is too short: at least %s", c.RetentionTime, barograph.Duration(minRetention))
	}
	if c.RetentionSize < 0 {
		p.Addf("retention_size", "%s is negative: write a size as 20GB, or 0 for no limit", c.RetentionSize)
	}
	if w := c.OutOfOrderWindow; w < 0 || w > c.RetentionTime {
		p.Addf("out_of_order_window", "%s is not between 0 and retention_time (%s)", w, c.RetentionTime)
	}
	switch c.Durability {
	case DurabilityFsync, DurabilityOS:
	default:
		p.Addf("durability", "%q is not one of fsync, os", c.Durability)
	}
	if c.MinFreeSpace < 0 {
		p.Addf("min_free_space", "%s is negative: write a size as 500MB, or 0 for no guard", c.MinFreeSpace)
	}
	if c.MaxSeries < 1 {
		p.Addf("max_series", "%d is not at least 1", c.MaxSeries)
	}
	p.Merge("query", c.Query.validate())
	return p.Err("series store configuration")
}

func (c QueryConfig) validate() error {
	var p barograph.Problems
	if c.Lookback.Std() < time.Second {
		p.Addf("lookback", "%s is too short: at least 1s", c.Lookback)
	}
	if c.Timeout.Std() < time.Second {
		p.Addf("timeout", "%s is too short: at least 1s", c.Timeout)
	}
	if c.Concurrency < 1 {
		p.Addf("concurrency", "%d is not at least 1", c.Concurrency)
	}
	if c.MaxSamples < 1 {
		p.Addf("max_samples", "%d is not at least 1", c.MaxSamples)
	}
	return p.Err("query limits")
}
