package barograph

import (
	"slices"
	"strings"
	"time"
)

// CheckID identifies a check.
type CheckID string

// Limits of checks.
const (
	MinCheckInterval = time.Second
	MaxCheckInterval = Day
	MaxCommandBytes  = 8 << 10
)

// Check is something that an agent measures: a built-in collector or a
// command. It runs on every host whose labels its matchers choose.
type Check struct {
	ID        CheckID       `json:"id"`
	Name      string        `json:"name"` // metric name of a command's value; unique
	Collector CollectorName `json:"collector,omitempty"`
	// Command is run by a shell, and its last line's first number is the value.
	// With a collector it is the equivalent for hosts without our agent.
	Command   string    `json:"command,omitempty"`
	Interval  Duration  `json:"interval"`
	Timeout   Duration  `json:"timeout"`
	Labels    Labels    `json:"labels"` // added to the series
	Matchers  Matchers  `json:"matchers"`
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// CollectorName names something that the agent measures without a command.
type CollectorName string

// The built-in collectors.
const (
	CollectorCPU       CollectorName = "cpu"
	CollectorMemory    CollectorName = "memory"
	CollectorSwap      CollectorName = "swap"
	CollectorLoad      CollectorName = "load"
	CollectorDisk      CollectorName = "disk" // space and inodes per mount
	CollectorNetwork   CollectorName = "network"
	CollectorUptime    CollectorName = "uptime"
	CollectorProcesses CollectorName = "processes"
	CollectorOSUpdates CollectorName = "os_updates"
)

// CollectorNames returns all built-in collectors.
func CollectorNames() []CollectorName {
	return []CollectorName{
		CollectorCPU, CollectorMemory, CollectorSwap, CollectorLoad, CollectorDisk,
		CollectorNetwork, CollectorUptime, CollectorProcesses, CollectorOSUpdates,
	}
}

// Validate returns an error that names every bad field.
func (c Check) Validate() error {
	var p Problems
	if !ValidName(c.Name) {
		p.Addf("name", "%q is not %s: it becomes a metric name", Clip(c.Name), MetricNameRule)
	}
	switch {
	case c.Collector == "" && strings.TrimSpace(c.Command) == "":
		p.Addf("command", "is missing: give a command or a collector")
	case c.Collector != "" && !slices.Contains(CollectorNames(), c.Collector):
		p.Addf("collector", "%q is not one of %v", Clip(string(c.Collector)), CollectorNames())
	}
	if len(c.Command) > MaxCommandBytes {
		p.Addf("command", "has %d bytes, at most %d are allowed", len(c.Command), MaxCommandBytes)
	}
	if strings.ContainsRune(c.Command, 0) {
		p.Addf("command", "holds a NUL byte")
	}
	if d := c.Interval.Std(); d < MinCheckInterval || d > MaxCheckInterval {
		p.Addf("interval", "%s is not between %s and %s", c.Interval, Duration(MinCheckInterval), Duration(MaxCheckInterval))
	}
	if d := c.Timeout; d <= 0 || d > c.Interval {
		p.Addf("timeout", "%s is not between 1ms and the interval of %s", d, c.Interval)
	}
	p.Merge("labels", c.Labels.Validate())
	if c.Labels.Get("host") != "" {
		p.Addf("labels.host", "is set by the host that runs the check; leave it out")
	}
	return p.Err("check")
}
