package agent

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"

	"github.com/barograph/barograph"
)

// loadCollector finds how many tasks run or want to.
type loadCollector struct{}

var _ Collector = loadCollector{}

// Collect returns load_average per period, and load_per_cpu_ratio: the average
// of one minute, divided by the number of processors.
func (loadCollector) Collect(ctx context.Context) ([]Reading, error) {
	avg, err := load.AvgWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read load average: %w", err)
	}
	readings := []Reading{
		{"load_average", period("1m"), avg.Load1},
		{"load_average", period("5m"), avg.Load5},
		{"load_average", period("15m"), avg.Load15},
	}
	n, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return readings, fmt.Errorf("count processors: %w", err)
	}
	return append(readings, Reading{Metric: "load_per_cpu_ratio", Value: avg.Load1 / float64(max(n, 1))}), nil
}

func period(p string) barograph.Labels { return barograph.Labels{{Name: "period", Value: p}} }
