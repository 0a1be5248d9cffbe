package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barograph/barograph/internal/clocktest"
)

// syncBuffer is what a command writes to from several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startDemo runs the command until stop is called or it ends by itself; stop
// returns the exit code and what was written. Its directory must be gone then.
func startDemo(t *testing.T, args ...string) (stdout *syncBuffer, stop func(wait bool) (code int, stderr string)) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancel(t.Context())
	var out, failures syncBuffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, append([]string{"demo"}, args...), streams{&out, &failures}) }()
	return &out, func(wait bool) (int, string) {
		if !wait {
			cancel()
		}
		c := <-code
		cancel()
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("the demo left %v, %v", left, err)
		}
		return c, failures.String()
	}
}

// awaitText waits until the text was written, for three minutes at most: under the
// race detector all takes its time.
func awaitText(t *testing.T, out *syncBuffer, text string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(out.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the demo does not say %q but %s", text, out)
		}
	}
}

// TestDemoTellsItsStory plays the whole story, faster than usual.
func TestDemoTellsItsStory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute: the broken receiver is tried by the wall clock")
	}
	out, stop := startDemo(t, "--speed", "6000")
	awaitText(t, out, "The story is told")
	if code, stderr := stop(false); code != 0 || stderr != "" {
		t.Errorf("exit code %d and on standard error: %s", code, stderr)
	}
	text := out.String()
	defer func() {
		if t.Failed() {
			t.Log(text)
		}
	}()
	for _, line := range []string{
		`prediction\.opened +Disk space on db-1 .*expected in \d+ h \(.* – .* UTC\), \d+ % sure`,
		`prediction\.opened +Disk space on web-3 .*expected in \d+ h \(.* – .* UTC\), \d+ % sure`,
		`prediction\.averted +Disk space on web-3 `,
		`prediction\.confirmed +Disk space on db-1 `,
		`breach\.started +Disk space on db-1 .*foreseen \d+ h ahead`,
		`breach\.ended +Disk space on db-1 `,
		`breach\.started +Memory on api-2: `,
		`breach\.ended +Memory on api-2: `,
		`host\.silent +cache-1 `,
		`host\.returned +cache-1 `,
		`wall at \d\d:\d\d:\d\d +broken receiver +prediction\.opened, try 1: 500 Internal Server Error; the server will try again in [456] s\n`,
		`try 2: 503 Service Unavailable; the server will try again in \d\d s\n`,
		`try 3: 410 Gone; the delivery is given up\n(?s:.*)wall at .* +endpoint\.disabled .*410 Gone.*signature ok`,
		`Deliveries: \d+ × delivered, 1 × exhausted`,
		`The broken receiver: 3 tries failed within \d\d s, then its endpoint was disabled: .*410 Gone`,
		`In \d+ hours of the demo's clock: .*1 × prediction\.confirmed`,
		`Scorecard of the rule "Disk space": precision 100 %, recall 100 %, median lead \d+ h \(1 confirmed, 1 averted, 0 expired; 1 of 1 breaches foreseen\)`,
	} {
		if !regexp.MustCompile(line).MatchString(text) {
			t.Errorf("nothing says %s", line)
		}
	}
	if strings.Contains(text, "WRONG") {
		t.Error("a signature was wrong")
	}
	if m := regexp.MustCompile(`warned (\d+) h ahead`).FindStringSubmatch(text); m == nil {
		t.Error("nothing says how far ahead it was warned")
	} else if lead, err := strconv.Atoi(m[1]); err != nil || lead <= 24 {
		t.Errorf("warned %s h ahead, want more than 24", m[1])
	}
}

// TestDemoEndsAtOnce interrupts the demo while it loads the history, and while
// its clock runs.
func TestDemoEndsAtOnce(t *testing.T) {
	for name, sign := range map[string]string{"loading": "Sending 30 days", "running": "The clock starts"} {
		t.Run(name, func(t *testing.T) {
			clocktest.AtMost(t, 3*time.Second, "ending it", func() time.Duration {
				out, stop := startDemo(t)
				awaitText(t, out, sign)
				time.Sleep(200 * time.Millisecond) // in the midst of it
				began := time.Now()
				code, stderr := stop(false)
				took := time.Since(began)
				if code != 0 || stderr != "" {
					t.Errorf("exit code %d after %s, on standard error: %s", code, took, stderr)
				}
				if told := strings.Contains(out.String(), "Scorecard"); told != (name == "running") {
					t.Errorf("it sums up: %t, in\n%s", told, out)
				}
				return took
			})
		})
	}
}

func TestDemoEndsByItself(t *testing.T) {
	clocktest.AtMost(t, 3*time.Second, "a demo of 300ms", func() time.Duration {
		began := time.Now()
		_, stop := startDemo(t, "--duration", "300ms")
		if code, stderr := stop(true); code != 0 || stderr != "" {
			t.Errorf("exit code %d, on standard error: %s", code, stderr)
		}
		return time.Since(began)
	})
}
