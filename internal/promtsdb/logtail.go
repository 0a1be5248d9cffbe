package promtsdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// logTail syncs the end of one of the TSDB's logs (wal, wbl): a directory of
// segments with ascending numbers, of which the TSDB only appends to the newest.
// The TSDB keeps its descriptors to itself, so the tail opens its own; a sync
// covers a file's data whoever wrote it.
type logTail struct {
	dir    string
	index  int // number of the segment that was newest at the last sync
	file   *os.File
	synced int64 // its bytes known to be on disk
}

// openTail syncs all segments of dir, in which a crashed process may have left
// some that never reached the disk, and stands on the newest. It returns nil if
// the directory does not exist.
func openTail(dir string) (*logTail, error) {
	t := &logTail{dir: dir, index: -1}
	switch _, err := t.next(); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // a log that is not kept has no tail
	case err != nil:
		return nil, err
	}
	return t, t.sync()
}

// sync makes durable all that the log held when it was called.
func (t *logTail) sync() error {
	switched := false
	for {
		if err := t.syncFile(); err != nil {
			return err
		}
		more, err := t.advance()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switched = true
	}
	if switched {
		return syncDir(t.dir)
	}
	return nil
}

// syncFile syncs the current segment if it grew.
func (t *logTail) syncFile() error {
	if t.file == nil {
		return nil
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == t.synced {
		return nil
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	t.synced = info.Size()
	return nil
}

// advance moves to the next segment and reports whether there was one.
func (t *logTail) advance() (bool, error) {
	index := t.index + 1
	f, err := os.Open(t.path(index))
	if errors.Is(err, fs.ErrNotExist) {
		// Either nothing follows, or the TSDB deleted this segment and some
		// after it meanwhile.
		if _, err := os.Stat(t.path(t.index)); err == nil {
			return false, nil
		}
		if index, err = t.next(); err != nil {
			return false, err
		}
		if index < 0 {
			return false, fmt.Errorf("%s is gone and nothing follows it", t.path(t.index))
		}
		f, err = os.Open(t.path(index))
	}
	if err != nil {
		return false, err
	}
	if t.file != nil {
		_ = t.file.Close() // only read from
	}
	t.file, t.index, t.synced = f, index, 0
	return true, nil
}

// next returns the lowest segment behind the current one, -1 if there is none.
func (t *logTail) next() (int, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return -1, err
	}
	var later []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > t.index {
			later = append(later, n)
		}
	}
	if len(later) == 0 {
		return -1, nil
	}
	return slices.Min(later), nil
}

func (t *logTail) path(index int) string { return filepath.Join(t.dir, fmt.Sprintf("%08d", index)) }

func (t *logTail) close() {
	if t.file != nil {
		_ = t.file.Close() // only read from
	}
}

// syncDir makes durable which files a directory has.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the store's own
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
