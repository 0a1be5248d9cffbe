package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/barograph/barograph"
)

// processesCollector counts processes.
type processesCollector struct{}

var _ Collector = processesCollector{}

// Collect returns processes, and processes_by_state for the states running,
// sleeping, blocked, idle, stopped, zombie and other, zeros included.
func (processesCollector) Collect(ctx context.Context) ([]Reading, error) {
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	states := map[string]int{
		"running": 0, "sleeping": 0, "blocked": 0, "idle": 0, "stopped": 0, "zombie": 0, "other": 0,
	}
	total := 0
	for _, p := range all {
		status, err := p.StatusWithContext(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || len(status) == 0 {
			continue // it ended meanwhile
		}
		total++
		states[processState(status[0])]++
	}
	readings := []Reading{{Metric: "processes", Value: float64(total)}}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		labels := barograph.Labels{{Name: "state", Value: state}}
		readings = append(readings, Reading{"processes_by_state", labels, float64(states[state])})
	}
	return readings, nil
}

func processState(status string) string {
	switch status {
	case process.Running:
		return "running"
	case process.Sleep, process.Wait, process.Lock:
		return "sleeping"
	case process.Blocked:
		return "blocked"
	case process.Idle:
		return "idle"
	case process.Stop:
		return "stopped"
	case process.Zombie:
		return "zombie"
	}
	return "other"
}
