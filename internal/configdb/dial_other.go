//go:build !linux

package configdb

import "syscall"

// expectAnswers leaves it to the system when a connection breaks on which nothing
// is acknowledged: whatever is asked has an end all the same.
func expectAnswers(string, string, syscall.RawConn) error { return nil }
