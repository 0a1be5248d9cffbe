package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

// errNoRoom is in the error of what would need room on a full disk.
var errNoRoom = errors.New("the disk is full")

const (
	// maxStore is what the bus keeps at most if nobody says otherwise.
	maxStore = 2 << 30
	// spare is how much of the disk has to be free to publish. The server is not
	// asked to write when there is less: it would not answer, then or later.
	spare = 8 << 20
)

// room returns an error if the disk of the directory is full. A disk that
// doesn't tell has room.
func room(dir string) error {
	usage, err := disk.Usage(dir)
	if errors.Is(err, fs.ErrNotExist) {
		usage, err = disk.Usage(filepath.Dir(dir))
	}
	if err != nil || usage.Free >= spare {
		return nil //nolint:nilerr // no reason to stop
	}
	return unavailable(fmt.Sprintf("the event bus needs %d MiB of free disk space and has %d KiB", spare>>20, usage.Free>>10), errNoRoom)
}

// storeLimit returns how many bytes the bus may keep in the directory. It is a
// part of the real disk, whatever the configuration says: what is free and what
// the bus has already.
func storeLimit(cfg Config, dir string) int64 {
	want, share := cfg.MaxBytes, int64(2)
	if want == 0 {
		want, share = maxStore, 4
	}
	usage, err := disk.Usage(dir)
	if err != nil {
		return want
	}
	available := int64(usage.Free) + sizeOf(dir) //nolint:gosec // a disk has less than 2^63 bytes
	return max(min(want, available/share), minBytes)
}

// sizeOf returns the bytes in the files below the directory, as far as it can
// be read.
func sizeOf(dir string) int64 {
	var size int64
	_ = fs.WalkDir(os.DirFS(dir), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // the rest counts
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// prepareDir makes the directory and makes sure that it can be written, so that
// wrong permissions aren't taken for damage.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the bus's directory: %w", err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("write to the bus's directory: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// moveAside renames the directory and returns its new name.
func moveAside(dir string, now time.Time) (string, error) {
	to := dir + ".damaged-" + now.UTC().Format("20060102T150405.000Z")
	if err := os.Rename(dir, to); err != nil {
		return "", fmt.Errorf("move the damaged bus directory aside: %w", err)
	}
	return to, nil
}
