package promtsdb_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// A snapshot is a store of its own, with what came late too, and nothing that is
// done to the store afterwards changes it.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openStore(t, dir, nil)
	base := time.Now().Add(-90 * time.Minute).Truncate(time.Second)
	var samples []barograph.Sample
	for i := range 150 { // too little for a block
		samples = append(samples, sample("m", "a", base.Add(time.Duration(i)*30*time.Second), float64(i)))
	}
	late := sample("m", "a", base.Add(time.Second), -1)
	for _, batch := range [][]barograph.Sample{samples, {late}, {sample("m", "late only", base.Add(-barograph.Day), 7)}} {
		if err := store.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	want := stored(t, store, base)
	size, err := store.SnapshotSize()
	if err != nil || size == 0 {
		t.Errorf("SnapshotSize is %s, %v", size, err)
	}

	snapshot, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(t.Context(), []barograph.Sample{sample("m", "after", time.Now(), 1)}); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(snapshot.Dir())); err != nil {
		t.Fatal(err)
	}
	restored := openStore(t, copied, nil)
	if diff := cmp.Diff(want, stored(t, restored, base)); diff != "" || len(want) != 152 {
		t.Errorf("the snapshot has other samples than the store had, which were %d (-want +got):\n%s", len(want), diff)
	}
	// What comes next, and late, finds its place.
	more := []barograph.Sample{sample("m", "a", base.Add(2*time.Second), 5), sample("m", "a", time.Now(), 6)}
	if err := restored.Write(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, restored, base); len(got) != 154 {
		t.Errorf("%d samples after two more, want 154", len(got))
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(snapshot.Dir()); err == nil {
		t.Error("the snapshot is still there after Close")
	}
	if got := stored(t, store, base); len(got) != 153 {
		t.Errorf("%d samples in the store after the snapshot, want 153", len(got))
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openStore(t, dir, nil)
	snapshot, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(snapshot.Dir()); err != nil || len(entries) != 0 {
		t.Errorf("the snapshot holds %v, %v", entries, err)
	}
}

// What a crash left of a snapshot is gone after the next start.
func TestSnapshotLeftByACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openStore(t, dir, nil)
	if err := store.Write(t.Context(), []barograph.Sample{sample("m", "a", time.Now(), 1)}); err != nil {
		t.Fatal(err)
	}
	left, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := promtsdb.Open(promtsdb.DefaultConfig(), deps(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := os.Stat(left.Dir()); err == nil {
		t.Error("it is still there")
	}
	if got := stored(t, again, time.Now()); len(got) != 1 {
		t.Errorf("%d samples, want 1", len(got))
	}
}
