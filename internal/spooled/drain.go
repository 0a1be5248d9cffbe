package spooled

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/spool"
)

const (
	// joinRecords and joinBytes bound what goes to the store at once.
	joinRecords = 1000
	joinBytes   = 1 << 20
	// firstPause and longestPause are between tries while the store is away.
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
)

// Run hands on what waits, until ctx ends.
func (w *Writer) Run(ctx context.Context) error {
	pause := firstPause
	for ctx.Err() == nil {
		if err := w.drain(ctx); err != nil {
			rest(ctx, max(pause, min(retryAfter(err), longestPause)))
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*barograph.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// drain hands on all that waits, and returns nil when nothing does.
func (w *Writer) drain(ctx context.Context) error {
	for {
		most := joinRecords
		if w.awayBecause() != nil {
			most = 1 // will do to find out whether it is back
		}
		waiting, err := w.queue.Peek(most, joinBytes)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if err := w.handOn(ctx, waiting); err != nil {
			return err
		}
	}
}

// batch is a record and what it holds.
type batch struct {
	spool.Record

	samples []barograph.Sample
	err     error // it can't be read
}

// handOn writes the samples of records as one. Records that the store doesn't
// take whole go by themselves after that, each in its turn, so that a fault costs
// only those that have it.
func (w *Writer) handOn(ctx context.Context, waiting []spool.Record) error {
	err := w.handOnEach(ctx, read(waiting))
	switch {
	case err == nil:
		w.noteBack()
	case ctx.Err() == nil:
		w.noteAway(err)
	}
	return err
}

func read(waiting []spool.Record) []batch {
	batches := make([]batch, len(waiting))
	for i, r := range waiting {
		samples, err := decode(r.Data)
		batches[i] = batch{r, samples, err}
	}
	return batches
}

func (w *Writer) handOnEach(ctx context.Context, batches []batch) error {
	taken := w.writeJoined(ctx, batches)
	for i, b := range batches {
		var err error
		if taken[i] {
			err = w.settle(b, 0)
		} else {
			err = w.handOnOne(ctx, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeJoined writes the samples of several batches as one and returns which of
// these the store took whole. What it says against the others isn't believed:
// it may be said of their company.
func (w *Writer) writeJoined(ctx context.Context, batches []batch) (taken []bool) {
	taken = make([]bool, len(batches))
	if len(batches) < 2 {
		return taken
	}
	var samples []barograph.Sample
	var from []int // the batch of each sample
	for i, b := range batches {
		samples = append(samples, b.samples...)
		from = append(from, slices.Repeat([]int{i}, len(b.samples))...)
	}
	err := w.store.Write(ctx, samples)
	partial, isPartial := errors.AsType[*barograph.PartialError](err)
	if err != nil && !isPartial {
		return taken
	}
	for i, b := range batches {
		taken[i] = b.err == nil
	}
	if isPartial {
		for _, r := range partial.Rejected {
			taken[from[r.Index]] = false
		}
	}
	return taken
}

// handOnOne writes one batch. What the store refuses of it for good is counted; a
// batch that is at fault itself is set aside.
func (w *Writer) handOnOne(ctx context.Context, b batch) error {
	if b.err != nil {
		return w.setAside(ctx, b, b.err)
	}
	err := w.store.Write(ctx, b.samples)
	if partial, ok := errors.AsType[*barograph.PartialError](err); ok {
		w.log.WarnContext(ctx, "series store refuses spooled samples", "refused", len(partial.Rejected), "first", partial.Rejected[0].Err)
		return w.settle(b, len(partial.Rejected))
	}
	switch {
	case err == nil:
		return w.settle(b, 0)
	case ctx.Err() == nil && w.isAtFault(ctx, b, err):
		return w.setAside(ctx, b, err)
	}
	return fmt.Errorf("hand on batch %d: %w", b.Seq, err)
}

// settle is for a batch that the store has, but for what it refused.
func (w *Writer) settle(b batch, refused int) error {
	if err := w.queue.Ack(b.Seq); err != nil {
		return fmt.Errorf("acknowledge spooled samples: %w", err)
	}
	w.metrics.handedOn.Add(len(b.samples) - refused)
	w.metrics.refused.Add(refused)
	return nil
}
