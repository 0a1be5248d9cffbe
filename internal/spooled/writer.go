// Package spooled keeps samples on disk while the store that they are meant for
// is away, and hands them on when it is back.
//
//	w, err := spooled.New(cfg, spooled.Deps{Dir: dir, Store: store, Log: log, Metrics: set})
//	go w.Run(ctx)
//	err = w.Write(ctx, samples)
//	…
//	err = w.Close()
//
// While the store is well and nothing waits, a write goes straight to it, and
// its answer is the answer. Else the samples are appended to the spool, and nil
// means that they are on this machine's disk: neither kill -9 nor a loss of
// power loses them. What the store refuses later, nobody is told but the log and
// the metrics. A batch that the store fails on, while it is well but for that, is
// set aside in a file of the directory "aside", so that the others go on.
//
// Order: what comes while anything waits is put behind it, so that no series
// gets its samples in another order than they came in.
//
// At least once: after a crash the store may get again what it has, which
// changes nothing, as barograph.SampleWriter has it.
//
// Bounds: when the spool is full, a write fails as KindUnavailable with a
// RetryAfter. What waits isn't dropped for it, however old it gets.
//
// Reading isn't its business: a reader of the store doesn't see what waits.
package spooled

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/spool"
)

// Store is a store that may be away.
type Store interface {
	barograph.SampleWriter
	Healthy(ctx context.Context) error
}

// Deps are what a Writer works with.
type Deps struct {
	Dir     string // of the spool, which is this writer's alone
	Store   Store
	Log     *slog.Logger
	Metrics *metrics.Set // nil: no metrics
}

// Writer writes to a store, or to the spool while the store is away. It may be
// used concurrently.
type Writer struct {
	cfg     Config
	store   Store
	log     *slog.Logger
	queue   *spool.Queue
	commits *commits
	metrics counters

	appending sync.Mutex // from the look for room to the use of it

	wake   chan struct{}             // something was put behind what waits
	away   atomic.Pointer[error]     // why the store doesn't take what waits; nil: it does
	silent atomic.Pointer[time.Time] // since when direct writes get no answer; nil: they do

	aside   string  // directory of what the store fails on
	trouble trouble // Run's alone
}

var _ barograph.SampleWriter = (*Writer)(nil)

const (
	// patience is how long the store may take for a direct write before the
	// samples are spooled instead. Should it take them after all, it gets them
	// twice.
	patience = 3 * time.Second
	// retryFull is when to try again while the spool is full.
	retryFull = 30 * time.Second
	// forever is longer than any sample waits.
	forever = 100 * 365 * barograph.Day
)

// New opens the spool and finds what waits there. It doesn't ask the store.
func New(cfg Config, deps Deps) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	queue, err := spool.Open(deps.Dir, spool.Options{
		MaxBytes: 2 * cfg.MaxBytes, MaxAge: forever, // we refuse before it drops
	})
	if err != nil {
		return nil, fmt.Errorf("open the spool of samples: %w", err)
	}
	w := &Writer{
		cfg: cfg, store: deps.Store, log: deps.Log, queue: queue,
		commits: &commits{flush: queue.Sync}, wake: make(chan struct{}, 1), aside: filepath.Join(deps.Dir, "aside"),
	}
	w.metrics = newCounters(deps.Metrics, queue)
	if n := queue.Stats().Records; n > 0 {
		w.log.Info("samples wait for the series store", "batches", n, "bytes", queue.Stats().Bytes)
	}
	return w, nil
}

// Close closes the spool. What waits stays there.
func (w *Writer) Close() error { return w.queue.Close() }

// Write stores the samples, or spools them.
func (w *Writer) Write(ctx context.Context, samples []barograph.Sample) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.Waiting() > 0 || len(samples) > 0 && w.isSilent() {
		return w.spool(samples)
	}
	err := w.direct(ctx, samples)
	switch {
	case ctx.Err() != nil:
		return err // who has gone doesn't rely on them
	case isAway(err):
		w.noteAway(err)
		return w.spool(samples)
	}
	w.noteBack()
	return err
}

