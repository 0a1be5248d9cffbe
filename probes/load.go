package probes

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
)

const (
	targetsPage  = 1000
	loadRetryMin = time.Second
	loadRetryMax = 30 * time.Second
)

// reading is what came of reading the targets.
type reading struct {
	targets []barograph.Target
	err     error
}

// load sends the targets at the start and after each change, until ctx ends.
// While the database is away the schedule stays as it is.
func (s *Scheduler) load(ctx context.Context, loaded chan<- reading) {
	changed, stop := s.targets.Changes()
	defer stop()
	retry := loadRetryMin
	for {
		targets, err := s.readTargets(ctx)
		select {
		case loaded <- reading{targets, err}:
		case <-ctx.Done():
			return
		}
		if err == nil {
			retry = loadRetryMin
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return
			}
		}
		if retry == loadRetryMin && ctx.Err() == nil {
			s.deps.Log.ErrorContext(ctx, "cannot read the targets; probing goes on with those known", "error", err)
		}
		if !wait(ctx, retry, nil) {
			return
		}
		retry = min(2*retry, loadRetryMax)
	}
}

func (s *Scheduler) readTargets(ctx context.Context) ([]barograph.Target, error) {
	var all []barograph.Target
	page := barograph.Page{Limit: targetsPage}
	for {
		part, err := s.targets.Targets(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("read targets: %w", err)
		}
		all = append(all, part...)
		if len(part) < targetsPage {
			return all, nil
		}
		page.After = string(part[len(part)-1].ID)
	}
}

// wait returns after d or when early receives; false means that ctx ended.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-early:
	}
	return ctx.Err() == nil
}
