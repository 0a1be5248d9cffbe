package probes

import (
	"time"

	"github.com/barograph/barograph"
)

// Config says how targets are probed.
type Config struct {
	// Concurrency is how many rounds run at once. An icmp round holds a socket
	// that gets a copy of the machine's ICMP packets: with far more than the
	// default a small machine measures its own load.
	Concurrency int `yaml:"concurrency"`
	// PacketInterval is the time between the packets of an icmp round.
	PacketInterval barograph.Duration `yaml:"packet_interval"`
	// FlushInterval is how long samples wait for others, BatchSize how many of
	// them are written at once.
	FlushInterval barograph.Duration `yaml:"flush_interval"`
	BatchSize     int                `yaml:"batch_size"`
	// WriteTimeout is how long the store may take for a batch.
	WriteTimeout barograph.Duration `yaml:"write_timeout"`
	// QueueSize is how many samples are kept while the store is away; the
	// oldest are dropped first.
	QueueSize int `yaml:"queue_size"`
}

// DefaultConfig returns what holds where nothing is set.
func DefaultConfig() Config {
	return Config{
		Concurrency:    256,
		PacketInterval: barograph.Duration(200 * time.Millisecond),
		FlushInterval:  barograph.Duration(250 * time.Millisecond),
		BatchSize:      1000,
		WriteTimeout:   barograph.Duration(30 * time.Second),
		QueueSize:      200_000,
	}
}

// Validate returns an error that names every bad field.
func (c Config) Validate() error {
	var p barograph.Problems
	between(&p, "concurrency", c.Concurrency, 1, 100_000)
	between(&p, "batch_size", c.BatchSize, 1, 100_000)
	between(&p, "queue_size", c.QueueSize, c.BatchSize, 10_000_000)
	durationBetween(&p, "packet_interval", c.PacketInterval, time.Millisecond, time.Minute)
	durationBetween(&p, "flush_interval", c.FlushInterval, time.Millisecond, time.Minute)
	durationBetween(&p, "write_timeout", c.WriteTimeout, time.Second, time.Hour)
	return p.Err("probes")
}

func between(p *barograph.Problems, field string, value, low, high int) {
	if value < low || value > high {
		p.Addf(field, "%d is not between %d and %d", value, low, high)
	}
}

func durationBetween(p *barograph.Problems, field string, value barograph.Duration, low, high time.Duration) {
	if value.Std() < low || value.Std() > high {
		p.Addf(field, "%s is not between %s and %s", value, barograph.Duration(low), barograph.Duration(high))
	}
}
