package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// segment is one file. Its name tells the sequence number of its first record,
// so that a neighbour's loss can be counted.
type segment struct {
	path   string
	first  uint64
	size   int64
	newest time.Time // of its records; after a restart, of the file
}

const segmentSuffix = ".seg"

// listSegments returns the segments of dir, oldest first, without empty ones,
// which it removes.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list spool directory: %w", err)
	}
	var all []segment
	for _, e := range entries {
		number, isSegment := strings.CutSuffix(e.Name(), segmentSuffix)
		first, err := strconv.ParseUint(number, 10, 63)
		if !isSegment || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s := segment{path: filepath.Join(dir, e.Name()), first: first, size: info.Size(), newest: info.ModTime()}
		if s.size == 0 {
			_ = os.Remove(s.path)
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return all, nil
}

func createSegment(dir string, first uint64) (*os.File, segment, error) {
	s := segment{path: filepath.Join(dir, fmt.Sprintf("%020d%s", first, segmentSuffix)), first: first}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, s, err
	}
	if err := syncDir(dir); err != nil {
		return nil, s, errors.Join(err, f.Close(), os.Remove(s.path))
	}
	return f, s, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the spool's own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// end returns the sequence number after the segment's last record, and one
// more if something unreadable follows, for the record that this was.
func (s segment) end() uint64 {
	f, err := os.Open(s.path)
	if err != nil {
		return s.first + 1
	}
	defer f.Close() //nolint:errcheck // it was only read
	scan := s.scan(f)
	end, last := s.first, int64(0)
	for {
		r, ok := scan.next()
		if !ok {
			break
		}
		end, last = max(end, r.Seq+1), scan.offset
	}
	if last < s.size {
		end++
	}
	return end
}

func (s segment) scan(f *os.File) scanner {
	return scanner{file: f, first: s.first, end: s.first + uint64(s.size)/headerBytes} //nolint:gosec // a size is positive
}

const scanWindow = 64 << 10

// scanner reads the sound records of a segment and skips the others.
type scanner struct {
	file       io.ReaderAt
	offset     int64  // of the next record
	first, end uint64 // sequence numbers that the segment may hold

	buffer []byte
	start  int64 // of the buffer in the file
}

// next returns the next sound record; false at the end. Its data is valid until
// the next call.
func (s *scanner) next() (Record, bool) {
	for {
		b := s.window(headerBytes)
		if len(b) < headerBytes {
			return Record{}, false
		}
		if size := recordSize(b); size > 0 {
			if b = s.window(size); len(b) >= size {
				if r, ok := decodeRecord(b[:size]); ok && r.Seq >= s.first && r.Seq < s.end {
					s.offset += int64(size)
					return r, true
				}
			}
		}
		s.skip(b)
	}
}

// skip moves on to where the next record may begin.
func (s *scanner) skip(b []byte) {
	if i := bytes.Index(b[1:], []byte(magic)); i >= 0 {
		s.offset += int64(1 + i)
		return
	}
	s.offset += int64(max(1, len(b)-len(magic)+1)) // the window may end within a magic
}

// window returns what the file holds from the offset on: at least n bytes, or
// less at the end or where it can't be read.
func (s *scanner) window(n int) []byte {
	at := s.offset - s.start
	if at >= 0 && at+int64(n) <= int64(len(s.buffer)) {
		return s.buffer[at:]
	}
	if size := max(n, scanWindow); cap(s.buffer) < size {
		s.buffer = make([]byte, size)
	}
	read, _ := s.file.ReadAt(s.buffer[:cap(s.buffer)], s.offset)
	s.buffer, s.start = s.buffer[:read], s.offset
	return s.buffer
}
