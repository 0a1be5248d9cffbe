package agent

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

// Defaults for checks whose interval or timeout the server left out.
const (
	defaultInterval = time.Minute
	defaultTimeout  = 30 * time.Second
	maxStartDelay   = 5 * time.Second
)

// task runs one check at its interval. It never runs it twice at once: a run
// that doesn't end in time is cut off, and as long as the kernel keeps it from
// ending, no other starts.
type task struct {
	check   wire.Check
	measure func(ctx context.Context) ([]Reading, error)
	store   func(check wire.Check, readings []Reading, at time.Time)
	report  func(check string, state barograph.CheckState, message string)
}

type finding struct {
	readings []Reading
	err      error
	at       time.Time
}

// run returns when the context ends.
func (t *task) run(ctx context.Context) {
	if wait(ctx, startDelay(t.check)) != nil {
		return
	}
	ticker := time.NewTicker(t.check.Interval.Std())
	defer ticker.Stop()
	for ctx.Err() == nil { // a tick and the end may come at once
		t.once(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// once makes one measurement and deals with what came of it.
func (t *task) once(ctx context.Context) {
	timeout := t.check.Timeout.Std()
	late := fmt.Errorf("it did not end within its timeout of %s and was stopped", t.check.Timeout)
	run, cancel := context.WithTimeoutCause(ctx, timeout, late)
	defer cancel()
	done := make(chan finding, 1)
	go func() {
		readings, err := t.measure(run)
		done <- finding{readings, err, time.Now()}
	}()
	select {
	case f := <-done:
		t.finish(ctx, run, f)
		return
	case <-run.Done():
	}
	// A measurement is given a moment to notice. One that hangs in the kernel,
	// as on a file system that went away, is waited for, but not at shutdown.
	grace := time.NewTimer(2 * killDelay)
	defer grace.Stop()
	select {
	case f := <-done:
		t.finish(ctx, run, f)
		return
	case <-grace.C:
	}
	if ctx.Err() == nil {
		t.report(t.check.Name, barograph.CheckFailed, late.Error())
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (t *task) finish(ctx, run context.Context, f finding) {
	if ctx.Err() != nil {
		return // cut off because the agent or the check ends: it says nothing
	}
	if f.err != nil && run.Err() != nil {
		f.err = context.Cause(run)
	}
	good, err := sound(f.readings)
	if len(good) > 0 {
		t.store(t.check, good, f.at)
	}
	if err = errors.Join(f.err, err); err != nil {
		t.report(t.check.Name, barograph.CheckFailed, clip(err.Error()))
		return
	}
	t.report(t.check.Name, barograph.CheckOK, "")
}

// sound leaves out what no server would take.
func sound(readings []Reading) ([]Reading, error) {
	var err error
	good := slices.DeleteFunc(readings, func(r Reading) bool {
		bad := math.IsNaN(r.Value) || math.IsInf(r.Value, 0)
		if bad {
			err = fmt.Errorf("%s is %v, which is no number", r.Metric, r.Value)
		}
		return bad
	})
	return good, err
}

// startDelay spreads the first runs of checks, the same way at every start: a
// tenth of the interval, at most five seconds.
func startDelay(c wire.Check) time.Duration {
	window := min(c.Interval.Std()/10, maxStartDelay)
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Name))
	return time.Duration(float64(window) * float64(h.Sum32()) / (1 << 32))
}

// withDefaults returns the check with an interval and a timeout that can be
// kept, whatever the server sent.
func withDefaults(c wire.Check) wire.Check {
	if c.Interval <= 0 {
		c.Interval = barograph.Duration(defaultInterval)
	}
	c.Interval = min(max(c.Interval, barograph.Duration(barograph.MinCheckInterval)), barograph.Duration(barograph.MaxCheckInterval))
	if c.Timeout <= 0 {
		c.Timeout = barograph.Duration(defaultTimeout)
	}
	c.Timeout = min(c.Timeout, c.Interval)
	return c
}
