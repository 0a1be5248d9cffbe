//go:build unix

package harness

import (
	"errors"
	"syscall"
	"testing"
)

// Suspend stops the process where it stands, as SIGSTOP does, and returns when it
// has stopped: on a busy machine it may run on for a while after the signal.
func (p *Process) Suspend(tb testing.TB) {
	tb.Helper()
	p.signal(tb, syscall.SIGSTOP)
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || !status.Stopped() {
			tb.Fatalf("the server ended instead of being suspended: %v, status %d", err, status)
		}
		return
	}
}

// Resume lets a suspended process go on.
func (p *Process) Resume(tb testing.TB) {
	tb.Helper()
	p.signal(tb, syscall.SIGCONT)
}

func (p *Process) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		tb.Fatal(err)
	}
}
