package probes

import (
	"fmt"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// schedulerMetrics are the scheduler's own figures.
type schedulerMetrics struct {
	set     *metrics.Set
	skipped *metrics.Counter // rounds left out because the last had not ended
	targets *atomic.Int64
	running *atomic.Int64
	waiting *atomic.Int64
}

func newSchedulerMetrics(set *metrics.Set) schedulerMetrics {
	m := schedulerMetrics{
		set:     set,
		skipped: set.GetOrCreateCounter("barograph_probe_rounds_skipped_total"),
		targets: new(atomic.Int64), running: new(atomic.Int64), waiting: new(atomic.Int64),
	}
	for name, value := range map[string]*atomic.Int64{
		"barograph_probe_targets":        m.targets,
		"barograph_probe_rounds_running": m.running,
		"barograph_probe_rounds_waiting": m.waiting,
	} {
		set.GetOrCreateGauge(name, func() float64 { return float64(value.Load()) })
	}
	return m
}

func (m schedulerMetrics) setTargets(n int) { m.targets.Store(int64(n)) }

func (m schedulerMetrics) setLoad(running, waiting int) {
	m.running.Store(int64(running))
	m.waiting.Store(int64(waiting))
}

func (m schedulerMetrics) count(kind barograph.ProbeKind, r Result) {
	outcome := "failure"
	switch {
	case r.Unable:
		outcome = "unable"
	case r.Success:
		outcome = "success"
	}
	m.set.GetOrCreateCounter(fmt.Sprintf("barograph_probe_rounds_total{kind=%q,outcome=%q}", kind, outcome)).Inc()
}
