package probes

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Targets is where the scheduler learns what to probe.
type Targets interface {
	Targets(ctx context.Context, page barograph.Page) ([]barograph.Target, error)
	// Changes returns a channel that receives after targets have changed, and
	// a function that ends it.
	Changes() (changed <-chan struct{}, stop func())
}

// Deps is what the scheduler is given.
type Deps struct {
	Probers map[barograph.ProbeKind]Prober
	Clock   barograph.Clock // stamps samples; rounds keep real time, packets do
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Scheduler probes targets, each at its interval, and writes what it measures.
// One goroutine holds the schedule and starts the rounds.
type Scheduler struct {
	cfg     Config
	targets Targets
	deps    Deps
	sink    *sink
	stats   schedulerMetrics

	schedule *schedule
	waiting  []*entry // due, for want of a free place not yet started
	running  int
	reported map[string]time.Time // when a reason for rounds that could not be made was last logged
	unread   error                // why targets could not be read the last time
	free     time.Time            // when a place for a round was last free, or became so
	pulse    *barograph.Pulse
}

// New returns a scheduler that reads targets and writes to writer.
func New(cfg Config, targets Targets, writer barograph.SampleWriter, deps Deps) (*Scheduler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Scheduler{
		cfg: cfg, targets: targets, deps: deps,
		sink:     newSink(cfg, writer, deps.Log, deps.Metrics),
		schedule: newSchedule(),
		reported: map[string]time.Time{},
		pulse:    barograph.NewPulse(beatEvery),
	}
	s.stats = newSchedulerMetrics(deps.Metrics)
	return s, nil
}

// round is one round of one target, on its way and back.
type round struct {
	entry   *entry
	target  barograph.Target // as it was when the round began
	version int
	result  Result
	at      time.Time // when it began, by the clock
}

// Run probes until ctx ends, writes what is left, and returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	loaded := make(chan reading)
	tasks.Go(func() { s.load(ctx, loaded) })

	// The sink outlives the rounds, so that what they gave is written.
	sinkCtx, stopSink := context.WithCancel(context.WithoutCancel(ctx))
	sinkDone := make(chan struct{})
	go func() {
		defer close(sinkDone)
		s.sink.run(sinkCtx)
	}()

	s.loop(ctx, loaded, &tasks)
	tasks.Wait()
	stopSink()
	<-sinkDone
	return nil
}

// loop owns the schedule until ctx ends.
func (s *Scheduler) loop(ctx context.Context, loaded <-chan reading, tasks *sync.WaitGroup) {
	done := make(chan round, s.cfg.Concurrency)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	s.free = time.Now()
	for {
		s.queueDue(time.Now())
		s.startWaiting(ctx, tasks, done)
		s.pulse.Beat(s.trouble(time.Now()))
		timer.Reset(min(s.untilNext(time.Now()), beatEvery))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case r := <-loaded:
			s.takeOver(r)
		case r := <-done:
			s.finish(r)
			for range len(done) {
				s.finish(<-done)
			}
		}
	}
}

// takeOver takes over targets that were read; if they could not be, the old
// ones stay.
func (s *Scheduler) takeOver(r reading) {
	if s.unread = r.err; r.err != nil {
		return
	}
	s.schedule.replace(r.targets, time.Now())
	s.stats.setTargets(len(s.schedule.entries))
}

func (s *Scheduler) untilNext(now time.Time) time.Duration {
	due, ok := s.schedule.next()
	if !ok {
		return time.Hour
	}
	return max(0, due.Sub(now))
}

// queueDue lines up the targets that are due. One whose last round has not
// ended, or not even begun, leaves this one out.
func (s *Scheduler) queueDue(now time.Time) {
	for e := s.schedule.pop(now); e != nil; e = s.schedule.pop(now) {
		if e.running {
			s.stats.skipped.Inc()
			continue
		}
		e.running = true
		s.waiting = append(s.waiting, e)
	}
}

func (s *Scheduler) startWaiting(ctx context.Context, tasks *sync.WaitGroup, done chan<- round) {
	started := 0
	for _, e := range s.waiting {
		if s.running >= s.cfg.Concurrency {
			break
		}
		started++
		if e.gone {
			continue
		}
		s.running++
		r := round{entry: e, target: e.target, version: e.version}
		tasks.Go(func() { done <- s.probe(ctx, r) })
	}
	s.waiting = append(s.waiting[:0], s.waiting[started:]...)
	s.stats.setLoad(s.running, len(s.waiting))
}

// probe makes one round. The channel that takes it has room for all rounds.
func (s *Scheduler) probe(ctx context.Context, r round) round {
	r.at = s.deps.Clock.Now()
	prober := s.deps.Probers[r.target.Kind]
	if prober == nil {
		r.result = Result{Unable: true, Error: fmt.Sprintf("no prober of kind %q", r.target.Kind)}
		return r
	}
	r.result = prober.Probe(ctx, r.target)
	if ctx.Err() != nil {
		// Cut off by the shutdown: it says nothing about the target.
		r.result = Result{Unable: true}
		return r
	}
	s.sink.add(r.result.Samples(r.target, r.at))
	return r
}

func (s *Scheduler) finish(r round) {
	s.running--
	s.free = time.Now()
	r.entry.running = false
	s.stats.count(r.target.Kind, r.result)
	switch {
	case r.entry.gone || r.version != r.entry.version:
	case r.result.Unable:
		s.reportUnable(r)
	default:
		s.reportState(r)
	}
}

// reportUnable logs why rounds cannot be made: one line an hour for a reason,
// not one for each of the targets that may share it.
func (s *Scheduler) reportUnable(r round) {
	now := time.Now()
	key := string(r.target.Kind) + " " + r.result.Error
	if last, ok := s.reported[key]; ok && now.Sub(last) < time.Hour {
		return
	}
	s.reported[key] = now
	s.deps.Log.Error("cannot probe", "kind", r.target.Kind, "target", r.target.Name, "reason", r.result.Error)
}

// reportState logs when a target went down or came up again.
func (s *Scheduler) reportState(r round) {
	state, t := &r.entry.state, r.target
	down := !r.result.Success
	if state.known && state.down == down {
		return
	}
	before := *state
	*state = targetState{known: true, down: down, since: r.at}
	switch {
	case down:
		s.deps.Log.Warn("target is down", "target", t.Name, "kind", t.Kind, "address", t.Address, "reason", r.result.Error)
	case !before.known:
		s.deps.Log.Info("target answers", "target", t.Name, "kind", t.Kind, "address", t.Address)
	default:
		s.deps.Log.Info("target is up again", "target", t.Name, "kind", t.Kind, "address", t.Address, "down_for", r.at.Sub(before.since).Round(time.Second).String())
	}
}
