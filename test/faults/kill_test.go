package faults_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const restartLimit = 5 * time.Second

// TestKill kills the server again and again while it takes samples and tells a
// subscriber of alarms. What it acknowledged must be there afterwards, once.
func TestKill(t *testing.T) {
	t.Parallel()
	installed := install(t)
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver := process.Subscribe(t)
	fleet := newFleet(t, 5*time.Millisecond)
	fleet.start(t, &process.Server)

	var took []time.Duration
	for range quick(4, 20) {
		time.Sleep(300*time.Millisecond + rand.N(quick(500*time.Millisecond, 1500*time.Millisecond)))
		process.Kill()
		checkLog(t, process.Log())
		process = installed.Start(t)
		fleet.use(&process.Server)
		took = append(took, process.Took)
	}
	time.Sleep(300 * time.Millisecond)
	fleet.finish()
	slices.Sort(took)
	// In a short run other tests have the machine too, which may hold one of them up.
	if slow := quick(took[len(took)/2], took[len(took)-1]); slow > restartLimit {
		t.Errorf("restarts took %s, at most %s are allowed", took, restartLimit)
	}
	t.Logf("%d kills, %d samples acknowledged, %d requests sent again; restarts took %s to %s",
		len(took), fleet.book.len(), fleet.retries.Load(), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
	compareEvents(t, &process.Server, receiver)
	checkLog(t, process.Log())
}

// TestTerm asks the server to end while it takes samples.
func TestTerm(t *testing.T) {
	t.Parallel()
	installed := install(t)
	process := installed.Start(t)
	addAlarmRule(t, &process.Server)
	receiver := process.Subscribe(t)
	fleet := newFleet(t, 5*time.Millisecond)
	fleet.start(t, &process.Server)
	for range quick(2, 10) {
		// A client that connected and says nothing, as browsers do in advance.
		silent, err := net.Dial("tcp", strings.TrimPrefix(process.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		time.Sleep(500 * time.Millisecond)
		code, took := process.Terminate(t, 20*time.Second)
		if code != 0 {
			t.Errorf("after SIGTERM the server ended with code %d, want 0; its log:\n%s", code, process.Log())
		}
		checkLog(t, process.Log())
		t.Logf("ended in %s", took.Round(time.Millisecond))
		process = installed.Start(t)
		fleet.use(&process.Server)
	}
	fleet.finish()
	fleet.book.compare(t, &process.Server)
	fleet.book.compareBreaches(t, &process.Server)
	compareEvents(t, &process.Server, receiver)
}

// checkLog reports panics and whatever needs somebody to act.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, " ERROR ") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			t.Errorf("the server logs: %s", strings.TrimSpace(line))
		}
	}
}
