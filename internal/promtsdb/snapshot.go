package promtsdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// snapshotDir lies in the store's own directory: blocks are taken into it by
// hard links, which don't reach into another file system.
const snapshotDir = "snapshot.tmp"

// Snapshot is a frozen copy of a store: blocks that a store may be opened on.
type Snapshot struct{ dir string }

// Dir returns where the blocks are.
func (s *Snapshot) Dir() string { return s.dir }

// Close removes the copy.
func (s *Snapshot) Close() error { return removeSnapshot(s.dir) }

func removeSnapshot(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove snapshot %s: %w", dir, err)
	}
	return nil
}

// Snapshot copies every sample that was stored before the call, while the store
// is in use. There is one at a time: taking the next one removes the last, as
// opening the store does with one that a crash left behind.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	taken := &Snapshot{filepath.Join(s.dir, snapshotDir)}
	if err := taken.Close(); err != nil {
		return nil, err
	}
	if err := s.snapshot(ctx, taken.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot of series store: %w", err), taken.Close())
	}
	return taken, nil
}

func (s *Store) snapshot(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	// The TSDB's own snapshot leaves out what came late and is in memory still.
	if err := s.db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("write late samples: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	head := s.db.Head()
	if err := s.db.Snapshot(dir, head.MinTime() <= head.MaxTime()); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// SnapshotSize returns how many bytes of its own a snapshot may take: at most
// what the samples take that are in no block yet.
func (s *Store) SnapshotSize() (Size, error) {
	var sum Size
	for _, name := range []string{"wal", "wbl", "chunks_head"} {
		err := filepath.WalkDir(filepath.Join(s.dir, name), func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) { // it was just folded into a block
				return nil
			}
			if err == nil {
				sum += Size(info.Size())
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("measure series store: %w", err)
		}
	}
	return sum, nil
}

// Settle writes what is in memory and old enough as blocks, so that a great deal
// of history can be written without memory growing. With all, late samples too.
func (s *Store) Settle(ctx context.Context, all bool) error {
	done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	if err := s.db.Compact(ctx); err != nil {
		return fmt.Errorf("compact series store: %w", err)
	}
	if !all {
		return nil
	}
	if err := s.db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("compact late samples of series store: %w", err)
	}
	return nil
}
