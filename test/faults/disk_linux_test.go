package faults_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// TestDiskFull fills the disk under a running server. While it is full, samples
// are refused with a time to come back; once there is room again, all goes on
// by itself, and what was acknowledged is there.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	installed := install(t)
	installed.Dir = smallDisk(t, "64m")
	installed.Config += "store: {embedded: {min_free_space: 16MB}}\n"
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver := process.Subscribe(t)
	fleet := newFleet(t, 20*time.Millisecond)
	fleet.start(t, &process.Server)
	time.Sleep(500 * time.Millisecond)

	var ballast []string
	for _, free := range []int64{8 << 20, 0} { // less than is to be kept free, then not a byte
		ballast = append(ballast, fill(t, installed.Dir, free))
		awaitRefusal(t, fleet)
		fleet.checkRetryAfter(t)
		time.Sleep(time.Second)
		checkHealth(t, process)
	}
	acknowledged := fleet.book.len()
	time.Sleep(time.Second)
	if now := fleet.book.len(); now != acknowledged {
		t.Errorf("with a full disk %d samples were acknowledged", now-acknowledged)
	}
	for _, file := range ballast {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	awaitProgress(t, fleet)
	fleet.finish()
	if !process.Running() {
		t.Fatalf("the server ended with code %d", process.ExitCode())
	}
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
	compareEvents(t, &process.Server, receiver)
	process.Kill()
	process = installed.Start(t)
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
}

// TestDiskFullAtOnce fills the disk faster than the guard looks. The server may
// refuse samples until it is started again, but it does not end, and loses
// nothing that it acknowledged.
func TestDiskFullAtOnce(t *testing.T) {
	t.Parallel()
	installed := install(t)
	installed.Dir = smallDisk(t, "64m")
	installed.Config += "store: {embedded: {min_free_space: 0B}}\n"
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver := process.Subscribe(t)
	fleet := newFleet(t, 2*time.Millisecond)
	fleet.start(t, &process.Server)
	time.Sleep(500 * time.Millisecond)

	ballast := fill(t, installed.Dir, 0)
	awaitRefusal(t, fleet)
	time.Sleep(time.Second)
	if !process.Running() {
		t.Fatalf("the server ended with code %d; its log:\n%s", process.ExitCode(), process.Log())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if code, took := process.Terminate(t, 20*time.Second); code != 0 {
		t.Logf("after SIGTERM the server ended with code %d in %s", code, took.Round(time.Millisecond))
	}
	process = installed.Start(t)
	fleet.use(&process.Server)
	awaitProgress(t, fleet)
	fleet.finish()
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
	compareEvents(t, &process.Server, receiver)
}

// TestDiskFullAtStart starts a server on a full disk after one that was killed: it
// runs and says what is wrong, and once there is room again it is well by itself.
// After one that was stopped in order SQLite has to make files before it can read.
func TestDiskFullAtStart(t *testing.T) {
	t.Parallel()
	installed := install(t)
	installed.Dir = smallDisk(t, "64m")
	installed.Config += "store: {embedded: {min_free_space: 4MB}}\n"
	installed.Start(t).Kill()
	ballast := fill(t, installed.Dir, 0)
	process := installed.StartUnready(t)
	checkHealth(t, process)
	time.Sleep(3 * time.Second)
	if !process.Running() {
		t.Fatalf("on a full disk the server ended with code %d; its log:\n%s", process.ExitCode(), process.Log())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, time.Minute, func() string {
		if status, body, err := process.Do(t.Context(), http.MethodGet, "/readyz", "", nil); err != nil || status != http.StatusOK {
			return fmt.Sprintf("with room again /readyz answers %d %s %v", status, body, err)
		}
		return ""
	})
}

// TestDiskFullDeliveries fills the disk while deliveries wait for their next try.
// What comes of tries can't be written down then; once there is room again, all
// that was recorded arrives and the server knows it.
func TestDiskFullDeliveries(t *testing.T) {
	t.Parallel()
	events := quick(100, 2000)
	installed := install(t)
	installed.Dir = smallDisk(t, "64m")
	installed.Config = swingConfig + "  retry_schedule: [" + waits(50) + "]\nstore: {embedded: {min_free_space: 16MB}}\n"
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	var well atomic.Bool
	r := newReceiver(t, func(int) behaviour {
		if well.Load() {
			return accept
		}
		return refuse
	})
	id := subscribe(t, &process.Server, "patient", "disk", r)
	fleet := newFleet(t, 0)
	fleet.use(&process.Server)
	newAlarms(fleet, &process.Server, "disk").raise(t, events)
	awaitNone(t, "events that were not tried", func() int { return events - r.counts().messages })

	ballast := fill(t, installed.Dir, 0)
	time.Sleep(quick(2*time.Second, 20*time.Second))
	well.Store(true)
	time.Sleep(quick(2*time.Second, 20*time.Second))
	if !process.Running() {
		t.Fatalf("on a full disk the server ended with code %d", process.ExitCode())
	}
	whileFull := r.counts()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	awaitNone(t, "deliveries missing", func() int { return events - r.counts().taken })
	record := ofWriter(recorded(t, &process.Server), "disk")
	r.check(t, record)
	compareDeliveries(t, &process.Server, id, record, 1)
	c := r.counts()
	figures.row(t, len(record) == events, "a full disk under deliveries",
		fmt.Sprintf("%d events on record, %d tries before there was room again, 0 lost, %d taken twice", len(record), whileFull.tries, c.twice), "0 lost")
}

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill writes a file that leaves that many bytes free, and returns its name.
func fill(t *testing.T, dir string, free int64) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 64<<10)
	for {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			t.Fatal(err)
		}
		left := int64(fs.Bavail)*fs.Bsize - free
		if left <= 0 {
			return f.Name()
		}
		if _, err := f.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
			return f.Name() // somebody else took the rest
		}
	}
}

// awaitRefusal waits until a writer is told to come back later, and when.
func awaitRefusal(t *testing.T, f *fleet) {
	t.Helper()
	before := f.refused.Load()
	harness.Eventually(t, time.Minute, func() string {
		if n := f.refused.Load(); n == before {
			return fmt.Sprintf("no writer was refused, %d samples are acknowledged", f.book.len())
		}
		return ""
	})
}

// checkHealth asks a server on a full disk how it does.
func checkHealth(t *testing.T, process *harness.Process) {
	t.Helper()
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
		if status, _, err := process.Do(t.Context(), http.MethodGet, path, "", nil); err != nil || status != want {
			t.Errorf("with a full disk %s answers %d, %v; want %d", path, status, err, want)
		}
	}
}

func (f *fleet) checkRetryAfter(t *testing.T) {
	t.Helper()
	header := f.lastRefusal.Load()
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("503 with Retry-After %q, want seconds", header.Get("Retry-After"))
	}
}

// awaitProgress waits until samples are acknowledged again.
func awaitProgress(t *testing.T, f *fleet) {
	t.Helper()
	before := f.book.len()
	harness.Eventually(t, time.Minute, func() string {
		if f.book.len() < before+500 {
			return fmt.Sprintf("only %d samples were acknowledged since there is room again", f.book.len()-before)
		}
		return ""
	})
}
