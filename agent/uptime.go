package agent

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/host"
)

// uptimeCollector finds how long ago the machine started.
type uptimeCollector struct{}

var _ Collector = uptimeCollector{}

// Collect returns uptime_seconds.
func (uptimeCollector) Collect(ctx context.Context) ([]Reading, error) {
	seconds, err := host.UptimeWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read uptime: %w", err)
	}
	return []Reading{{Metric: "uptime_seconds", Value: float64(seconds)}}, nil
}
