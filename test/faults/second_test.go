package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/barograph/barograph/test/harness"
)

// TestSecondServer starts a second server on a data directory in use: it ends at
// once, says why, and leaves the first one alone.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	for engine, extra := range map[string]string{
		"embedded": "agent: {enabled: false}\n", // whose own lock would answer in place of the store's
		// Nothing listens there: a server starts while InfluxDB is away.
		"influxdb": "agent: {enabled: false}\n" + fmt.Sprintf("store: {engine: influxdb, influxdb: {url: 'http://127.0.0.1:1', org: o, bucket: b, token_file: %q}}\n", token),
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			installed := install(t)
			installed.Config += extra
			process := installed.StartUnready(t)
			code, output, took := runSecond(t, installed)
			if code == 0 || code == -1 {
				t.Fatalf("a second server on the same directory: exit code %d after %s, want it refused; it says:\n%s", code, took, output)
			}
			if !strings.Contains(output, installed.Dir) {
				t.Errorf("the second server does not name the directory %s:\n%s", installed.Dir, output)
			}
			if !process.Running() {
				t.Error("the first server ended")
			}
			t.Logf("after %s: %s", took.Round(time.Millisecond), strings.TrimSpace(output))
		})
	}
}

// runSecond runs the server for a minute at most; the code is -1 if it had to be killed.
func runSecond(t *testing.T, installed *harness.Installation) (code int, output string, took time.Duration) {
	t.Helper()
	cmd, err := installed.Command(t)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err = cmd.Wait()
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), time.Since(began)
}
