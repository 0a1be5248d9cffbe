package probes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// script is a prober that notes when it is called and answers as told.
type script struct {
	takes time.Duration // a round
	probe func(barograph.Target) probes.Result

	mu      sync.Mutex
	starts  map[barograph.TargetID][]time.Time
	running map[barograph.TargetID]int
	now     int
	most    int // rounds at once
	overlap bool
}

func newScript(takes time.Duration) *script {
	return &script{
		takes: takes, starts: map[barograph.TargetID][]time.Time{}, running: map[barograph.TargetID]int{},
		probe: func(barograph.Target) probes.Result {
			return probes.Result{Success: true, Packets: 1, Sent: 1, Received: 1, RTTs: []time.Duration{time.Millisecond}}
		},
	}
}

func (s *script) Probe(ctx context.Context, target barograph.Target) probes.Result {
	s.mu.Lock()
	s.starts[target.ID] = append(s.starts[target.ID], time.Now())
	s.running[target.ID]++
	s.now++
	s.overlap = s.overlap || s.running[target.ID] > 1
	s.most = max(s.most, s.now)
	result := s.probe(target)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running[target.ID]--
		s.now--
	}()
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return result
	case <-ctx.Done():
		return probes.Result{Error: "cut off"}
	}
}

func (s *script) startsOf(id barograph.TargetID) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.starts[id])
}

// bench is a running scheduler and what is around it.
type bench struct {
	targets *targetList
	store   *store
	log     *logBuffer
	prober  *script
	metrics *metrics.Set
	stop    func()

	scheduler *probes.Scheduler
}

// start runs a scheduler; all of it must be called within a synctest bubble.
func start(t *testing.T, cfg probes.Config, prober *script, targets ...barograph.Target) *bench {
	t.Helper()
	b := &bench{targets: newTargetList(targets...), store: &store{}, log: &logBuffer{}, prober: prober, metrics: metrics.NewSet()}
	s, err := probes.New(cfg, b.targets, b.store, probes.Deps{
		Probers: map[barograph.ProbeKind]probes.Prober{barograph.ProbeICMP: prober},
		Clock:   barograph.WallClock{}, Log: b.log.logger(), Metrics: b.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.scheduler = s
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %s", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// metric returns a metric's line, as "1" of "name 1".
func (b *bench) metric(name string) string {
	var text bytes.Buffer
	b.metrics.WritePrometheus(&text)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func many(n int, interval time.Duration) []barograph.Target {
	all := make([]barograph.Target, n)
	for i := range all {
		all[i] = newTarget(barograph.ProbeICMP, fmt.Sprintf("10.0.%d.%d", i/256, i%256))
		all[i].ID, all[i].Name = barograph.TargetID(fmt.Sprintf("tgt_%06d", i)), fmt.Sprintf("target %d", i)
		all[i].Interval = barograph.Duration(interval)
	}
	return all
}

func TestSchedulerSpreadsStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, interval = 3000, time.Minute
		began := time.Now()
		b := start(t, probes.DefaultConfig(), newScript(10*time.Millisecond), many(n, interval)...)
		time.Sleep(10 * time.Minute)
		b.stop()

		var perSecond [60]int
		for id, starts := range b.prober.starts {
			if first := starts[0].Sub(began); first > 10*time.Second {
				t.Fatalf("%s waited %s for its first round, want at most 10s", id, first)
			}
			for i := 2; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); gap != interval {
					t.Fatalf("%s: %s between rounds %d and %d, want %s", id, gap, i, i+1, interval)
				}
			}
			perSecond[starts[3].Second()]++
		}
		if len(b.prober.starts) != n {
			t.Errorf("%d of %d targets were probed", len(b.prober.starts), n)
		}
		for second, got := range perSecond {
			if got < n/60/2 || got > n/60*2 {
				t.Errorf("second %d of the minute has %d starts, want about %d", second, got, n/60)
			}
		}
	})
}

func TestSchedulerStartsAreStable(t *testing.T) {
	run := func() (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, probes.DefaultConfig(), newScript(0), many(20, time.Minute)...)
			time.Sleep(3 * time.Minute)
			b.stop()
			for _, target := range many(20, time.Minute) {
				starts := b.prober.startsOf(target.ID)
				at = append(at, time.Duration(starts[len(starts)-1].UnixNano())%time.Minute)
			}
		})
		return at
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Errorf("two runs start targets at different times:\n%s", diff)
	}
}

func TestSchedulerNeverOverlapsRoundsOfATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(25*time.Second), many(3, 10*time.Second)...)
		time.Sleep(5 * time.Minute)
		b.stop()
		if b.prober.overlap {
			t.Error("two rounds of a target ran at once")
		}
		for id, starts := range b.prober.starts {
			for i := 1; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); gap != 30*time.Second {
					t.Errorf("%s: %s between rounds that take 25s, want the next start of 10s steps", id, gap)
				}
			}
		}
		if skipped := b.metric("barograph_probe_rounds_skipped_total"); skipped == "0" {
			t.Error("no round was counted as skipped")
		}
	})
}

func TestSchedulerBoundsConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := probes.DefaultConfig()
		cfg.Concurrency = 10
		b := start(t, cfg, newScript(time.Second), many(200, time.Minute)...)
		time.Sleep(3 * time.Minute)
		b.stop()
		if b.prober.most != 10 {
			t.Errorf("at most %d rounds ran at once, want 10", b.prober.most)
		}
		for id, starts := range b.prober.starts {
			if len(starts) < 3 {
				t.Errorf("%s was probed %d times in 3 minutes, want at least 3", id, len(starts))
			}
		}
		if len(b.prober.starts) != 200 {
			t.Errorf("%d targets were probed, want 200", len(b.prober.starts))
		}
	})
}

func TestSchedulerReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		targets := many(4, time.Minute)
		kept, gone, changed, off := targets[0], targets[1], targets[2], targets[3]
		off.Enabled = false
		b := start(t, probes.DefaultConfig(), newScript(time.Millisecond), kept, gone, changed, off)
		time.Sleep(5 * time.Minute)
		keptBefore := b.prober.startsOf(kept.ID)
		goneBefore := len(b.prober.startsOf(gone.ID))

		changed.Interval = barograph.Duration(10 * time.Second)
		kept.UpdatedAt = time.Now()
		added := many(5, time.Minute)[4]
		reloaded := time.Now()
		b.targets.set(nil, kept, changed, added)
		time.Sleep(5 * time.Minute)
		b.stop()

		keptAfter := b.prober.startsOf(kept.ID)
		if gap := keptAfter[len(keptBefore)].Sub(keptBefore[len(keptBefore)-1]); gap != time.Minute {
			t.Errorf("a reload moved an unchanged target by %s", gap-time.Minute)
		}
		if got := len(b.prober.startsOf(gone.ID)); got != goneBefore {
			t.Errorf("a removed target was probed %d times more", got-goneBefore)
		}
		if got := len(b.prober.startsOf(changed.ID)); got < 33 {
			t.Errorf("a target whose interval is now 10s was probed %d times in 10 minutes", got)
		}
		if starts := b.prober.startsOf(added.ID); len(starts) == 0 || starts[0].Sub(reloaded) > 10*time.Second {
			t.Errorf("a new target was first probed at %v, want within 10s of %s", starts, reloaded)
		}
		if got := len(b.prober.startsOf(off.ID)); got != 0 {
			t.Errorf("a disabled target was probed %d times", got)
		}
		if skipped := b.metric("barograph_probe_rounds_skipped_total"); skipped != "0" {
			t.Errorf("%s rounds were skipped: the removed target is still scheduled", skipped)
		}
	})
}

func TestSchedulerReadsAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(0), many(2500, time.Minute)...)
		time.Sleep(time.Minute)
		if got := b.metric("barograph_probe_targets"); got != "2500" {
			t.Errorf("%s targets are scheduled, want 2500", got)
		}
	})
}

func TestSchedulerWaitsForTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prober := newScript(0)
		b := start(t, probes.DefaultConfig(), prober)
		time.Sleep(time.Second)
		b.targets.set(errors.New("disk on fire"))
		time.Sleep(10 * time.Minute)
		b.targets.set(nil, many(1, 10*time.Second)...)
		time.Sleep(2 * time.Minute)
		b.stop()
		if len(prober.starts) != 1 {
			t.Error("the target was not probed after the database came back")
		}
		if got := strings.Count(b.log.String(), "disk on fire"); got != 1 {
			t.Errorf("%d lines tell of the database, want 1:\n%s", got, b.log)
		}
	})
}

func TestSchedulerLogsStateChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prober := newScript(0)
		began := time.Now()
		prober.probe = func(target barograph.Target) probes.Result {
			minute := int(time.Since(began) / time.Minute)
			switch {
			case target.Name == "target 1":
				return probes.Result{Unable: true, Error: "not allowed to send ICMP"}
			case minute >= 2 && minute < 5:
				return probes.Result{Packets: 1, Sent: 1, Error: "no reply within 2s"}
			}
			return probes.Result{Success: true, Packets: 1, Sent: 1, Received: 1}
		}
		b := start(t, probes.DefaultConfig(), prober, many(2, 10*time.Second)...)
		time.Sleep(10 * time.Minute)
		b.stop()
		want := `level=INFO msg="target answers" target="target 0" kind=icmp address=10.0.0.0
level=ERROR msg="cannot probe" kind=icmp target="target 1" reason="not allowed to send ICMP"
level=WARN msg="target is down" target="target 0" kind=icmp address=10.0.0.0 reason="no reply within 2s"
level=INFO msg="target is up again" target="target 0" kind=icmp address=10.0.0.0 down_for=3m0s
`
		if diff := cmp.Diff(want, b.log.String()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		for _, s := range b.store.all() {
			if s.Series.Labels.Get("target") == "target 1" {
				t.Fatalf("a target that could not be probed has the sample %s", s.Series)
			}
		}
	})
}

func TestSchedulerStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, probes.DefaultConfig(), newScript(9*time.Second), many(10, 10*time.Second)...)
		time.Sleep(30*time.Second + 50*time.Millisecond)
		before := time.Now()
		b.stop()
		if took := time.Since(before); took > time.Second {
			t.Errorf("stopping took %s", took)
		}
		for _, s := range b.store.all() {
			if s.Series.Metric == "probe_success" && s.Value == 0 {
				t.Error("a round cut off by the end counts as a failure")
			}
		}
	})
}

func TestSchedulerRefusesBadConfig(t *testing.T) {
	_, err := probes.New(probes.Config{}, newTargetList(), &store{}, probes.Deps{})
	want := "invalid probes: concurrency: 0 is not between 1 and 100000; batch_size: 0 is not between 1 and 100000; " +
		"packet_interval: 0s is not between 1ms and 1m; flush_interval: 0s is not between 1ms and 1m; write_timeout: 0s is not between 1s and 1h"
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant %s", err, want)
	}
}
