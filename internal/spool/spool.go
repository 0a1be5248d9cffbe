// Package spool is a bounded queue of byte records on disk, first in, first
// out, for one process: what can't be handed on now waits here, survives the
// process, and is handed on later.
//
//	q, err := spool.Open(dir, spool.Options{MaxBytes: 256 << 20, MaxAge: 7 * 24 * time.Hour})
//	err = q.Append(record)
//	records, err := q.Peek(1000, 1<<20)
//	// hand them on, and only then:
//	err = q.Ack(records[len(records)-1].Seq)
//
// # Guarantees
//
// Order: records come out in the order in which they went in.
//
// At least once: a record comes out again and again until it is acknowledged.
// It may come out once more after a crash that followed its acknowledgement.
//
// Durability: when Append returns, the operating system has the record, so
// that the death of the process loses nothing. It is on the disk no later than
// Options.SyncEvery after, or when Sync or Close return; a loss of power loses
// what is younger.
//
// Bounds: the files never hold more than Options.MaxBytes. When they are full,
// and when records get older than Options.MaxAge, the oldest records make room
// and are counted.
//
// Damage: Open never fails because of what the files hold. A damaged record is
// left out, the sound ones around it come out. Sequence numbers tell how many
// are missing; of a damaged end, whose extent can't be known, one is counted.
//
// One process: a second Open of a directory fails while the first is in use.
package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Errors that a caller may want to tell apart.
var (
	ErrClosed   = errors.New("spool is closed")
	ErrTooLarge = errors.New("record is too large for the spool")
	ErrInUse    = errors.New("spool directory is in use by another process")
)

// Options bound a queue. A zero field takes its default.
type Options struct {
	MaxBytes     int64            // of all files together; default 256 MiB, at least 64 KiB
	MaxAge       time.Duration    // of a record; default 7 days
	SegmentBytes int64            // of one file; default 4 MiB, at most 16 MiB and MaxBytes/8
	SyncEvery    time.Duration    // default 500 ms
	Now          func() time.Time // default time.Now
}

const (
	minMaxBytes     = 64 << 10
	maxSegmentBytes = 16 << 20
)

func (o Options) withDefaults() Options {
	o.MaxBytes = max(cmp.Or(o.MaxBytes, 256<<20), minMaxBytes)
	o.MaxAge = cmp.Or(o.MaxAge, 7*24*time.Hour)
	o.SegmentBytes = min(cmp.Or(o.SegmentBytes, 4<<20), maxSegmentBytes, o.MaxBytes/8)
	o.SyncEvery = cmp.Or(o.SyncEvery, 500*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Record is one record as it was appended.
type Record struct {
	Seq  uint64    // its place in the order; later records have greater numbers
	Time time.Time // when it was appended, in whole milliseconds
	Data []byte
}

// Stats say how a queue fares.
type Stats struct {
	Records uint64 // not acknowledged, damaged ones not yet found included
	Bytes   int64  // of all files
	Dropped uint64 // records that made room for others or got too old, since Open
	Damaged uint64 // records found damaged or missing, since Open
	// Lost counts dropped and damaged records, over restarts, until Settle.
	Lost uint64
}

// Queue is an open spool. Its methods may be called concurrently.
type Queue struct {
	dir     string
	options Options
	lock    *os.File

	syncing sync.Mutex // held while files are synced, before mu
	mu      sync.Mutex
	closed  bool

	segments []segment // oldest first
	active   *os.File  // the last segment, open for writing; nil before the first append
	next     uint64    // sequence number of the next record
	bytes    int64     // of all segments
	buffer   []byte    // for encoding

	cursor   cursor
	position mark // where to read on for records from cursor.ack
	dropped  uint64
	damaged  uint64

	dirty     bool
	timer     *time.Timer
	syncError error // of a sync that nobody waited for
}

// mark is a place behind a record.
type mark struct {
	seq     uint64 // of the record
	segment uint64 // first sequence number of its segment
	offset  int64  // just behind it
}

// Open opens the queue in dir and creates what is missing. It fails if the
// directory can't be used or another process has it open, not because of
// damaged contents.
func Open(dir string, options Options) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	q := &Queue{dir: dir, options: options.withDefaults(), lock: lock}
	if err := q.load(); err != nil {
		return nil, errors.Join(err, unlock(lock))
	}
	q.timer = time.AfterFunc(time.Hour, q.syncUnasked)
	q.timer.Stop()
	return q, nil
}

func (q *Queue) load() error {
	var err error
	if q.cursor, err = openCursor(filepath.Join(q.dir, "cursor")); err != nil {
		return err
	}
	if q.segments, err = listSegments(q.dir); err != nil {
		return errors.Join(err, q.cursor.file.Close())
	}
	for _, s := range q.segments {
		q.bytes += s.size
	}
	if n := len(q.segments); n > 0 {
		q.next = q.segments[n-1].end()
	}
	q.next = max(q.next, q.cursor.ack)
	q.forgetAcknowledged()
	return nil
}

// Append adds records behind all others. If it fails, some of the first may
// have been added.
func (q *Queue) Append(records ...[]byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	for _, r := range records {
		if size := headerBytes + int64(len(r)); size > q.options.SegmentBytes {
			return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(r), q.options.SegmentBytes-headerBytes)
		}
	}
	for len(records) > 0 {
		n, err := q.appendSome(records)
		if err != nil {
			return fmt.Errorf("append to spool %s: %w", q.dir, err)
		}
		records = records[n:]
	}
	return nil
}

