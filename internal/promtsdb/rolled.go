package promtsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"sort"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/fileutil"

	"github.com/barograph/barograph"
)

// A file of roll-ups has what the samples of a block come to in each hour:
//
//	magic
//	records, one for each series, in the order of their references
//	table: for each record the reference of its series in the block, and where it begins
//	where the table begins, its checksum
//
// A record holds four chunks as the TSDB makes them (sums, counts, lowest, highest;
// their times are the hours' beginnings), each behind its length, and their checksum.
// All numbers are little-endian.

const (
	rolledStep  = time.Hour
	rolledMilli = int64(rolledStep / time.Millisecond)

	rolledMagic  = "barorol1"
	rolledEntry  = 16 // bytes of an entry of the table
	rolledFooter = 12
	rolledSum    = 4
)

// The chunks of a record.
const (
	rolledSums = iota
	rolledCounts
	rolledLowest
	rolledHighest
	rolledChunks
)

// errRolled says that a file of roll-ups can't be used, and is to be made anew.
var errRolled = errors.New("roll-ups are damaged")

// errUnfit says that what a block holds can't be rolled up, now or later.
var errUnfit = errors.New("the block is not fit for it")

func rolledChecksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// rolledRecord gathers the hours of one series.
type rolledRecord struct {
	chunks [rolledChunks]*chunkenc.XORChunk
	to     [rolledChunks]chunkenc.Appender
	in     bucket
}

func newRolledRecord() (*rolledRecord, error) {
	r := &rolledRecord{}
	for i := range r.chunks {
		r.chunks[i] = chunkenc.NewXORChunk()
		to, err := r.chunks[i].Appender()
		if err != nil {
			return nil, err
		}
		r.to[i] = to
	}
	return r, nil
}

// add takes the next sample.
func (r *rolledRecord) add(t int64, v float64) error {
	if r.in.count > 0 && t < r.in.end {
		r.in.add(v)
		return nil
	}
	if err := r.flush(); err != nil {
		return err
	}
	r.in = newBucket(stepStart(t, rolledMilli)+rolledMilli, v)
	return nil
}

// flush ends the hour.
func (r *rolledRecord) flush() error {
	if r.in.count == 0 {
		return nil
	}
	if math.IsInf(r.in.sum, 0) || math.IsNaN(r.in.sum) { // sums of such sums would be no numbers
		return fmt.Errorf("%w: values are too large to be summed up", errUnfit)
	}
	for i, v := range [rolledChunks]float64{r.in.sum, float64(r.in.count), r.in.lowest, r.in.highest} {
		r.to[i].Append(0, r.in.end-rolledMilli, v)
	}
	r.in = bucket{}
	return nil
}

// bytes ends the record.
func (r *rolledRecord) bytes() ([]byte, error) {
	if err := r.flush(); err != nil {
		return nil, err
	}
	var b []byte
	for _, c := range r.chunks {
		b = binary.AppendUvarint(b, uint64(len(c.Bytes())))
		b = append(b, c.Bytes()...)
	}
	return binary.LittleEndian.AppendUint32(b, rolledChecksum(b)), nil
}

// rolledFile is an open file of roll-ups.
type rolledFile struct {
	file  *fileutil.MmapFile
	data  []byte // up to the table
	table []byte
}

// openRolled opens a file of roll-ups; the error is of os.ErrNotExist if there is
// none.
func openRolled(path string) (*rolledFile, error) {
	file, err := fileutil.OpenMmapFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil { // it may be empty
		return nil, errors.Join(errRolled, err)
	}
	f := &rolledFile{file: file}
	if err := f.open(file.Bytes()); err != nil {
		f.close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return f, nil
}

func (f *rolledFile) open(b []byte) error {
	end := len(b) - rolledFooter
	if end < len(rolledMagic) || string(b[:len(rolledMagic)]) != rolledMagic {
		return errRolled
	}
	begin := binary.LittleEndian.Uint64(b[end:])
	if begin < uint64(len(rolledMagic)) || begin > uint64(end) {
		return errRolled
	}
	f.data, f.table = b[:begin], b[begin:end]
	if len(f.table)%rolledEntry != 0 || rolledChecksum(f.table) != binary.LittleEndian.Uint32(b[end+8:]) {
		return errRolled
	}
	return nil
}

func (f *rolledFile) close() { _ = f.file.Close() } // only read from

// find returns the chunks of a series of the block, none if it has no samples.
func (f *rolledFile) find(ref storage.SeriesRef) (chunks [rolledChunks][]byte, found bool, err error) {
	entry := func(i int) (ref, begin uint64) {
		return binary.LittleEndian.Uint64(f.table[i*rolledEntry:]), binary.LittleEndian.Uint64(f.table[i*rolledEntry+8:])
	}
	n := len(f.table) / rolledEntry
	i := sort.Search(n, func(i int) bool { r, _ := entry(i); return r >= uint64(ref) })
	if i == n {
		return chunks, false, nil
	}
	r, begin := entry(i)
	if r != uint64(ref) {
		return chunks, false, nil
	}
	end := uint64(len(f.data))
	if i+1 < n {
		_, end = entry(i + 1)
	}
	if begin > end || end > uint64(len(f.data)) || end-begin < rolledSum {
		return chunks, false, errRolled
	}
	record, sum := f.data[begin:end-rolledSum], f.data[end-rolledSum:end]
	if rolledChecksum(record) != binary.LittleEndian.Uint32(sum) {
		return chunks, false, errRolled
	}
	chunks, err = splitRolled(record)
	return chunks, err == nil, err
}

func splitRolled(b []byte) (chunks [rolledChunks][]byte, err error) {
	for i := range chunks {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) { //nolint:gosec // n is at most the length
			return chunks, errRolled
		}
		chunks[i], b = b[n:n+int(size)], b[n+int(size):] //nolint:gosec // size is at most the length
	}
	return chunks, nil
}

// rolledHours reads the hours of a series, as far as a roll-up needs them.
type rolledHours struct{ first, second chunkenc.Iterator }

// start begins with a series.
func (h *rolledHours) start(chunks [rolledChunks][]byte, rollup barograph.Rollup) (err error) {
	first, second := rolledSums, rolledCounts
	switch rollup {
	case barograph.RollupMax:
		first, second = rolledHighest, rolledHighest
	case barograph.RollupMin:
		first, second = rolledLowest, rolledLowest
	case barograph.RollupMean, barograph.RollupLast:
	}
	if h.first, err = rolledIterator(chunks[first], h.first); err != nil || first == second {
		h.second = nil
		return err
	}
	h.second, err = rolledIterator(chunks[second], h.second)
	return err
}

func rolledIterator(b []byte, again chunkenc.Iterator) (chunkenc.Iterator, error) {
	c, err := chunkenc.FromData(chunkenc.EncXOR, b)
	if err != nil {
		return nil, err
	}
	return c.Iterator(again), nil
}

// next returns an hour as a bucket in which only that is right which the roll-up
// needs.
func (h *rolledHours) next() (start int64, in bucket, ok bool) {
	if h.first.Next() != chunkenc.ValFloat {
		return 0, in, false
	}
	start, v := h.first.At()
	in = newBucket(start+rolledMilli, v)
	if h.second != nil {
		if h.second.Next() != chunkenc.ValFloat {
			return 0, in, false
		}
		_, count := h.second.At()
		in.count = int(count)
	}
	return start, in, true
}

func (h *rolledHours) err() error {
	if h.second == nil {
		return h.first.Err()
	}
	return errors.Join(h.first.Err(), h.second.Err())
}
