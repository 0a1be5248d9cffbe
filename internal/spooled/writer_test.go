package spooled_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/spooled"
)

var errAway = barograph.Errorf(barograph.KindUnavailable, "the store is away")

// shelf is a store in memory that fails as it is told.
type shelf struct {
	mu     sync.Mutex
	fault  func([]barograph.Sample) error // nil: none
	values []float64
	writes int
}

func (s *shelf) Write(ctx context.Context, samples []barograph.Sample) error {
	s.mu.Lock()
	fault := s.fault
	s.writes++
	s.mu.Unlock()
	var err error
	if fault != nil {
		err = fault(samples)
	}
	if hang, ok := errors.AsType[hanging](err); ok {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", hang, ctx.Err())
	}
	var partial *barograph.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range samples {
		s.values = append(s.values, x.Value)
	}
	return err
}

// hanging is a store that answers nobody.
type hanging struct{}

func (hanging) Error() string { return "no answer" }

func (s *shelf) Healthy(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		return nil
	}
	return s.fault(nil)
}

func (s *shelf) fail(err error) {
	s.failOn(func([]barograph.Sample) error { return err })
}

func (s *shelf) failOn(fault func([]barograph.Sample) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *shelf) got() []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]float64(nil), s.values...)
}

type bench struct {
	*spooled.Writer

	store   *shelf
	metrics *metrics.Set
	log     *strings.Builder
}

func open(tb testing.TB, dir string, store *shelf, maxBytes int64) bench {
	tb.Helper()
	b := bench{store: store, metrics: metrics.NewSet(), log: &strings.Builder{}}
	cfg := spooled.DefaultConfig()
	if maxBytes > 0 {
		cfg.MaxBytes = maxBytes
	}
	var err error
	b.Writer, err = spooled.New(cfg, spooled.Deps{
		Dir: dir, Store: store, Log: slog.New(slog.NewTextHandler(b.log, nil)), Metrics: b.metrics,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.Close() })
	return b
}

// run runs the writer until the returned function is called.
func (b bench) run(tb testing.TB) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	}
}

func (b bench) counter(name string) uint64 { return b.metrics.GetOrCreateCounter(name).Get() }

func batch(values ...float64) []barograph.Sample {
	var out []barograph.Sample
	for _, v := range values {
		out = append(out, barograph.Sample{Series: barograph.Series{Metric: "m"}, UnixMilli: int64(v), Value: v})
	}
	return out
}

func (b bench) write(tb testing.TB, values ...float64) {
	tb.Helper()
	if err := b.Write(tb.Context(), batch(values...)); err != nil {
		tb.Fatalf("Write(%v): %v", values, err)
	}
}

func expect(tb testing.TB, store *shelf, want ...float64) {
	tb.Helper()
	if diff := cmp.Diff(want, store.got()); diff != "" {
		tb.Errorf("what the store got (-want +got):\n%s", diff)
	}
}

func TestDirectWhileAllIsWell(t *testing.T) {
	store := &shelf{}
	b := open(t, t.TempDir(), store, 0)
	b.write(t, 1, 2)
	b.write(t, 3)
	expect(t, store, 1, 2, 3)
	if n := b.counter("barograph_spool_samples_spooled_total"); n != 0 {
		t.Errorf("%d samples went by the spool", n)
	}
	if err := b.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAnswersPass wants the store's own answers given to who writes directly.
func TestAnswersPass(t *testing.T) {
	for name, answer := range map[string]error{
		"partial":  &barograph.PartialError{Rejected: []barograph.Rejection{{Index: 0, Err: barograph.Errorf(barograph.KindInvalid, "old")}}},
		"invalid":  barograph.Errorf(barograph.KindInvalid, "nonsense"),
		"internal": errors.New("a mistake"),
	} {
		t.Run(name, func(t *testing.T) {
			store := &shelf{}
			store.fail(answer)
			b := open(t, t.TempDir(), store, 0)
			if err := b.Write(t.Context(), batch(1)); !errors.Is(err, answer) {
				t.Errorf("got %v, want %v", err, answer)
			}
		})
	}
}

// TestAwayAndBack takes the store away at the start and later; all comes in
// the order in which it was written.
func TestAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.fail(errAway)
		b := open(t, t.TempDir(), store, 0)
		stop := b.run(t)
		next := 0.0
		var want []float64
		write := func(n int) {
			for range n {
				next++
				b.write(t, next, next+0.5)
				want = append(want, next, next+0.5)
			}
		}
		for range 2 {
			write(300)
			if err := b.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable || !strings.Contains(err.Error(), "300 batches of samples spooled") {
				t.Errorf("Healthy: %v", err)
			}
			time.Sleep(time.Hour)
			store.failOn(nil)
			write(10)
			time.Sleep(time.Minute)
			expect(t, store, want...)
			if err := b.Healthy(t.Context()); err != nil {
				t.Errorf("Healthy: %v", err)
			}
			write(5)
			expect(t, store, want...)
			store.fail(errAway)
		}
		stop()
	})
}

