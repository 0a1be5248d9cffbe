package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/barograph/barograph/internal/wire"
)

// savedConfig is the last good list of checks, with its tag.
type savedConfig struct {
	ETag   string      `json:"etag"`
	Config wire.Config `json:"config"`
}

// stateFile keeps the last good list of checks, so that an agent measures from
// its start even while the server is away.
type stateFile string

// load returns what was saved; false if nothing was.
func (f stateFile) load() (savedConfig, bool, error) {
	data, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return savedConfig{}, false, nil
	}
	if err != nil {
		return savedConfig{}, false, fmt.Errorf("read saved checks: %w", err)
	}
	var c savedConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return savedConfig{}, false, fmt.Errorf("read saved checks from %s: %w", f, err)
	}
	return c, true, nil
}

// save replaces what was saved, or leaves it as it was.
func (f stateFile) save(c savedConfig) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode checks: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(string(f)), "checks-*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("save checks: %w", err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), string(f))
	}
	if err != nil {
		return fmt.Errorf("save checks: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
