package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v4/cpu"
)

// cpuCollector finds the share of the time that the processors were busy since
// the last look. Waiting for a disk counts as idle.
type cpuCollector struct {
	last cpuTimes
	seen bool
}

// cpuTimes are seconds since the machine started, of all processors together.
type cpuTimes struct{ busy, total float64 }

var _ Collector = (*cpuCollector)(nil)

// Collect returns cpu_usage_ratio.
func (c *cpuCollector) Collect(ctx context.Context) ([]Reading, error) {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("read processor times: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("the system tells no processor times")
	}
	now := cpuTimesOf(all[0])
	last, seen := c.last, c.seen
	c.last, c.seen = now, true
	ratio, ok := busyRatio(last, now)
	if !seen || !ok {
		return nil, nil
	}
	return []Reading{{Metric: "cpu_usage_ratio", Value: ratio}}, nil
}

// cpuTimesOf leaves guests out: the kernel counts them as user time, too.
func cpuTimesOf(t cpu.TimesStat) cpuTimes {
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	return cpuTimes{busy: busy, total: busy + t.Idle + t.Iowait}
}

// busyRatio is false if no time passed, or counters went back.
func busyRatio(from, to cpuTimes) (float64, bool) {
	total, busy := to.total-from.total, to.busy-from.busy
	if total <= 0 || busy < 0 {
		return 0, false
	}
	return min(busy/total, 1), true
}
