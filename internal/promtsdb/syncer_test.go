package promtsdb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph/internal/promtsdb"
)

func TestSyncerSharesSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		s := promtsdb.NewSyncer(func() error {
			syncs++
			time.Sleep(time.Second)
			return nil
		})
		began := time.Now()
		var wg sync.WaitGroup
		write := func() {
			if err := s.Wait(t.Context(), s.Note()); err != nil {
				t.Errorf("Wait: %v", err)
			}
		}
		wg.Go(write)
		synctest.Wait() // the first leads a sync; all others come while it runs
		for range 100 {
			wg.Go(write)
		}
		wg.Wait()
		if syncs != 2 || time.Since(began) != 2*time.Second {
			t.Errorf("%d syncs in %s for one writer and 100 while it syncs, want 2 in 2s", syncs, time.Since(began))
		}
		if err := s.Wait(t.Context(), 101); err != nil || syncs != 2 {
			t.Errorf("waiting for a durable commit: %v after %d syncs", err, syncs)
		}
	})
}

// A commit that comes while a sync runs is not covered by it.
func TestSyncerCoversOnlyEarlierCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var committed, durable atomic.Uint64
		s := promtsdb.NewSyncer(func() error {
			covers := committed.Load()
			time.Sleep(time.Millisecond)
			durable.Store(covers)
			return nil
		})
		var mu sync.Mutex
		var wg sync.WaitGroup
		for w := range 20 {
			wg.Go(func() {
				for i := range 50 {
					time.Sleep(time.Duration((w*31+i*17)%23) * 100 * time.Microsecond)
					mu.Lock()
					committed.Add(1)
					n := s.Note()
					mu.Unlock()
					if err := s.Wait(t.Context(), n); err != nil {
						t.Errorf("Wait: %v", err)
					}
					if durable.Load() < n {
						t.Errorf("commit %d acknowledged, only %d are on disk", n, durable.Load())
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestSyncerFailsForGood(t *testing.T) {
	broken := errors.New("input/output error")
	fail := true
	s := promtsdb.NewSyncer(func() error {
		if fail {
			return broken
		}
		return nil
	})
	if err := s.Wait(t.Context(), s.Note()); !errors.Is(err, broken) {
		t.Errorf("Wait = %v, want the sync's error", err)
	}
	fail = false // the next fsync would succeed, but prove nothing
	if err := s.Wait(t.Context(), s.Note()); !errors.Is(err, broken) {
		t.Errorf("Wait after a failed sync = %v, want its error", err)
	}
}

func TestSyncerGivesUpWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := promtsdb.NewSyncer(func() error {
			time.Sleep(time.Minute)
			return nil
		})
		go func() { _ = s.Wait(t.Context(), s.Note()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Wait(ctx, s.Note()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want a deadline error", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestTailFollowsSegments(t *testing.T) {
	dir := t.TempDir()
	segment := func(n, bytes int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%08d", n)), make([]byte, bytes), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	segment(3, 10)
	segment(4, 20)
	if err := os.Mkdir(filepath.Join(dir, "checkpoint.00000002"), 0o700); err != nil {
		t.Fatal(err)
	}
	tail, err := promtsdb.OpenTail(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tail.Close)
	expect := func(index int, synced int64) {
		t.Helper()
		if tail.Index() != index || tail.Synced() != synced {
			t.Errorf("tail at segment %d, %d bytes synced; want %d, %d", tail.Index(), tail.Synced(), index, synced)
		}
	}
	expect(4, 20)
	segment(4, 30)
	segment(5, 0)
	segment(6, 7)
	if err := tail.Sync(); err != nil {
		t.Fatal(err)
	}
	expect(6, 7)
	// The TSDB cut three segments and deleted all but the last.
	segment(9, 5)
	for _, n := range []string{"00000003", "00000004", "00000005", "00000006"} {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tail.Sync(); err != nil {
		t.Fatal(err)
	}
	expect(9, 5)
	if err := os.Remove(filepath.Join(dir, "00000009")); err != nil {
		t.Fatal(err)
	}
	if err := tail.Sync(); err == nil {
		t.Error("Sync of a log that is gone returned nil")
	}
}
