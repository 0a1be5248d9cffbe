package promtsdb

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/barograph/barograph"
)

// How long the free space once read is believed, and when a refused sender
// should come back.
const (
	spaceAge   = time.Second
	spaceRetry = 30 * time.Second
)

// spaceGuard refuses writes while the disk is nearly full.
type spaceGuard struct {
	dir  string
	min  Size
	mu   sync.Mutex
	read time.Time // on the machine's clock: the age of a fact about the machine
	free Size
	low  bool // as it was last logged
	log  *slog.Logger
}

// check returns an *Error of KindUnavailable if there is too little space.
func (g *spaceGuard) check(ctx context.Context) error {
	if g.min == 0 {
		return nil
	}
	free, err := g.current(ctx)
	if err != nil {
		return fmt.Errorf("read free space of %s: %w", g.dir, err)
	}
	if free >= g.min {
		return nil
	}
	e := barograph.Errorf(barograph.KindUnavailable,
		"the disk of the series store has %d MB free, less than min_free_space (%s): samples are refused until there is more", free/Megabyte, g.min)
	e.RetryAfter = spaceRetry
	return e
}

// report logs when the space gets low and when it is enough again. The caller
// holds mu.
func (g *spaceGuard) report(ctx context.Context) {
	if low := g.free < g.min; low != g.low {
		g.low = low
		if low {
			g.log.ErrorContext(ctx, "disk nearly full: samples are refused until there is more space", "dir", g.dir, "free", g.free, "min_free_space", g.min)
		} else {
			g.log.InfoContext(ctx, "disk has space again: samples are accepted", "dir", g.dir, "free", g.free)
		}
	}
}

// current returns the free bytes, read at most spaceAge ago.
func (g *spaceGuard) current(ctx context.Context) (Size, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.read.IsZero() && time.Since(g.read) < spaceAge {
		return g.free, nil
	}
	usage, err := disk.UsageWithContext(ctx, g.dir)
	if err != nil {
		return 0, err
	}
	g.free, g.read = Size(min(usage.Free, 1<<62)), time.Now()
	g.report(ctx)
	return g.free, nil
}
