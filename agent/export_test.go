package agent

import (
	"context"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

// What the tests in agent_test look at from the inside.
var (
	ParseRetryAfter = parseRetryAfter
	StartDelay      = startDelay
	RealMounts      = realMounts
	RealInterface   = realInterface
	RunCommand      = runCommand
)

// Updates counts as the collector does, with a program that answers from a table.
func Updates(ctx context.Context, program string, answer func(args []string) (text string, status int)) (
	pending, security int, knowsSecurity bool, err error,
) {
	for _, m := range packageManagers() {
		if m.program != program {
			continue
		}
		u, err := m.count(ctx, func(_ context.Context, _ string, args ...string) (output, error) {
			text, status := answer(args)
			return output{text: text, stderr: "some trouble", status: status}, nil
		})
		return u.pending, u.security, u.knowsSecurity, err
	}
	panic("no package manager " + program)
}

// NoPackageManager is the collector on a host without any.
func NoPackageManager() Collector { return osUpdatesCollector{run: runProgram} }

// RunTask runs a check with a measurement of the test.
func RunTask(
	ctx context.Context, c wire.Check,
	measure func(context.Context) ([]Reading, error),
	store func([]Reading), report func(barograph.CheckState, string),
) {
	t := task{
		check: withDefaults(c), measure: measure,
		store:  func(_ wire.Check, r []Reading, _ time.Time) { store(r) },
		report: func(_ string, s barograph.CheckState, m string) { report(s, m) },
	}
	t.run(ctx)
}

// CPURatio and Traffic are what the collectors of rates find between two looks.
func CPURatio(busy, total, laterBusy, laterTotal float64) (float64, bool) {
	return busyRatio(cpuTimes{busy, total}, cpuTimes{laterBusy, laterTotal})
}

// Traffic returns the rates of an interface that counted from and to in d.
func Traffic(from, to [2]uint64, d time.Duration) []Reading {
	now := time.Now()
	return trafficReadings("eth0", traffic{now, from[0], from[1]}, traffic{now.Add(d), to[0], to[1]})
}

// DiskReadings returns what the disk collector makes of one file system.
func DiskReadings(m disk.PartitionStat, u *disk.UsageStat) []Reading { return diskReadings(m, u) }

// Backoffs returns the waits after each of the answers of a server.
func Backoffs(codes []int, retryAfter time.Duration) []time.Duration {
	var b backoff
	var all []time.Duration
	for _, code := range codes {
		all = append(all, b.after(&statusError{code: code, retryAfter: retryAfter}))
	}
	return all
}
