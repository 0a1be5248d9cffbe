package bus

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/barograph/barograph"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("a small disk can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fillDisk leaves not a byte, and returns what makes room again.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); ; {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk is told at once, and is over as soon as there is room: the server
// was not asked to write.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	b := newBench(t, DefaultConfig(), hasty(), disk)
	r := b.read()
	free := fillDisk(t, disk)
	slow := 0
	for range 20 {
		begin := time.Now()
		err := b.Publish(t.Context(), barograph.Event{ID: "evt_full", Type: barograph.EventWatchdog})
		if !errors.Is(err, errNoRoom) || barograph.KindOf(err) != barograph.KindUnavailable {
			t.Fatalf("Publish on a full disk: %v", err)
		}
		if time.Since(begin) > time.Second {
			slow++
		}
		if err := b.Healthy(t.Context()); !errors.Is(err, errNoRoom) {
			t.Fatalf("Healthy on a full disk: %v", err)
		}
		<-time.After(30 * time.Millisecond)
	}
	if slow > 3 { // the machine may stand still now and then
		t.Errorf("%d of 20 events were refused only after a second", slow)
	}
	free()
	if err := b.Publish(t.Context(), barograph.Event{ID: "evt_last", Type: barograph.EventWatchdog}); err != nil {
		t.Errorf("Publish with room again: %v", err)
	}
	r.upTo("evt_last")
	if n := b.metrics.restarts.Get(); n != 0 {
		t.Errorf("%d restarts", n)
	}
}

// TestFullDiskUnawares has the server write to a full disk: it hangs, and is
// restarted once there is room, not before.
func TestFullDiskUnawares(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	b := newBench(t, DefaultConfig(), hasty(), disk)
	r := b.read()
	before, free := b.node, fillDisk(t, disk)
	msg, err := message(barograph.Event{ID: "evt_hang", Type: barograph.EventWatchdog})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // the first may find room within a page
		if err = before.publish(t.Context(), msg, barograph.EventID(barograph.NewID("evt", time.Now()))); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("the server writes to a full disk")
	}
	t.Log("publisher:", err)
	t.Log("health:", before.healthy(t.Context()))
	<-time.After(time.Second)
	if n := b.metrics.restarts.Get(); n != 0 {
		t.Errorf("%d restarts without room", n)
	}
	free()
	r.upTo(b.publish())
	b.expectRestart("no space left")
	if stream, err := b.node.publishing.js.Stream(t.Context(), streamName); err != nil || stream.CachedInfo().State.FirstSeq != 1 {
		t.Errorf("what was stored before is gone: %v, %v", stream.CachedInfo().State, err)
	}
	if aside, err := filepath.Glob(b.dir + ".damaged-*"); err != nil || len(aside) != 0 {
		t.Errorf("moved aside: %q, %v", aside, err)
	}
}

// TestStartOnFullDisk opens all the same, and works once there is room.
func TestStartOnFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	free := fillDisk(t, disk)
	b := newBench(t, DefaultConfig(), hasty(), disk)
	if err := b.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy: %v, want unavailable", err)
	}
	err := b.Publish(t.Context(), barograph.Event{ID: "evt_1", Type: barograph.EventWatchdog})
	if barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Publish: %v, want unavailable", err)
	}
	free()
	b.read()
}

// TestLimitIsPartOfTheDisk wants neither the default nor a configured limit
// beyond the real disk.
func TestLimitIsPartOfTheDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	for _, tt := range []struct{ configured, most int64 }{{0, 8 << 20}, {1 << 40, 16 << 20}, {2 << 20, 2 << 20}} {
		cfg := DefaultConfig()
		cfg.MaxBytes = tt.configured
		b := newBench(t, cfg, hasty(), disk)
		b.publish()
		stream, err := b.node.publishing.js.Stream(t.Context(), streamName)
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().Config.MaxBytes; got > tt.most || got < tt.most*9/10 {
			t.Errorf("configured %d: the stream may have %d bytes, want close to %d", tt.configured, got, tt.most)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