// appendSome writes as many of the records as fit into one segment.
func (q *Queue) appendSome(records [][]byte) (int, error) {
	if err := q.makeActive(headerBytes + int64(len(records[0]))); err != nil {
		return 0, err
	}
	s := &q.segments[len(q.segments)-1]
	now := q.options.Now()
	q.buffer = q.buffer[:0]
	n := 0
	for _, r := range records {
		if n > 0 && s.size+int64(len(q.buffer)+headerBytes+len(r)) > q.options.SegmentBytes {
			break
		}
		q.buffer = appendRecord(q.buffer, q.next+uint64(n), now, r)
		n++
	}
	q.makeRoom(int64(len(q.buffer)))
	s = &q.segments[len(q.segments)-1]
	if _, err := q.active.WriteAt(q.buffer, s.size); err != nil {
		// What was written of it is overwritten by the next append, or left out by the reader.
		return 0, errors.Join(err, q.active.Truncate(s.size))
	}
	s.size += int64(len(q.buffer))
	s.newest = now
	q.bytes += int64(len(q.buffer))
	q.next += uint64(n)
	q.touch()
	return n, nil
}

// makeActive sees to an active segment with room for a record of the size.
func (q *Queue) makeActive(size int64) error {
	if q.active != nil {
		s := q.segments[len(q.segments)-1]
		if s.size+size <= q.options.SegmentBytes {
			return nil
		}
		if err := errors.Join(q.active.Sync(), q.active.Close()); err != nil {
			q.syncError = errors.Join(q.syncError, err)
		}
		q.active = nil
		q.forgetAcknowledged()
	}
	f, s, err := createSegment(q.dir, q.next)
	if err != nil {
		return err
	}
	q.active = f
	q.segments = append(q.segments, s)
	return nil
}

// makeRoom drops the oldest segments until size more bytes fit.
func (q *Queue) makeRoom(size int64) {
	for len(q.segments) > 1 && q.bytes+size > q.options.MaxBytes {
		q.dropSegment()
	}
}

// dropSegment gives up the oldest of several segments.
func (q *Queue) dropSegment() {
	if end := q.segments[1].first; end > q.cursor.ack {
		q.drop(end - q.cursor.ack)
		q.cursor.ack = end
	}
	q.saveCursor() // first, so that a crash in between doesn't take the gap for damage
	q.removeFirst()
}

func (q *Queue) drop(n uint64) {
	q.dropped += n
	q.cursor.lost += n
}

func (q *Queue) removeFirst() {
	s := q.segments[0]
	// A file that stays behind is found acknowledged at the next start.
	_ = os.Remove(s.path)
	q.bytes -= s.size
	q.segments = q.segments[1:]
}

// Ack says that the record of this sequence number and all before it were
// handed on and may be forgotten.
func (q *Queue) Ack(seq uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if seq < q.cursor.ack {
		return nil
	}
	if seq >= q.next {
		return fmt.Errorf("acknowledge record %d: the last is %d", seq, q.next-1)
	}
	q.cursor.ack = seq + 1
	q.saveCursor()
	q.forgetAcknowledged()
	return nil
}

// forgetAcknowledged removes segments that hold nothing more to hand on.
func (q *Queue) forgetAcknowledged() {
	for len(q.segments) > 0 && q.endOf(0) <= q.cursor.ack {
		if len(q.segments) == 1 && q.active != nil {
			return
		}
		q.removeFirst()
	}
}

// endOf returns the sequence number after the last of segment i.
func (q *Queue) endOf(i int) uint64 {
	if i+1 < len(q.segments) {
		return q.segments[i+1].first
	}
	return q.next
}

func (q *Queue) saveCursor() {
	if err := q.cursor.save(); err != nil {
		q.syncError = errors.Join(q.syncError, err)
	}
	q.touch()
}

// Stats returns how the queue fares.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{
		Records: q.next - q.cursor.ack, Bytes: q.bytes,
		Dropped: q.dropped, Damaged: q.damaged, Lost: q.cursor.lost,
	}
}

// Settle says that the loss of n records was told to whoever should know, and
// takes them off Stats.Lost.
func (q *Queue) Settle(n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || n == 0 {
		return
	}
	q.cursor.lost -= min(n, q.cursor.lost)
	q.saveCursor()
}
