package agent

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/barograph/barograph"
)

// Reading is one number that a collector found, now.
type Reading struct {
	Metric string
	Labels barograph.Labels
	Value  float64
}

// String returns the reading as one line: disk_used_ratio{mount="/"} 0.42.
func (r Reading) String() string {
	format := "%s %.6g"
	if r.Value == math.Trunc(r.Value) {
		format = "%s %.0f"
	}
	return fmt.Sprintf(format, barograph.Series{Metric: r.Metric, Labels: r.Labels}, r.Value)
}

// Collector measures one thing about the machine.
//
// Collect returns what it found; readings beside an error are good. A rate is
// taken from the time since the last call, so that the first call of a
// collector of rates finds nothing. Collect is never called twice at once.
type Collector interface {
	Collect(ctx context.Context) ([]Reading, error)
}

// newCollector is the list of all built-in collectors; nil means that this
// agent doesn't know the name.
func newCollector(name barograph.CollectorName) Collector {
	switch name {
	case barograph.CollectorCPU:
		return &cpuCollector{}
	case barograph.CollectorMemory:
		return memoryCollector{}
	case barograph.CollectorSwap:
		return swapCollector{}
	case barograph.CollectorLoad:
		return loadCollector{}
	case barograph.CollectorDisk:
		return diskCollector{}
	case barograph.CollectorNetwork:
		return &networkCollector{}
	case barograph.CollectorUptime:
		return uptimeCollector{}
	case barograph.CollectorProcesses:
		return processesCollector{}
	case barograph.CollectorOSUpdates:
		return osUpdatesCollector{managers: packageManagers(), run: runProgram}
	}
	return nil
}

// rateWindow is how long Measure waits between the two looks that rates need.
const rateWindow = time.Second

// Measurement is what one collector found.
type Measurement struct {
	Collector barograph.CollectorName
	Readings  []Reading
	Err       error
}

// Measure runs every built-in collector once, without any server. It takes a
// bit more than a second, which the rates need.
func Measure(ctx context.Context) ([]Measurement, error) {
	names := barograph.CollectorNames()
	collectors := make([]Collector, len(names))
	for i, name := range names {
		collectors[i] = newCollector(name)
		if rates(name) {
			_, _ = collectors[i].Collect(ctx) // the first look; an error comes again
		}
	}
	if err := wait(ctx, rateWindow); err != nil {
		return nil, err
	}
	all := make([]Measurement, len(names))
	for i, name := range names {
		readings, err := collectors[i].Collect(ctx)
		all[i] = Measurement{name, readings, err}
	}
	return all, nil
}

// rates reports whether a collector needs an earlier look to compare with.
func rates(name barograph.CollectorName) bool {
	return name == barograph.CollectorCPU || name == barograph.CollectorNetwork
}

// wait returns after d, or with the context's error when that ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
