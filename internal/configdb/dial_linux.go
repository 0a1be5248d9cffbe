package configdb

import (
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall has no name for.
const tcpUserTimeout = 18

// expectAnswers has a connection break on which what was sent is not acknowledged
// in time. Without it that takes a quarter of an hour.
func expectAnswers(network, _ string, conn syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return conn.Control(func(fd uintptr) {
		// Where it can't be set, whatever is asked has an end all the same.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	})
}
