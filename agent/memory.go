package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

// memoryCollector finds how much memory programs may still get.
type memoryCollector struct{}

var _ Collector = memoryCollector{}

// Collect returns memory_used_ratio, in which caches count as free, and
// memory_available_bytes.
func (memoryCollector) Collect(ctx context.Context) ([]Reading, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("read memory use: %w", err)
	}
	if m.Total == 0 {
		return nil, errors.New("the system says that it has no memory")
	}
	return []Reading{
		{Metric: "memory_used_ratio", Value: 1 - min(float64(m.Available)/float64(m.Total), 1)},
		{Metric: "memory_available_bytes", Value: float64(m.Available)},
	}, nil
}
