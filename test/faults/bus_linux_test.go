package faults_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// TestBusDiskFull fills the disk under the bus alone. Events are recorded and
// sent meanwhile; with 100 MB free again the bus has them all within 15 s, in
// the same process.
func TestBusDiskFull(t *testing.T) {
	t.Parallel()
	installed := installOpenBus(t)
	disk := smallDisk(t, "128m")
	if err := os.Symlink(disk, filepath.Join(installed.Dir, "bus")); err != nil {
		t.Fatal(err)
	}
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver, outside := process.Subscribe(t), installed.subscribe(t)
	fleet := newFleet(t, 20*time.Millisecond)
	fleet.start(t, &process.Server)
	awaitMore(t, time.Minute, "NATS client", outsideCount(outside), 20)

	for range quick(1, 5) {
		ballast := fill(t, disk, 0)
		failed := metric(t, process, "barograph_bus_publish_errors_total")
		harness.Eventually(t, time.Minute, func() string {
			if metric(t, process, "barograph_bus_publish_errors_total") < failed+2 {
				return "events are still published"
			}
			return ""
		})
		if status, answer, err := process.Do(t.Context(), http.MethodGet, "/readyz", process.Token, nil); err != nil ||
			status != http.StatusServiceUnavailable || !strings.Contains(string(answer), "free disk space") {
			t.Errorf("/readyz: %d %s, %v", status, answer, err)
		}
		awaitMore(t, time.Minute, "webhook", func() int { return len(receiver.Events()) }, 20)
		time.Sleep(quick(time.Second, 12*time.Second))

		freed := time.Now()
		if err := os.Truncate(ballast, size(t, ballast)-100<<20); err != nil {
			t.Fatal(err)
		}
		awaitMore(t, 15*time.Second, "NATS client", outsideCount(outside), 1)
		t.Logf("publishing %s after 100 MB were freed", time.Since(freed).Round(time.Millisecond))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	fleet.finish()
	if !process.Running() {
		t.Fatalf("the server ended with code %d", process.ExitCode())
	}
	compareEvents(t, &process.Server, receiver)
	outside.compare(t, &process.Server)
	checkLog(t, process.Log())
}

func outsideCount(o *outsider) func() int {
	return func() int {
		distinct, _ := o.events()
		return distinct
	}
}

// awaitMore waits until there are n more events than now.
func awaitMore(t *testing.T, within time.Duration, whose string, count func() int, n int) {
	t.Helper()
	before := count()
	harness.Eventually(t, within, func() string {
		if now := count(); now < before+n {
			return fmt.Sprintf("the %s got %d more events, want %d", whose, now-before, n)
		}
		return ""
	})
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// metric returns the value of a counter of the server.
func metric(t *testing.T, process *harness.Process, name string) float64 {
	t.Helper()
	status, text, err := process.Do(t.Context(), http.MethodGet, "/metrics", process.Token, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("/metrics: %d, %v", status, err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("/metrics has no %s", name)
	return 0
}
