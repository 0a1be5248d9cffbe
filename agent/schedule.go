package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/wire"
)

const refusal = "the agent on this host was started without --allow-commands"

// schedule runs the checks that the server last asked for. Its methods are
// called by one goroutine.
type schedule struct {
	log           *slog.Logger
	allowCommands bool
	statuses      *statusBook
	store         func(check wire.Check, readings []Reading, at time.Time)

	running map[string]*runningTask
}

type runningTask struct {
	check wire.Check
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// apply starts what is new, stops what is gone, and starts anew what changed.
// What stayed the same goes on undisturbed.
func (s *schedule) apply(ctx context.Context, checks []wire.Check) {
	wanted := map[string]wire.Check{}
	for _, c := range checks {
		if _, twice := wanted[c.Name]; twice {
			s.log.WarnContext(ctx, "check comes twice; the first one counts", "check", c.Name)
			continue
		}
		wanted[c.Name] = withDefaults(c)
	}
	var stopped []*runningTask
	for name, t := range s.running {
		c, still := wanted[name]
		if still && reflect.DeepEqual(c, t.check) {
			delete(wanted, name)
			continue
		}
		t.stop()
		stopped = append(stopped, t)
		delete(s.running, name)
	}
	for _, t := range stopped {
		t.done.Wait()
		if _, again := wanted[t.check.Name]; !again {
			s.statuses.forget(t.check.Name)
		}
	}
	for name, c := range wanted {
		s.running[name] = s.start(ctx, c)
	}
}

// start runs a check until it is stopped. One that may not or can't run is only
// reported.
func (s *schedule) start(ctx context.Context, c wire.Check) *runningTask {
	ctx, cancel := context.WithCancel(ctx)
	r := &runningTask{check: c, stop: cancel}
	measure, state, err := s.measurement(ctx, c)
	if err != nil {
		s.statuses.set(c.Name, state, err.Error())
		return r
	}
	t := &task{check: c, measure: measure, store: s.store, report: s.statuses.set}
	r.done.Go(func() { t.run(ctx) })
	return r
}

// measurement returns what makes a check's readings, or why there is nothing.
// A check with a collector never runs its command: that is for hosts without
// this agent.
func (s *schedule) measurement(ctx context.Context, c wire.Check) (
	func(context.Context) ([]Reading, error), barograph.CheckState, error,
) {
	switch {
	case !barograph.ValidName(c.Name):
		return nil, barograph.CheckFailed, fmt.Errorf("its name is not %s", barograph.MetricNameRule)
	case c.Collector != "":
		collector := newCollector(c.Collector)
		if collector == nil {
			return nil, barograph.CheckFailed,
				fmt.Errorf("this agent does not know the collector %q; a newer one may", clip(string(c.Collector)))
		}
		if rates(c.Collector) {
			_, _ = collector.Collect(ctx) // the first look; an error comes again
		}
		return collector.Collect, "", nil
	case c.Command == "":
		return nil, barograph.CheckFailed, errors.New("it has neither a collector nor a command")
	case !s.allowCommands:
		return nil, barograph.CheckRefused, errors.New(refusal)
	}
	return func(ctx context.Context) ([]Reading, error) {
		v, err := runCommand(ctx, c.Command)
		if err != nil {
			return nil, err
		}
		return []Reading{{Metric: c.Name, Value: v}}, nil
	}, "", nil
}

// stop ends all checks and waits for them.
func (s *schedule) stop() {
	for _, t := range s.running {
		t.stop()
	}
	for _, t := range s.running {
		t.done.Wait()
	}
	clear(s.running)
}
