package promtsdb

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func newEngine(cfg QueryConfig, log *slog.Logger, p parser.Parser, turns slots) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:                   quiet(log),
		MaxSamples:               cfg.MaxSamples,
		Timeout:                  cfg.Timeout.Std(),
		LookbackDelta:            cfg.Lookback.Std(),
		ActiveQueryTracker:       turns,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   p,
	})
}

// slots limits how many queries run at once. Unlike the engine's own tracker it
// keeps no file, which a full disk could turn against the process.
type slots chan struct{}

var _ promql.QueryTracker = slots(nil)

// GetMaxConcurrent returns the number of slots.
func (s slots) GetMaxConcurrent() int { return cap(s) }

// Insert waits for a free slot.
func (s slots) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case s <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Delete frees a slot.
func (s slots) Delete(int) { <-s }

// Close does nothing.
func (slots) Close() error { return nil }
