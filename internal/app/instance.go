package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const instanceFile = "instance"

// instanceID returns the name by which this server knows its own claims on
// deliveries after a restart. It lies in the data directory, which one server at
// a time works on, and is made if it is missing.
func instanceID(dir string, now time.Time) (string, error) {
	path := filepath.Join(dir, instanceFile)
	text, err := os.ReadFile(path) //nolint:gosec // in our own data directory
	if id := strings.TrimSpace(string(text)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the server's own ID: %w", err)
	}
	id := barograph.NewID("srv", now)
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the server's own ID: %w", err)
	}
	return id, nil
}
