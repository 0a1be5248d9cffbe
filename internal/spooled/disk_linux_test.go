package spooled_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/barograph/barograph"
)

// TestDiskFull has the disk under the spool full: writes are refused, those
// acknowledged before come, and when there is room again it goes on.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk can't be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	store := &shelf{}
	store.fail(errAway)
	b := open(t, filepath.Join(dir, "spool"), store, 0)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 700<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	var want []float64
	var refusal error
	for i := 0.0; refusal == nil && i < 100_000; i++ {
		if refusal = b.Write(t.Context(), batch(i)); refusal == nil {
			want = append(want, i)
		}
	}
	if barograph.KindOf(refusal) != barograph.KindUnavailable || !strings.Contains(refusal.Error(), "no space left") {
		t.Fatalf("a full disk says %v", refusal)
	}
	if n := b.counter(`barograph_spool_writes_refused_total{reason="disk"}`); n == 0 {
		t.Error("it was not counted")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b.write(t, -1)
	want = append(want, -1)
	store.failOn(nil)
	stop := b.run(t)
	defer stop()
	eventually(t, func() bool { return len(store.got()) >= len(want) })
	expect(t, store, want...)
}
