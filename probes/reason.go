package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"time"
)

// failed returns the result of a round of one exchange that err ended.
func failed(err error, timeout time.Duration) Result {
	return Result{Packets: 1, Sent: 1, Error: reason(err, timeout), Unable: isOurs(err)}
}

// reason says in a few words why a round failed: what a person would say, not
// the path that the error took.
func reason(err error, timeout time.Duration) string {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return lookupReason(e, timeout)
	}
	if isTimeout(err) {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate: " + e.Err.Error()
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func lookupReason(e *net.DNSError, timeout time.Duration) string {
	if e.IsTimeout {
		return fmt.Sprintf("cannot resolve %q: the name server gave no answer within %s", e.Name, timeout)
	}
	return fmt.Sprintf("cannot resolve %q: %s", e.Name, e.Err)
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// isOurs reports whether the failure is this machine's and says nothing about
// the target: no descriptors or ports left, or no such address family.
func isOurs(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
