package probes_test

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/probes"
)

// TestICMPWithoutCapabilities takes root's rights from one thread and pings
// from it: the thread ends with its goroutine.
func TestICMPWithoutCapabilities(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else; see TestICMPWithoutPermission")
	}
	allowed, err := os.ReadFile("/proc/sys/net/ipv4/ping_group_range")
	if err != nil || strings.Join(strings.Fields(string(allowed)), " ") != "1 0" {
		t.Skipf("this machine lets groups %q ping", allowed)
	}
	var result probes.Result
	var checked error
	var denied syscall.Errno
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		const nobody = 65534
		if _, _, denied = syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); denied != 0 {
			return
		}
		icmp := quickICMP(probes.Env{})
		target := newTarget(barograph.ProbeICMP, "127.0.0.1")
		target.Count = 4
		result = icmp.Probe(t.Context(), target)
		checked = icmp.Check(t.Context())
	}()
	<-done
	if denied != 0 {
		t.Skipf("this machine does not let root become somebody else: %s", denied)
	}
	if !result.Unable || result.Success || result.Samples(newTarget(barograph.ProbeICMP, "127.0.0.1"), barograph.WallClock{}.Now()) != nil {
		t.Errorf("result %+v, want one that says nothing about the target", result)
	}
	checkAdvice(t, result.Error)
	if barograph.KindOf(checked) != barograph.KindForbidden {
		t.Errorf("Check = %v, want an error of kind forbidden", checked)
	}
}