// TestQueuesBehind wants new samples behind those that wait, though the store
// is back.
func TestQueuesBehind(t *testing.T) {
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, 0)
	b.write(t, 1)
	store.failOn(nil)
	b.write(t, 2) // nobody drains yet
	expect(t, store)
	stop := b.run(t)
	defer stop()
	eventually(t, func() bool { return len(store.got()) == 2 })
	expect(t, store, 1, 2)
}

// TestTwoHours has the store away for two hours of samples of many series,
// which come every ten seconds.
func TestTwoHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.fail(errAway)
		b := open(t, t.TempDir(), store, 0)
		stop := b.run(t)
		defer stop()
		var want []float64
		samples := round(0)[:50]
		for n := range 2 * 360 {
			for i := range samples {
				samples[i].UnixMilli += 10_000
				samples[i].Value = float64(n*len(samples) + i)
			}
			if err := b.Write(t.Context(), samples); err != nil {
				t.Fatal(err)
			}
			for _, s := range samples {
				want = append(want, s.Value)
			}
			time.Sleep(10 * time.Second)
		}
		store.failOn(nil)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(len(want), len(store.got())); diff != "" {
			t.Fatal(diff)
		}
		if !slices.Equal(want, store.got()) {
			t.Error("another order")
		}
	})
}

// eventually is patient: a writer that found the store away some times in a row looks
// again after 15 s only.
func eventually(tb testing.TB, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("it does not happen")
		}
	}
}

// TestHangingStore wants a write spooled that the store doesn't answer, and the
// next ones at once.
func TestHangingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.fail(hanging{})
		b := open(t, t.TempDir(), store, 0)
		start := time.Now()
		b.write(t, 1)
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("the first write took %s", d)
		}
		start = time.Now()
		b.write(t, 2)
		if d := time.Since(start); d != 0 {
			t.Errorf("the second write took %s", d)
		}
		// A sender that goes away is not told that its samples are safe.
		store.failOn(nil)
		stop := b.run(t)
		time.Sleep(time.Minute)
		expect(t, store, 1, 2)
		store.fail(hanging{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Write(ctx, batch(3)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		stop()
	})
}

// TestRestart wants what waits to survive the writer.
func TestRestart(t *testing.T) {
	dir, store := t.TempDir(), &shelf{}
	store.fail(errAway)
	b := open(t, dir, store, 0)
	stop := b.run(t)
	b.write(t, 1)
	b.write(t, 2)
	stop()
	b.Close()
	if err := b.Write(t.Context(), batch(9)); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Write after Close: %v", err)
	}
	store.failOn(nil)
	b = open(t, dir, store, 0)
	b.write(t, 3)
	stop = b.run(t)
	defer stop()
	eventually(t, func() bool { return len(store.got()) == 3 })
	expect(t, store, 1, 2, 3)
}

func TestFull(t *testing.T) {
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, 16<<20)
	var samples []barograph.Sample
	for i := range 1000 {
		labels := map[string]string{"n": fmt.Sprint(i), "long": strings.Repeat("x", 900)}
		samples = append(samples, barograph.Sample{Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(labels)}, Value: 1})
	}
	taken := 0
	var refusal error
	for ; taken < 100; taken++ {
		if refusal = b.Write(t.Context(), samples); refusal != nil {
			break
		}
	}
	e, ok := errors.AsType[*barograph.Error](refusal)
	if !ok || e.Kind != barograph.KindUnavailable || e.RetryAfter == 0 || !strings.Contains(e.Message, "store.spool.max_bytes") {
		t.Fatalf("a full spool says %v", refusal)
	}
	if n := b.counter(`barograph_spool_writes_refused_total{reason="full"}`); n == 0 {
		t.Error("it was not counted")
	}
	store.failOn(nil)
	stop := b.run(t)
	defer stop()
	eventually(t, func() bool { return len(store.got()) >= taken*len(samples) })
	if n := len(store.got()); n != taken*len(samples) {
		t.Errorf("%d samples came, %d were taken", n, taken*len(samples))
	}
	eventually(t, func() bool { return b.Write(t.Context(), samples) == nil })
}

