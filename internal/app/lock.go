package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/barograph/barograph"
)

const lockFile = "server.lock"

// lockDir makes this server the only one on a data directory until unlock is
// called, at the latest until the process ends. An error of KindConflict means
// that there is another.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in our own data directory
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		owner := lockOwner(f)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, barograph.Errorf(barograph.KindConflict,
				"data directory %s is in use by another server%s: stop that one, or give this one a directory of its own by --data", dir, owner)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	// The number is for the message only: the lock works without it.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	return func() error {
		// Closing alone would leave the lock to a child that is just being started.
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
		return errors.Join(err, f.Close())
	}, nil
}

func lockOwner(f *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(f, 20))
	if pid := strings.TrimSpace(string(text)); pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
