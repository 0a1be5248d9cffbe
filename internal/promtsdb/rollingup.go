package promtsdb

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"

	"github.com/barograph/barograph"
)

const (
	rolledDir  = "rollups" // in the store's directory; may be removed at any time
	rolledPart = ".part"   // at the end of the name of what is being written

	// Shorter blocks are soon part of longer ones; none is longer by far than those
	// that the TSDB makes.
	shortestRolled = 2 * barograph.Day
	longestRolled  = 12 * maxBlock

	rolledRound = time.Minute           // between two looks for new blocks
	rolledTurn  = 20 * time.Millisecond // of work at a time
	rolledRest  = 3                     // times as long as it worked
)

// roller makes a file of roll-ups for each block, a little at a time, so that
// whoever reads a year need not decode it. Without them, all is read as well, but
// slower.
type roller struct {
	*Store

	mu     sync.Mutex
	failed map[string]bool // blocks that can't be rolled up
	stop   context.CancelFunc
	over   sync.WaitGroup
}

func startRoller(s *Store) *roller {
	ctx, stop := context.WithCancel(context.Background())
	r := &roller{Store: s, failed: map[string]bool{}, stop: stop}
	r.over.Go(func() { r.run(ctx) })
	return r
}

func (r *roller) close() {
	r.stop()
	r.over.Wait()
}

func (r *roller) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "blocks could not be rolled up: long charts are slow", "dir", r.dir, "error", err)
		}
		pause(ctx, rolledRound)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// round makes what is missing and removes what is of no more use.
func (r *roller) round(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	blocks := r.db.Blocks()
	if err := r.tidy(blocks); err != nil {
		r.log.WarnContext(ctx, "roll-ups of blocks that are gone could not be removed", "dir", r.dir, "error", err)
	}
	for _, block := range blocks {
		name := block.Meta().ULID.String()
		if _, err := os.Stat(r.rolledPath(block)); err == nil || !mayBeRolled(block) || r.failed[name] {
			continue
		}
		if r.space.check(ctx) != nil {
			return nil // it says so itself
		}
		err := r.rollUp(ctx, block)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errUnfit) {
			r.failed[name] = true
		}
		if err != nil && !errors.Is(err, tsdb.ErrClosing) { // it is part of another block by now
			return fmt.Errorf("roll up block %s: %w", name, err)
		}
	}
	return nil
}

func mayBeRolled(block *tsdb.Block) bool {
	length := time.Duration(block.MaxTime()-block.MinTime()) * time.Millisecond
	return length >= shortestRolled && length <= longestRolled && block.Meta().Stats.NumTombstones == 0
}

func (s *Store) rolledPath(block *tsdb.Block) string {
	return filepath.Join(s.dir, rolledDir, block.Meta().ULID.String())
}

// tidy removes the files of blocks that are gone.
func (r *roller) tidy(blocks []*tsdb.Block) error {
	files, err := os.ReadDir(filepath.Join(r.dir, rolledDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, block := range blocks {
		names[block.Meta().ULID.String()] = true
	}
	for _, file := range files {
		if !names[file.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(r.dir, rolledDir, file.Name())))
		}
	}
	return err
}

// rollUp writes the file of a block, which is there when it is whole.
func (r *roller) rollUp(ctx context.Context, block *tsdb.Block) (err error) {
	path := r.rolledPath(block)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	part := path + rolledPart
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // in the store's own directory
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part) // else the next round does
		}
	}()
	w := rolledWriter{block: block, to: bufio.NewWriter(file)}
	if err := errors.Join(w.writeAll(ctx), w.to.Flush(), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// rolledWriter writes a file of roll-ups.
type rolledWriter struct {
	block *tsdb.Block
	to    *bufio.Writer
	at    uint64 // bytes written
	table []byte

	labels  labels.ScratchBuilder
	chunks  []chunks.Meta
	samples chunkenc.Iterator
}

func (w *rolledWriter) writeAll(ctx context.Context) error {
	if err := w.write([]byte(rolledMagic)); err != nil {
		return err
	}
	for next, more := storage.SeriesRef(1), true; more; { // 0 is no series
		began := time.Now()
		var err error
		if next, more, err = w.writeSome(ctx, next); err != nil {
			return err
		}
		pause(ctx, rolledRest*time.Since(began))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	begin := w.at
	footer := binary.LittleEndian.AppendUint64(nil, begin)
	footer = binary.LittleEndian.AppendUint32(footer, rolledChecksum(w.table))
	return errors.Join(w.write(w.table), w.write(footer))
}

func (w *rolledWriter) write(b []byte) error {
	n, err := w.to.Write(b)
	w.at += uint64(n) //nolint:gosec // never negative
	return err
}

// writeSome writes the series from one on, as many as the time allows, and returns
// the next. In between the block is free to go: the TSDB waits for its readers.
func (w *rolledWriter) writeSome(ctx context.Context, from storage.SeriesRef) (next storage.SeriesRef, more bool, err error) {
	ix, err := w.block.Index()
	if err != nil {
		return 0, false, err
	}
	defer closeQuietly(ix)
	samples, err := w.block.Chunks()
	if err != nil {
		return 0, false, err
	}
	defer closeQuietly(samples)
	name, value := index.AllPostingsKey()
	all, err := ix.Postings(ctx, name, value)
	if err != nil {
		return 0, false, err
	}
	until := time.Now().Add(rolledTurn)
	for more = all.Seek(from); more; more = all.Next() {
		if time.Now().After(until) {
			return all.At(), true, nil
		}
		if err := w.writeSeries(ix, samples, all.At()); err != nil {
			return 0, false, err
		}
	}
	return 0, false, all.Err()
}

func closeQuietly(c io.Closer) { _ = c.Close() } // only read from

func (w *rolledWriter) writeSeries(ix tsdb.IndexReader, from tsdb.ChunkReader, ref storage.SeriesRef) error {
	if err := ix.Series(ref, &w.labels, &w.chunks); err != nil {
		return err
	}
	record, err := newRolledRecord()
	if err != nil {
		return err
	}
	last := w.block.MinTime() - 1
	for _, meta := range w.chunks {
		if last, err = w.addChunk(record, from, meta, last); err != nil {
			return err
		}
	}
	b, err := record.bytes()
	if err != nil {
		return err
	}
	w.table = binary.LittleEndian.AppendUint64(w.table, uint64(ref))
	w.table = binary.LittleEndian.AppendUint64(w.table, w.at)
	return w.write(b)
}

// addChunk returns the time of the chunk's last sample.
func (w *rolledWriter) addChunk(record *rolledRecord, from tsdb.ChunkReader, meta chunks.Meta, last int64) (int64, error) {
	chunk, _, err := from.ChunkOrIterable(meta)
	if err != nil {
		return last, err
	}
	w.samples = chunk.Iterator(w.samples)
	for w.samples.Next() == chunkenc.ValFloat {
		t, v := w.samples.At()
		if t <= last || t >= w.block.MaxTime() {
			return last, fmt.Errorf("%w: samples are out of order", errUnfit)
		}
		if err := record.add(t, v); err != nil {
			return last, err
		}
		last = t
	}
	return last, w.samples.Err()
}
