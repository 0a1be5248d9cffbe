package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockDir makes this process the only user of dir until the returned file is
// unlocked, at the latest until the process's end.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the directory is the operator's choice
	if err != nil {
		return nil, fmt.Errorf("open spool lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		owner := readOwner(f)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s%s; stop that one, or give this one a directory of its own", ErrInUse, dir, owner)
		}
		return nil, fmt.Errorf("lock spool directory %s: %w", dir, err)
	}
	// The number is for the message only: the lock works without it.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	return f, nil
}

// unlock lets another process in at once. Closing alone would leave the lock
// to a child that is just being started and still shares the file.
func unlock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return errors.Join(err, f.Close())
}

func readOwner(f *os.File) string {
	b, _ := io.ReadAll(io.LimitReader(f, 20))
	if pid := strings.TrimSpace(string(b)); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
