package promtsdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/storage"

	"github.com/barograph/barograph"
)

// Write stores the samples and returns once they are durable.
//
// Writers append one after the other: only so can a sample be compared with all
// that is stored before it joins it. What costs time lies outside: finding the
// series before, the sync after.
func (s *Store) Write(ctx context.Context, samples []barograph.Sample) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	if f := s.failure.Load(); f != nil {
		s.meters.failed.Inc()
		return f.asError()
	}
	if err := s.space.check(ctx); err != nil {
		s.meters.noSpace.Inc()
		return err
	}
	entries := s.cache.findAll(samples, make([]*entry, 0, len(samples)))
	rejected, commit, err := s.append(ctx, samples, entries)
	if err != nil {
		return err
	}
	if s.cfg.Durability == DurabilityFsync {
		if err := s.waitDurable(ctx, commit); err != nil {
			return err
		}
	}
	if len(rejected) > 0 {
		slices.SortFunc(rejected, func(a, b barograph.Rejection) int { return a.Index - b.Index })
		return &barograph.PartialError{Rejected: rejected}
	}
	return nil
}

// waitDurable returns nil once the commit is on disk.
func (s *Store) waitDurable(ctx context.Context, commit uint64) error {
	err := s.syncer.wait(ctx, commit)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return s.fail(&failure{err: err})
}

// append commits what can be stored and returns the rest, with the number of
// the commit to wait for.
func (s *Store) append(ctx context.Context, samples []barograph.Sample, entries []*entry) (
	rejected []barograph.Rejection, commit uint64, err error,
) {
	s.appending.Lock()
	defer s.appending.Unlock()
	if f := s.failure.Load(); f != nil {
		return nil, 0, f.asError() // of a writer that was before us
	}
	defer func() {
		if r := recover(); r != nil {
			err = s.fail(&failure{err: fmt.Errorf("append to TSDB: panic: %v", r), panicked: true})
		}
	}()
	b := s.newBatch(samples, entries)
	if err := b.appendNew(ctx); err != nil {
		return nil, 0, err
	}
	if err := b.appendLate(ctx); err != nil {
		return nil, 0, err
	}
	s.meters.appended.Add(b.appended)
	s.meters.known.Add(b.repeated)
	s.meters.late.Add(len(b.late))
	// A repeated sample may still be on its way to the disk with another writer.
	return b.rejected, s.syncer.latest(), nil
}

// batch is one Write while it holds the right to append.
type batch struct {
	*Store

	samples []barograph.Sample
	entries []*entry // of each sample's series, nil if not known yet
	app     storage.AppenderV2

	oldest, newest int64 // the times that may be stored at all
	blocksEnd      int64 // nothing in blocks is this new

	fresh              map[uint64][]*entry // series that the head does not have, by hash
	late               []int               // samples that have to be compared with what is stored
	rejected           []barograph.Rejection
	appended, repeated int
}

func (s *Store) newBatch(samples []barograph.Sample, entries []*entry) *batch {
	now := s.clock.Now()
	b := &batch{
		Store: s, samples: samples, entries: entries,
		oldest:    now.Add(-s.cfg.RetentionTime.Std()).UnixMilli(),
		newest:    now.Add(maxAhead).UnixMilli(),
		blocksEnd: math.MinInt64,
	}
	if start, ok := s.db.Head().AppendableMinValidTime(); ok {
		b.oldest = max(b.oldest, min(start, s.db.Head().MaxTime()-s.cfg.OutOfOrderWindow.Std().Milliseconds()))
	}
	for _, block := range s.db.Blocks() {
		b.blocksEnd = max(b.blocksEnd, block.MaxTime())
	}
	return b
}

// appendNew commits all samples that are newer than any of their series, and
// sets the others aside.
func (b *batch) appendNew(ctx context.Context) error {
	b.app = b.db.AppenderV2(ctx)
	for i := range b.samples {
		sample := &b.samples[i]
		if why := b.admit(sample); why != nil {
			b.reject(i, why)
			continue
		}
		e := b.entries[i]
		if e == nil || e.gone.Load() {
			var why *refusal
			if e, why = b.resolve(sample); why != nil {
				b.reject(i, why)
				continue
			}
			b.entries[i] = e
		}
		switch {
		case !e.known || sample.UnixMilli < e.last:
			b.late = append(b.late, i)
		case sample.UnixMilli == e.last:
			b.compare(i, e.value)
		default:
			if _, err := b.put(i, e); err != nil {
				return err
			}
		}
	}
	return b.commit()
}

