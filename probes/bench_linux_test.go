package probes_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// instant answers at once, and counts.
type instant struct{ rounds atomic.Int64 }

func (p *instant) Probe(context.Context, barograph.Target) probes.Result {
	p.rounds.Add(1)
	return probes.Result{
		Success: true, Packets: 4, Sent: 4, Received: 4,
		RTTs: []time.Duration{time.Millisecond, 2 * time.Millisecond, time.Millisecond, time.Millisecond},
	}
}

type discard struct{}

func (discard) Write(context.Context, []barograph.Sample) error { return nil }

// BenchmarkScheduler10000Targets keeps 10,000 targets at an interval of 1 s and
// reports what a round costs besides the probe itself: processor time, and
// memory for a target. Its ns/op is the pace, not the cost.
func BenchmarkScheduler10000Targets(b *testing.B) {
	const n = 10_000
	prober := &instant{}
	targets := newTargetList(many(n, time.Second)...)
	before := heap()
	s, err := probes.New(probes.DefaultConfig(), targets, discard{}, probes.Deps{
		Probers: map[barograph.ProbeKind]probes.Prober{barograph.ProbeICMP: prober},
		Clock:   barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for prober.rounds.Load() < n { // all have had their first round
		time.Sleep(10 * time.Millisecond)
	}
	memory := heap() - before
	start, cpu := prober.rounds.Load(), processorTime(b)
	began := time.Now()
	b.ResetTimer()
	for b.Loop() {
		for want := prober.rounds.Load() + 1; prober.rounds.Load() < want; {
			time.Sleep(time.Millisecond)
		}
	}
	b.StopTimer()
	rounds := float64(prober.rounds.Load() - start)
	used := processorTime(b) - cpu
	b.ReportMetric(float64(used.Nanoseconds())/rounds, "cpu-ns/round")
	b.ReportMetric(rounds/time.Since(began).Seconds(), "rounds/s")
	b.ReportMetric(memory/n, "heap-B/target")
	cancel()
	<-done
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkSamples(b *testing.B) {
	target := many(1, time.Minute)[0]
	target.Labels = barograph.NewLabels(map[string]string{"site": "berlin", "role": "gateway"})
	result := (&instant{}).Probe(b.Context(), target)
	b.ReportAllocs()
	for b.Loop() {
		result.Samples(target, time.UnixMilli(0))
	}
}
