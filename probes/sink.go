package probes

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

const (
	writeRetryMin = 250 * time.Millisecond
	writeRetryMax = 15 * time.Second
	lastWrite     = 5 * time.Second // for what is left at the end
)

// sink gathers samples and writes them in batches. While the store is away it
// keeps up to the queue's size and drops the oldest beyond it; adding never
// waits.
type sink struct {
	cfg    Config
	writer barograph.SampleWriter
	log    *slog.Logger

	some chan struct{} // the queue is no longer empty
	full chan struct{} // there is enough for a batch

	mu    sync.Mutex
	queue []barograph.Sample

	away          bool // the store is, as last logged; run's alone
	pulse         *barograph.Pulse
	written       *metrics.Counter
	dropped       *metrics.Counter
	refused       *metrics.Counter
	writeFailures *metrics.Counter
}

func newSink(cfg Config, writer barograph.SampleWriter, log *slog.Logger, set *metrics.Set) *sink {
	s := &sink{
		cfg: cfg, writer: writer, log: log,
		some: make(chan struct{}, 1), full: make(chan struct{}, 1),
		pulse:         barograph.NewPulse(beatEvery + cfg.WriteTimeout.Std()),
		written:       set.GetOrCreateCounter("barograph_probe_samples_written_total"),
		dropped:       set.GetOrCreateCounter("barograph_probe_samples_dropped_total"),
		refused:       set.GetOrCreateCounter("barograph_probe_samples_refused_total"),
		writeFailures: set.GetOrCreateCounter("barograph_probe_write_failures_total"),
	}
	set.GetOrCreateGauge("barograph_probe_samples_queued", func() float64 { return float64(s.queued()) })
	return s
}

func (s *sink) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// add takes the samples; the oldest of the queue make room where needed.
func (s *sink) add(samples []barograph.Sample) {
	if len(samples) == 0 {
		return
	}
	s.mu.Lock()
	s.queue = append(s.queue, samples...)
	s.trim()
	enough := len(s.queue) >= s.cfg.BatchSize
	s.mu.Unlock()
	signal(s.some)
	if enough {
		signal(s.full)
	}
}

// trim drops the oldest samples beyond the queue's size.
func (s *sink) trim() {
	if over := len(s.queue) - s.cfg.QueueSize; over > 0 {
		s.dropped.Add(over)
		s.queue = s.queue[over:]
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, then once more what is left.
func (s *sink) run(ctx context.Context) {
	retry := writeRetryMin
	idle := time.NewTicker(beatEvery)
	defer idle.Stop()
	for {
		select {
		case <-s.some:
		case <-idle.C:
			s.pulse.Beat(nil)
			continue
		case <-ctx.Done():
			s.writeRest(ctx)
			return
		}
		if !wait(ctx, s.cfg.FlushInterval.Std(), s.full) {
			s.writeRest(ctx)
			return
		}
		for s.queued() > 0 && ctx.Err() == nil {
			if s.writeBatch(ctx) {
				retry = writeRetryMin
				continue
			}
			wait(ctx, retry, nil)
			retry = min(2*retry, writeRetryMax)
		}
	}
}

func (s *sink) writeRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	for s.queued() > 0 {
		if !s.writeBatch(ctx) {
			lost := s.queued()
			s.dropped.Add(lost)
			s.log.ErrorContext(ctx, "samples of probes are lost: the store is away at the end", "samples", lost)
			return
		}
	}
}

// writeBatch writes the oldest samples of the queue. It returns false, with
// the samples back in the queue, when another try may help.
func (s *sink) writeBatch(ctx context.Context) bool {
	batch := s.take()
	cause := barograph.Errorf(barograph.KindUnavailable, "the store gave no answer within %s", s.cfg.WriteTimeout)
	writeCtx, cancel := context.WithTimeoutCause(ctx, s.cfg.WriteTimeout.Std(), cause)
	defer cancel()
	err := s.writer.Write(writeCtx, batch)
	partial, isPartial := errors.AsType[*barograph.PartialError](err)
	switch {
	case err == nil:
		s.written.Add(len(batch))
	case isPartial:
		s.written.Add(len(batch) - len(partial.Rejected))
		s.refused.Add(len(partial.Rejected))
		s.log.WarnContext(ctx, "the store refused samples of probes", "error", partial)
	case writeCtx.Err() != nil, barograph.KindOf(err) == barograph.KindUnavailable:
		s.writeFailures.Inc()
		s.giveBack(batch)
		s.pulse.Beat(cmp.Or(context.Cause(writeCtx), err))
		if ctx.Err() == nil {
			s.reportAway(ctx, err)
		}
		return false
	default: // it will not get better
		s.writeFailures.Inc()
		s.dropped.Add(len(batch))
		s.log.ErrorContext(ctx, "cannot write samples of probes; they are dropped", "samples", len(batch), "error", err)
	}
	s.pulse.Beat(nil)
	s.reportBack(ctx)
	return true
}

func (s *sink) take() []barograph.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), s.cfg.BatchSize)
	batch := s.queue[:n:n]
	s.queue = s.queue[n:]
	return batch
}

func (s *sink) giveBack(batch []barograph.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(batch, s.queue...)
	s.trim()
}

// reportAway and reportBack log a change of the store's state once.
func (s *sink) reportAway(ctx context.Context, err error) {
	if !s.away {
		s.log.ErrorContext(ctx, "the store takes no samples of probes; they are kept and tried again", "keep_at_most", s.cfg.QueueSize, "error", err)
	}
	s.away = true
}

func (s *sink) reportBack(ctx context.Context) {
	if s.away {
		s.log.InfoContext(ctx, "the store takes samples of probes again", "still_queued", s.queued())
	}
	s.away = false
}