// isSilent reports whether the store has left direct writes without an answer for
// longer than anybody should wait to find that out. It may be that each of those
// who asked waited for less.
func (w *Writer) isSilent() bool {
	since := w.silent.Load()
	if since == nil || time.Since(*since) < patience {
		return false
	}
	w.noteAway(errPatience)
	return true
}

// Waiting returns how many batches of samples wait for the store. New ones are
// put behind them.
func (w *Writer) Waiting() uint64 { return w.queue.Stats().Records }

var errPatience = &barograph.Error{
	Kind: barograph.KindUnavailable, Message: "the series store did not take the samples within " + barograph.Duration(patience).String(),
}

func (w *Writer) direct(ctx context.Context, samples []barograph.Sample) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	start := time.Now()
	w.silent.CompareAndSwap(nil, &start)
	err := w.store.Write(ctx, samples)
	if ctx.Err() == nil {
		w.silent.Store(nil)
	}
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}

func isAway(err error) bool { return barograph.KindOf(err) == barograph.KindUnavailable }

// spool makes the samples durable behind all that waits.
func (w *Writer) spool(samples []barograph.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	records := records(samples)
	if err := w.append(records); err != nil {
		return err
	}
	w.nudge()
	if err := w.commits.wait(); err != nil {
		return w.broken(err)
	}
	w.metrics.spooled.Add(len(samples))
	return nil
}

func (w *Writer) append(records [][]byte) error {
	w.appending.Lock()
	defer w.appending.Unlock()
	if err := w.room(records); err != nil {
		return err
	}
	if err := w.queue.Append(records...); err != nil {
		return w.broken(err)
	}
	return nil
}

// mostRecord is the most bytes of a record: a quarter of a segment's, so that
// little of one is left empty.
const mostRecord = 1 << 20

// records encodes samples, in several records if they are too many for one.
func records(samples []barograph.Sample) [][]byte {
	record := encode(samples)
	if len(record) <= mostRecord || len(samples) == 1 {
		return [][]byte{record}
	}
	middle := len(samples) / 2
	return append(records(samples[:middle]), records(samples[middle:])...)
}

// room refuses records that there is no room for.
func (w *Writer) room(records [][]byte) error {
	const header = 64 // more than the queue adds to a record
	size := w.queue.Stats().Bytes
	for _, r := range records {
		size += int64(len(r)) + header
	}
	if size <= w.cfg.MaxBytes {
		return nil
	}
	w.metrics.full.Inc()
	return &barograph.Error{
		Kind: barograph.KindUnavailable, RetryAfter: retryFull, Err: w.awayBecause(),
		Message: fmt.Sprintf("the series store is away and the spool is full (%d bytes): bring the store back, or raise store.spool.max_bytes", w.cfg.MaxBytes),
	}
}

// broken is for faults of the disk, or of nothing but our stopping.
func (w *Writer) broken(err error) error {
	w.metrics.broken.Inc()
	return &barograph.Error{
		Kind: barograph.KindUnavailable, RetryAfter: retryFull, Err: err,
		Message: "the series store is away and the spool can't be written",
	}
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Writer) noteAway(err error) {
	if w.away.Swap(&err) == nil {
		w.log.Warn("series store is away, samples are spooled", "error", err)
	}
}

func (w *Writer) noteBack() {
	w.silent.Store(nil)
	if w.away.Swap(nil) != nil {
		w.log.Info("series store is back", "batches_waiting", w.queue.Stats().Records)
	}
}

func (w *Writer) awayBecause() error {
	if why := w.away.Load(); why != nil {
		return *why
	}
	return nil
}

// Healthy says what is wrong with the store and how much waits for it. While
// the store is well and takes what waits, all is well.
func (w *Writer) Healthy(ctx context.Context) error {
	err := w.store.Healthy(ctx)
	if err == nil {
		err = w.awayBecause()
	}
	if err == nil {
		return nil
	}
	if s := w.queue.Stats(); s.Records > 0 {
		return fmt.Errorf("series store away, %d batches of samples spooled (%d of %d bytes): %w", s.Records, s.Bytes, w.cfg.MaxBytes, err)
	}
	return err
}
