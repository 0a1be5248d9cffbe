package promtsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/barograph/barograph"
)

// Deps are what a store needs from the outside.
type Deps struct {
	Dir     string // made if it does not exist; no other process may use it
	Logger  *slog.Logger
	Metrics *metrics.Set
	Clock   barograph.Clock
}

// Store is a series store on a directory of its own.
type Store struct {
	cfg    Config
	dir    string
	log    *slog.Logger
	clock  barograph.Clock
	meters *meters
	db     *tsdb.DB
	cache  *cache
	space  *spaceGuard
	wbl    *wblWatch
	tails  []*logTail
	syncer syncer
	engine *promql.Engine
	turns  slots // of queries
	lists  slots // of lists of series, for which a query may ask
	parser parser.Parser
	roller *roller

	appending sync.Mutex            // one writer appends at a time; see Write
	builder   labels.ScratchBuilder // guarded by appending
	failure   atomic.Pointer[failure]

	life   sync.RWMutex // held for reading while the TSDB is in use
	closed bool
}

var (
	_ barograph.SampleWriter = (*Store)(nil)
	_ barograph.SampleReader = (*Store)(nil)
)

// failure is why the store accepts no more writes.
type failure struct {
	err      error
	panicked bool // the TSDB may have kept locks: nothing may touch it any more
}

// Open opens the store of a directory and repairs what a crash left behind.
func Open(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, dir: deps.Dir, log: deps.Logger, clock: deps.Clock,
		meters: newMeters(deps.Metrics),
		cache:  newCache(),
		space:  &spaceGuard{dir: deps.Dir, min: cfg.MinFreeSpace, log: deps.Logger},
		wbl:    &wblWatch{},
	}
	if err := makeDir(deps.Dir); err != nil {
		return nil, fmt.Errorf("make series store %s: %w", deps.Dir, err)
	}
	if err := removeSnapshot(filepath.Join(deps.Dir, snapshotDir)); err != nil {
		return nil, err
	}
	lifecycle := &lifecycle{cache: s.cache, limit: uint64(max(cfg.MaxSeries, 0))}
	db, err := tsdb.Open(deps.Dir, quiet(deps.Logger), s.wbl, options(cfg, lifecycle), nil)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, barograph.Errorf(barograph.KindConflict,
			"series store %s is in use by another process: stop that one or choose another data directory", deps.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open series store %s: %w", deps.Dir, err)
	}
	s.db = db
	lifecycle.head.Store(db.Head())
	if err := errors.Join(s.openLogs(), s.warm(context.Background())); err != nil {
		return nil, errors.Join(fmt.Errorf("open series store %s: %w", deps.Dir, err), db.Close())
	}
	s.syncer.flush = s.flush
	s.parser = boundedParser{parser.NewParser(parser.Options{})}
	s.turns, s.lists = make(slots, cfg.Query.Concurrency), make(slots, cfg.Query.Concurrency)
	s.engine = newEngine(cfg.Query, deps.Logger, s.parser, s.turns)
	deps.Metrics.GetOrCreateGauge("barograph_store_head_series", func() float64 { return float64(db.Head().NumSeries()) })
	s.roller = startRoller(s)
	return s, nil
}

// openLogs syncs what the logs hold: a process that was killed may have written
// more than it synced, and that is about to be taken for stored.
func (s *Store) openLogs() error {
	for _, name := range []string{"wal", "wbl"} {
		tail, err := openTail(filepath.Join(s.dir, name))
		if err != nil {
			return fmt.Errorf("sync log %s: %w", name, err)
		}
		if tail != nil {
			s.tails = append(s.tails, tail)
		}
	}
	if s.cfg.OutOfOrderWindow > 0 {
		if _, err := s.wbl.failed(); err != nil {
			return err
		}
	}
	return syncDir(s.dir)
}

// flush makes durable all that was committed before the call.
func (s *Store) flush() error {
	return s.meters.observeSync(func() error {
		for _, t := range s.tails {
			if err := t.sync(); err != nil {
				return fmt.Errorf("sync log of series store: %w", err)
			}
		}
		return nil
	})
}

// Close waits for running reads and writes and closes the store.
func (s *Store) Close() error {
	s.roller.close()
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, t := range s.tails {
		t.close()
	}
	if f := s.failure.Load(); f != nil && f.panicked {
		return fmt.Errorf("series store %s left open after a panic: %w", s.dir, f.err)
	}
	return s.closeDB()
}

// closeDB closes the TSDB, which panics if it finds the disk full meanwhile.
// Nothing acknowledged is lost by that: it is in the log.
func (s *Store) closeDB() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("close series store %s: panic: %v", s.dir, r)
		}
	}()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close series store %s: %w", s.dir, err)
	}
	return nil
}

// Healthy returns nil if the store accepts writes, else why it does not.
func (s *Store) Healthy(ctx context.Context) error {
	done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	if f := s.failure.Load(); f != nil {
		return f.asError()
	}
	return s.space.check(ctx)
}

// use keeps the TSDB open until done is called.
func (s *Store) use() (done func(), err error) {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return nil, barograph.Errorf(barograph.KindUnavailable, "the series store is closed")
	}
	if f := s.failure.Load(); f != nil && f.panicked {
		s.life.RUnlock()
		return nil, f.asError()
	}
	return s.life.RUnlock, nil
}

// fail stops all further writes. Only the first failure counts.
func (s *Store) fail(f *failure) error {
	if s.failure.CompareAndSwap(nil, f) {
		s.log.Error("series store failed: no samples are accepted until restart", "dir", s.dir, "error", f.err)
	}
	return f.asError()
}

func (f *failure) asError() error {
	return &barograph.Error{
		Kind:    barograph.KindUnavailable,
		Message: "the series store has failed and accepts no samples until the server is restarted; its log says why",
		// Whoever restarts it needs about this long; senders keep their samples.
		RetryAfter: time.Minute,
		Err:        f.err,
	}
}

// makeDir makes a directory that survives a power loss.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

// lifecycle is told by the TSDB which series come and go in its head.
type lifecycle struct {
	cache *cache
	limit uint64
	head  atomic.Pointer[tsdb.Head] // nil while the log is replayed
}

var _ tsdb.SeriesLifecycleCallback = (*lifecycle)(nil)

// errSeriesLimit never reaches a user.
var errSeriesLimit = errors.New("series limit reached")

// PreCreation refuses series beyond the limit, but none that is on disk.
func (l *lifecycle) PreCreation(labels.Labels) error {
	if h := l.head.Load(); h != nil && h.NumSeries() >= l.limit {
		return errSeriesLimit
	}
	return nil
}

// PostCreation does nothing.
func (*lifecycle) PostCreation(labels.Labels) {}

// PostDeletion forgets series that have no more samples in the head.
func (l *lifecycle) PostDeletion(gone map[chunks.HeadSeriesRef]labels.Labels) {
	for ref, lset := range gone {
		l.cache.drop(lset, storageRef(ref))
	}
}