// TestRefusedLater wants samples that the store refuses when it is back told in
// the log and counted, and the others kept.
func TestRefusedLater(t *testing.T) {
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, 0)
	b.write(t, 1, 2, 3)
	b.write(t, 4)
	store.failOn(func(samples []barograph.Sample) error {
		i := slices.IndexFunc(samples, func(s barograph.Sample) bool { return s.Value == 2 })
		if i < 0 {
			return nil
		}
		return &barograph.PartialError{Rejected: []barograph.Rejection{{Index: i, Err: barograph.Errorf(barograph.KindInvalid, "too old")}}}
	})
	stop := b.run(t)
	eventually(t, func() bool { return b.counter("barograph_spool_samples_handed_on_total") == 3 })
	stop()
	if n := b.counter("barograph_spool_samples_refused_total"); n != 1 {
		t.Errorf("%d refused", n)
	}
	if !strings.Contains(b.log.String(), "too old") {
		t.Errorf("the log has no reason:\n%s", b.log)
	}
}

// TestPoisoned wants one bad batch to cost the others nothing.
func TestPoisoned(t *testing.T) {
	for name, fault := range map[string]error{
		"invalid": barograph.Errorf(barograph.KindInvalid, "nonsense"), "internal": errors.New("a mistake of ours"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &shelf{}
				store.fail(errAway)
				b := open(t, t.TempDir(), store, 0)
				for i := range 5 {
					b.write(t, float64(i))
				}
				store.failOn(func(samples []barograph.Sample) error {
					for _, s := range samples {
						if s.Value == 2 {
							return fault
						}
					}
					return nil
				})
				stop := b.run(t)
				time.Sleep(10 * time.Minute)
				stop()
				expect(t, store, 0, 1, 3, 4)
				if n := b.counter("barograph_spool_batches_given_up_total"); n != 1 {
					t.Errorf("%d given up", n)
				}
			})
		})
	}
}

// TestDamaged has a byte of the spool changed: one batch is lost, and counted.
func TestDamaged(t *testing.T) {
	dir, store := t.TempDir(), &shelf{}
	store.fail(errAway)
	b := open(t, dir, store, 0)
	for i := range 5 {
		b.write(t, float64(i))
	}
	b.Close()
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(segments[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	store.failOn(nil)
	b = open(t, dir, store, 0)
	stop := b.run(t)
	defer stop()
	eventually(t, func() bool { return len(store.got()) == 4 })
	expect(t, store, 0, 1, 3, 4)
	var text strings.Builder
	b.metrics.WritePrometheus(&text)
	if !strings.Contains(text.String(), "barograph_spool_damaged_batches 1") {
		t.Errorf("not counted:\n%s", text.String())
	}
}

// TestConcurrent has many writers while the store comes and goes: everything
// comes, and each writer's samples in its order.
func TestConcurrent(t *testing.T) {
	store := &shelf{}
	b := open(t, t.TempDir(), store, 0)
	stop := b.run(t)
	const writers, each = 8, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b.write(t, float64(w*each+i))
				switch i % 50 {
				case w:
					store.fail(errAway)
				case w + 10:
					store.failOn(nil)
				}
			}
		})
	}
	wg.Wait()
	store.failOn(nil)
	eventually(t, func() bool { return len(store.got()) >= writers*each })
	stop()
	last := map[int]float64{}
	for _, v := range store.got() {
		w := int(v) / each
		if before, seen := last[w]; seen && v != before+1 || !seen && int(v)%each != 0 {
			t.Fatalf("writer %d: %g after %g", w, v, before)
		}
		last[w] = v
	}
	if len(store.got()) != writers*each {
		t.Errorf("%d samples, want %d", len(store.got()), writers*each)
	}
}

const killDir = "SPOOLED_TEST_KILL_DIR"

// TestWriterProcess is the process that TestKill kills.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("runs only as a child of TestKill")
	}
	store := &shelf{}
	store.fail(errAway)
	b := open(t, dir, store, 0)
	for i := 0; ; i++ {
		b.write(t, float64(i))
		os.Stdout.Write(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	}
}

// TestKill kills a process that spools: everything that it acknowledged is there.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said uint64
	var text [8]byte
	for deadline := time.Now().Add(300 * time.Millisecond); time.Now().Before(deadline) || said == 0; {
		if _, err := out.Read(text[:]); err != nil {
			t.Fatal(err)
		}
		said = binary.LittleEndian.Uint64(text[:])
	}
	cmd.Process.Kill()
	cmd.Wait()
	store := &shelf{}
	b := open(t, dir, store, 0)
	stop := b.run(t)
	defer stop()
	eventually(t, func() bool { return uint64(len(store.got())) > said })
	for i, v := range store.got() {
		if v != float64(i) {
			t.Fatalf("sample %d has value %g", i, v)
		}
	}
}
