package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// updates are what a package manager knows to be newer than what is installed.
type updates struct {
	pending       int
	security      int
	knowsSecurity bool // false: the manager can't tell
}

// packageManager counts updates with one program, from the index that the
// machine has, which it never refreshes.
type packageManager struct {
	program  string   // looked for in PATH
	database []string // patterns of files of which one is there where the program is in charge
	index    []string // patterns of files and folders that a refresh of the index touches
	count    func(ctx context.Context, run runner) (updates, error)
}

// runner runs a program with an environment of its own and returns what it
// printed and its exit status. The error is for what gave no status.
type runner func(ctx context.Context, program string, args ...string) (output, error)

type output struct {
	text   string
	stderr string
	status int
}

// packageManagers is the list of those that are supported, the more special first.
func packageManagers() []packageManager {
	return []packageManager{
		aptManager(), dnfManager(), yumManager(), zypperManager(), pacmanManager(), apkManager(), pkgManager(),
	}
}

var errNoPackageManager = errors.New(
	"no supported package manager found: looked for apt, dnf, yum, zypper, pacman, apk and FreeBSD pkg",
)

// osUpdatesCollector counts pending updates of the operating system.
type osUpdatesCollector struct {
	managers []packageManager
	run      runner
}

var _ Collector = osUpdatesCollector{}

// Collect returns os_updates; os_updates_security where the package manager
// tells; os_updates_index_age_seconds, the time since the manager last asked
// what is new, where its files tell.
func (c osUpdatesCollector) Collect(ctx context.Context) ([]Reading, error) {
	for _, m := range c.managers {
		if !m.inCharge() {
			continue
		}
		u, err := m.count(ctx, c.run)
		if err != nil {
			return nil, fmt.Errorf("count updates with %s: %w", m.program, err)
		}
		readings := []Reading{{Metric: "os_updates", Value: float64(u.pending)}}
		if u.knowsSecurity {
			readings = append(readings, Reading{Metric: "os_updates_security", Value: float64(u.security)})
		}
		if newest := newestFile(m.index); !newest.IsZero() {
			age := max(time.Since(newest), 0).Seconds()
			readings = append(readings, Reading{Metric: "os_updates_index_age_seconds", Value: age})
		}
		return readings, nil
	}
	return nil, errNoPackageManager
}

// inCharge reports whether the program is there and its database, too: many
// systems carry the tools of another.
func (m packageManager) inCharge() bool {
	if _, err := exec.LookPath(m.program); err != nil {
		return false
	}
	return !newestFile(m.database).IsZero()
}

// newestFile returns when the newest file of the patterns changed; zero if
// there is none.
func newestFile(patterns []string) time.Time {
	var newest time.Time
	for _, p := range patterns {
		files, _ := filepath.Glob(p)
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
	}
	return newest
}

// runProgram is the runner that runs programs.
func runProgram(ctx context.Context, program string, args ...string) (output, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return output{}, err
	}
	return execute(ctx, maxProgramOutput, path, args...)
}

// maxProgramOutput bounds what a package manager may print: some 50,000 packages.
const maxProgramOutput = 8 << 20

// unexpected returns an error that says what a program did instead.
func unexpected(o output) error {
	if text := lastLine(o.stderr); text != "" {
		return fmt.Errorf("exit status %d: %s", o.status, clip(text))
	}
	return fmt.Errorf("exit status %d: %s", o.status, clip(lastLine(o.text)))
}
