package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// Write stores the samples and returns when the server acknowledged all. What
// is written at the same time shares requests of at most Config.BatchSize.
//
// The server doesn't say which samples of a request it refused, only that it
// did. They are found by sending parts again, which changes nothing that is
// already stored.
func (s *Store) Write(ctx context.Context, samples []barograph.Sample) error {
	start := time.Now()
	defer func() { s.metrics.writeSeconds.UpdateDuration(start) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	var parcels []*parcel
	for part := range slices.Chunk(samples, s.cfg.BatchSize) {
		p := newParcel(ctx, part)
		parcels = append(parcels, p)
		s.outbox.put(p)
	}
	refused, err := s.outcome(ctx, samples, parcels)
	if err != nil {
		s.outbox.drop(parcels)
		s.metrics.writeErrors.Inc()
		return fmt.Errorf("write %d samples to InfluxDB: %w", len(samples), serverFault(err))
	}
	s.metrics.written.Add(len(samples) - len(refused))
	s.metrics.refused.Add(len(refused))
	if len(refused) == 0 {
		return nil
	}
	slices.SortFunc(refused, func(x, y barograph.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	return &barograph.PartialError{Rejected: refused}
}

// outcome waits for the parcels of the samples. It fails with the first that did.
func (s *Store) outcome(ctx context.Context, samples []barograph.Sample, parcels []*parcel) ([]barograph.Rejection, error) {
	var refused []barograph.Rejection
	for i, p := range parcels {
		select {
		case <-p.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if p.err != nil {
			return nil, p.err
		}
		for _, r := range p.refused {
			at := i*s.cfg.BatchSize + r.index
			refused = append(refused, rejection(at, samples[at], r.reason))
		}
	}
	return refused, nil
}

// parcel is a part of a Write on its way.
type parcel struct {
	lines   []byte // of the line protocol, one a sample
	samples int
	caller  context.Context //nolint:containedctx // of the Write: who waits for it
	alone   bool            // in its request, as one with others was refused

	done    chan struct{} // closed when what follows is known
	err     error         // none may be relied on
	refused []refusal
}

// newParcel writes the samples down, so that they are the caller's again.
func newParcel(caller context.Context, samples []barograph.Sample) *parcel {
	p := &parcel{caller: caller, samples: len(samples), done: make(chan struct{}), lines: make([]byte, 0, len(samples)*lineRoom)}
	for _, s := range samples {
		p.lines = appendLine(p.lines, s)
	}
	return p
}

// end tells what came of the parcel.
func (p *parcel) end(err error) {
	p.err = err
	close(p.done)
}

// lineRoom is about as long as a line is.
const lineRoom = 128