// put appends one sample to the running commit, unless the TSDB refuses it.
func (b *batch) put(i int, e *entry) (stored bool, err error) {
	sample := &b.samples[i]
	ref, err := b.app.Append(e.ref, e.lset, 0, sample.UnixMilli, sample.Value, nil, nil, storage.AppendV2Options{})
	if err != nil {
		if why := b.explain(err, sample); why != nil {
			b.reject(i, why)
			return false, nil
		}
		return false, b.fail(&failure{err: errors.Join(fmt.Errorf("append to TSDB: %w", err), b.app.Rollback())})
	}
	if ref != e.ref || e.gone.Load() {
		b.cache.put(e, ref)
	}
	if sample.UnixMilli > e.last {
		e.last, e.value = sample.UnixMilli, sample.Value
	}
	b.appended++
	return true, nil
}

// commit hands the appended samples to the log. After an error the log may end
// in half a record, and what is written behind it would be lost at the next
// start: the store must not go on.
func (b *batch) commit() error {
	if err := b.app.Commit(); err != nil {
		return b.fail(&failure{err: fmt.Errorf("commit to TSDB: %w", err)})
	}
	b.syncer.note()
	return nil
}

// admit refuses samples that no series would take.
func (b *batch) admit(s *barograph.Sample) *refusal {
	switch {
	case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
		return refuse(reasonInvalid, barograph.KindInvalid, "value %v of %s is not a finite number", s.Value, s.Series)
	case s.UnixMilli > b.newest:
		return refuse(reasonFuture, barograph.KindInvalid,
			"%s at %s is more than %s ahead of the server's clock: set the sender's clock", s.Series, stamp(s.UnixMilli), barograph.Duration(maxAhead))
	case s.UnixMilli < b.oldest:
		return b.tooOld(s)
	}
	return nil
}

func (b *batch) tooOld(s *barograph.Sample) *refusal {
	return refuse(reasonTooOld, barograph.KindInvalid,
		"%s at %s is too old: samples may be up to %s (out_of_order_window) older than the newest one stored, and up to %s (retention_time) in all",
		s.Series, stamp(s.UnixMilli), b.cfg.OutOfOrderWindow, b.cfg.RetentionTime)
}

// explain turns the TSDB's refusal of a sample into ours, nil if it is none.
func (b *batch) explain(err error, s *barograph.Sample) *refusal {
	switch {
	case errors.Is(err, errSeriesLimit):
		return refuse(reasonLimit, barograph.KindInvalid,
			"%s would be a new series beyond the limit of %d (max_series): send fewer different labels or raise the limit", s.Series, b.cfg.MaxSeries)
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds), errors.Is(err, storage.ErrOutOfOrderSample):
		return b.tooOld(s)
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return conflict(s)
	}
	return nil
}

// compare accepts a sample whose series has the value stored at its time.
func (b *batch) compare(i int, stored float64) {
	if b.samples[i].Value != stored {
		b.reject(i, conflict(&b.samples[i]))
		return
	}
	b.repeated++
}

func (b *batch) reject(i int, r *refusal) {
	b.meters.refused(r.reason)
	b.rejected = append(b.rejected, barograph.Rejection{Index: i, Err: r.err})
}

// resolve returns the entry of a series that the cache does not have.
func (b *batch) resolve(s *barograph.Sample) (*entry, *refusal) {
	if e := b.cache.get(&s.Series); e != nil {
		return e, nil // an earlier sample's or writer's
	}
	if err := s.Series.Validate(); err != nil {
		return nil, &refusal{reasonInvalid, err}
	}
	hash := s.Series.Hash(b.cache.seed)
	for _, e := range b.fresh[hash] {
		if sameSeries(e.lset, &s.Series) {
			return e, nil
		}
	}
	lset := toLabels(&b.builder, &s.Series)
	e := &entry{hash: hash, lset: lset, last: noSample}
	if head, ok := b.app.(storage.GetRef); ok {
		if ref, shared := head.GetRef(lset, lset.Hash()); ref != 0 {
			e.lset = shared
			b.cache.put(e, ref)
			return e, nil
		}
	}
	// Not in the head. If nothing in blocks can be as new, it has no samples.
	e.known = s.UnixMilli >= b.blocksEnd
	if b.fresh == nil {
		b.fresh = map[uint64][]*entry{}
	}
	b.fresh[hash] = append(b.fresh[hash], e)
	return e, nil
}

// refusal is why a sample is not stored.
type refusal struct {
	reason reason
	err    error
}

func refuse(r reason, kind barograph.Kind, format string, args ...any) *refusal {
	return &refusal{r, barograph.Errorf(kind, format, args...)}
}

func conflict(s *barograph.Sample) *refusal {
	return refuse(reasonConflict, barograph.KindConflict,
		"%s has another value than %v stored at %s: a stored sample can't be changed", s.Series, s.Value, stamp(s.UnixMilli))
}

func stamp(unixMilli int64) string { return time.UnixMilli(unixMilli).UTC().Format(time.RFC3339Nano) }
