package promremote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Write sends the samples in requests of at most Config.BatchSize and returns
// when the server acknowledged all.
//
// A server doesn't say which samples of a request it refused, only that it did,
// and may have stored none of the others. The refused ones are found by sending
// parts again, which changes nothing that is already stored, until each stands
// alone: none is called refused for its company.
func (s *Store) Write(ctx context.Context, samples []barograph.Sample) error {
	start := time.Now()
	defer func() { s.metrics.writeSeconds.UpdateDuration(start) }()
	b := batch{store: s, samples: samples}
	for chunk := range s.chunks(samples, b.refuseTooOld()) {
		if err := b.write(ctx, chunk); err != nil {
			s.metrics.writeErrors.Inc()
			return fmt.Errorf("write %d samples to the series store: %w", len(samples), serverFault(err))
		}
	}
	s.metrics.written.Add(len(samples) - len(b.refused))
	s.metrics.refused.Add(len(b.refused))
	if len(b.refused) == 0 {
		return ctx.Err()
	}
	slices.SortFunc(b.refused, func(x, y barograph.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	return &barograph.PartialError{Rejected: b.refused}
}

// mostBytes is about how large a message may get before it is compressed: less
// than any of the servers refuses by default.
const mostBytes = 8 << 20

// chunks cuts the positions into what goes into one request each.
func (s *Store) chunks(samples []barograph.Sample, positions []int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		start, size := 0, 0
		for n, i := range positions {
			own := sizeOf(samples[i])
			if n > start && (n-start >= s.cfg.BatchSize || size+own > mostBytes) {
				if !yield(positions[start:n]) {
					return
				}
				start, size = n, 0
			}
			size += own
		}
		if start < len(positions) {
			yield(positions[start:])
		}
	}
}

// sizeOf returns about how much a sample takes if its series is in no other.
func sizeOf(s barograph.Sample) int {
	size := 40 + len(s.Series.Metric)
	for _, l := range s.Series.Labels {
		size += 10 + len(l.Name) + len(l.Value)
	}
	return size
}

// batch is one call of Write.
type batch struct {
	store   *Store
	samples []barograph.Sample
	refused []barograph.Rejection
}

// refuseTooOld refuses what is older than the server's retention and returns
// the positions of the others.
func (b *batch) refuseTooOld() []int {
	oldest := int64(-1 << 62)
	if keep := b.store.cfg.Retention.Std(); keep > 0 {
		oldest = b.store.clock.Now().Add(-keep).UnixMilli()
	}
	kept := make([]int, 0, len(b.samples))
	for i, s := range b.samples {
		if s.UnixMilli < oldest {
			b.refuse([]int{i}, barograph.KindInvalid, fmt.Sprintf("it is older than the %s that the series store keeps", b.store.cfg.Retention))
			continue
		}
		kept = append(kept, i)
	}
	return kept
}

// write sends the samples at the positions; those refused end in b.refused.
func (b *batch) write(ctx context.Context, chunk []int) error {
	err := b.store.send(ctx, b.samples, chunk)
	if !isRefusal(err) {
		return err
	}
	// A server that doesn't even take nothing refuses everything, which says
	// nothing about the samples: it is another one than we think.
	if e := b.store.sendNothing(ctx); e != nil {
		return e
	}
	// Nor does a refusal that was somebody else's, such as a balancer's, and is over.
	if err = b.store.send(ctx, b.samples, chunk); !isRefusal(err) {
		return err
	}
	// Samples too old for the server, the usual reason, then are neighbours.
	slices.SortStableFunc(chunk, func(x, y int) int {
		return cmp.Compare(b.samples[x].UnixMilli, b.samples[y].UnixMilli)
	})
	return b.search(ctx, chunk, err)
}

// search splits a refused chunk until the refused samples stand alone.
func (b *batch) search(ctx context.Context, chunk []int, refusal error) error {
	if len(chunk) == 1 {
		kind, reason := reasonOf(refusal)
		b.refuse(chunk, kind, reason)
		return nil
	}
	middle := len(chunk) / 2
	for _, half := range [][]int{chunk[:middle], chunk[middle:]} {
		err := b.store.send(ctx, b.samples, half)
		if isRefusal(err) {
			err = b.search(ctx, half, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) refuse(chunk []int, kind barograph.Kind, reason string) {
	for _, i := range chunk {
		s := b.samples[i]
		b.refused = append(b.refused, barograph.Rejection{Index: i, Err: barograph.Errorf(kind,
			"sample of %s at %s: %s", s.Series.Metric, s.Time().UTC().Format(time.RFC3339Nano), reason)})
	}
}

// reasonOf returns what to tell the sender of a refused sample.
func reasonOf(refusal error) (barograph.Kind, string) {
	kind, reason := barograph.KindInvalid, refusal.Error()
	if e, ok := errors.AsType[*barograph.Error](refusal); ok {
		kind, reason = e.Kind, e.Message
	}
	if strings.Contains(reason, "duplicate sample") {
		kind = barograph.KindConflict // another value at the same time
	}
	return kind, reason
}

// isRefusal reports whether the server is well and refused what was sent.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	switch barograph.KindOf(err) {
	case barograph.KindInvalid, barograph.KindTooLarge, barograph.KindConflict:
		return true
	case barograph.KindInternal, barograph.KindUnauthorized, barograph.KindForbidden, barograph.KindNotFound,
		barograph.KindRateLimited, barograph.KindUnavailable:
	}
	return false
}

// send writes the samples at the positions in one request.
func (s *Store) send(ctx context.Context, samples []barograph.Sample, chunk []int) error {
	header := http.Header{
		"Content-Type": {"application/x-protobuf"}, "Content-Encoding": {"snappy"},
		"X-Prometheus-Remote-Write-Version": {"0.1.0"}, "User-Agent": {"barograph"},
	}
	return s.post(ctx, request{
		to: s.cfg.writeURL(), header: header, body: bytes.NewReader(s.encode(samples, chunk)), read: nothing, what: writing(),
	})
}

// sendNothing writes a message without samples. A server that refuses it is
// not one for remote write.
func (s *Store) sendNothing(ctx context.Context) error {
	err := s.send(ctx, nil, nil)
	if !isRefusal(err) {
		return err
	}
	what := writing()
	return &barograph.Error{
		Kind: barograph.KindUnavailable, Message: s.cfg.writeURL() + " is not the address of " + what.name + ": " + what.wayOut, Err: err,
	}
}
