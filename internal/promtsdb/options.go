package promtsdb

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/barograph/barograph"
)

// The longest block, as Prometheus itself chooses it: retention deletes whole
// blocks, so one is at most a tenth of it.
const maxBlock = 31 * barograph.Day

// options tunes the TSDB for a server that shares a small machine: less memory
// at rest than Prometheus wants for millions of series.
func options(cfg Config, callback tsdb.SeriesLifecycleCallback) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = cfg.RetentionTime.Std().Milliseconds()
	o.MaxBytes = int64(cfg.RetentionSize)
	o.MaxBlockDuration = max(o.MinBlockDuration, min(maxBlock, cfg.RetentionTime.Std()/10).Milliseconds())
	o.OutOfOrderTimeWindow = cfg.OutOfOrderWindow.Std().Milliseconds()
	o.WALCompression = compression.Snappy
	o.StripeSize = 1 << 11                                      // of 1<<14: enough locks for one writer
	o.HeadChunksWriteBufferSize = 4 * chunks.MinWriteBufferSize // of 4 MiB
	o.IsolationDisabled = true                                  // readers may see half a batch; saves memory with each series
	o.SeriesLifecycleCallback = callback
	return o
}

func storageRef(ref chunks.HeadSeriesRef) storage.SeriesRef { return storage.SeriesRef(ref) }

// quiet returns a logger for the TSDB, which has much to say at level info.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.With("component", "tsdb").Handler()})
}

// warnings drops records below level warn, and those that ask nobody to act:
// that the last process was killed, and that stopping broke off a compaction,
// which starts anew at the next start.
type warnings struct{ handler slog.Handler }

var _ slog.Handler = warnings{}

// Enabled reports whether records of the level are written.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.handler.Enabled(ctx, level)
}

// Handle writes a record.
func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	routine := strings.HasPrefix(r.Message, "A lockfile from a previous execution")
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		routine = routine || ok && errors.Is(err, context.Canceled)
		return !routine
	})
	if routine {
		return nil
	}
	return w.handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds the attributes.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that nests what follows.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.handler.WithGroup(name)} }

// maxAhead is how far in the future a sample may lie. The TSDB refuses all that
// is much older than its newest sample: one wrong clock would stop everybody.
const maxAhead = 10 * time.Minute
