package harness

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process took of the machine.
type Usage struct {
	RSS, PeakRSS int64 // bytes
	FileRSS      int64 // of RSS, pages of mapped files, which the kernel may drop
	CPU          time.Duration
}

// ticksPerSecond is the unit of times in /proc, the same on all architectures.
const ticksPerSecond = 100

// ReadUsage reads the usage of a process, which takes /proc as Linux has it.
// Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func ReadUsage(pid int) (Usage, error) {
	var u Usage
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		switch {
		case name == "VmRSS" && err == nil:
			u.RSS = kilobytes << 10
		case name == "RssFile" && err == nil:
			u.FileRSS = kilobytes << 10
		case name == "VmHWM" && err == nil:
			u.PeakRSS = kilobytes << 10
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The program's name, in parentheses, may hold anything; after it come the
	// state and then fields 4 and up, of which 14 and 15 are wanted.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		u.CPU += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	return u, nil
}
