package agent

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

// swapCollector finds how full the swap space is.
type swapCollector struct{}

var _ Collector = swapCollector{}

// Collect returns swap_used_ratio, nothing on a machine without swap space.
func (swapCollector) Collect(ctx context.Context) ([]Reading, error) {
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read swap use: %w", err)
	}
	if s.Total == 0 {
		return nil, nil
	}
	return []Reading{{Metric: "swap_used_ratio", Value: float64(s.Used) / float64(s.Total)}}, nil
}
