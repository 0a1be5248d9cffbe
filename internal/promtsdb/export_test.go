package promtsdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// Syncer is the group commit by itself.
type Syncer struct{ syncer }

func NewSyncer(flush func() error) *Syncer { return &Syncer{syncer{flush: flush}} }

func (s *Syncer) Note() uint64 { return s.note() }

func (s *Syncer) Wait(ctx context.Context, n uint64) error { return s.wait(ctx, n) }

// Tail is a log's tail by itself.
type Tail struct{ *logTail }

func OpenTail(dir string) (Tail, error) {
	t, err := openTail(dir)
	return Tail{t}, err
}

func (t Tail) Sync() error   { return t.sync() }
func (t Tail) Index() int    { return t.index }
func (t Tail) Synced() int64 { return t.synced }
func (t Tail) Close()        { t.close() }

// Unsynced returns how many bytes of the newest segments were never synced.
func (s *Store) Unsynced() (n int64, err error) {
	synced := map[string]int64{}
	for _, t := range s.tails {
		synced[t.path(t.index)] = t.synced
	}
	for _, log := range []string{"wal", "wbl"} {
		segments, err := filepath.Glob(filepath.Join(s.dir, log, "0*"))
		if err != nil || len(segments) == 0 {
			return 0, errors.Join(err, errors.New("no segments in "+log))
		}
		newest := slices.Max(segments)
		info, err := os.Stat(newest)
		if err != nil {
			return 0, err
		}
		n += info.Size() - synced[newest]
	}
	return n, nil
}

// CachedSeries returns how many series the cache holds.
func (s *Store) CachedSeries() int {
	s.cache.mu.RLock()
	defer s.cache.mu.RUnlock()
	n := 0
	for _, e := range s.cache.m {
		for ; e != nil; e = e.next {
			n++
		}
	}
	return n
}

// Truncate compacts the head as the TSDB does by itself after hours.
func (s *Store) Truncate() error {
	return s.db.Compact(context.Background())
}

// RollUp makes the files of roll-ups that are missing, which the store from now on
// does no more by itself.
func (s *Store) RollUp(ctx context.Context) error {
	s.roller.close()
	return s.roller.round(ctx)
}

// BreakLog makes the next sync fail.
func (s *Store) BreakLog() error {
	for _, t := range s.tails {
		if t.file != nil {
			if err := t.file.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Slots returns the turns of lists and of queries.
func (s *Store) Slots() (lists, queries chan struct{}) { return s.lists, s.turns }
