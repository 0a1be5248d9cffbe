package spooled_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barograph/barograph"
)

// has reports whether a value is among the samples.
func has(samples []barograph.Sample, value float64) bool {
	for _, s := range samples {
		if s.Value == value {
			return true
		}
	}
	return false
}

// failsOn is a store that answers so to what has the value in it.
func failsOn(value float64, err error) func([]barograph.Sample) error {
	return func(samples []barograph.Sample) error {
		if has(samples, value) {
			return err
		}
		return nil
	}
}

// aside returns what was set aside, file by file.
func aside(tb testing.TB, dir string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "aside", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	var texts []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// TestManyLabels has a series of more labels than a host may send, as results
// of a forecast have.
func TestManyLabels(t *testing.T) {
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, 0)
	labels := map[string]string{}
	for i := range 2 * barograph.MaxLabels {
		labels[fmt.Sprint("l", i)] = "x"
	}
	samples := append(batch(1, 2), barograph.Sample{Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(labels)}, Value: 3})
	if err := b.Write(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	store.failOn(nil)
	defer b.run(t)()
	eventually(t, func() bool { return b.Waiting() == 0 })
	expect(t, store, 1, 2, 3)
}

// TestRefusedOfOthers has a store that, asked to take much at once, calls more
// samples refused than are at fault, and takes none of them.
func TestRefusedOfOthers(t *testing.T) {
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, 0)
	var want []float64
	for i := range 50 {
		b.write(t, float64(i), float64(i)+0.5)
		want = append(want, float64(i), float64(i)+0.5)
	}
	want = append(want[:40], want[41:]...) // without 20
	var mu sync.Mutex
	got := map[float64]bool{}
	store.failOn(func(samples []barograph.Sample) error {
		mu.Lock()
		defer mu.Unlock()
		var partial barograph.PartialError
		for i, s := range samples {
			if s.Value == 20 || len(samples) > 2 && s.Value >= 10 && s.Value < 30 {
				partial.Rejected = append(partial.Rejected, barograph.Rejection{Index: i, Err: errors.New("out of order")})
				continue
			}
			got[s.Value] = true
		}
		if len(partial.Rejected) > 0 {
			return &partial
		}
		return nil
	})
	stop := b.run(t)
	eventually(t, func() bool { return b.Waiting() == 0 })
	stop()
	for _, v := range want {
		if !got[v] {
			t.Errorf("sample %g is lost", v)
		}
	}
	if n := b.counter("barograph_spool_samples_refused_total"); n != 1 {
		t.Errorf("%d counted as refused", n)
	}
	if n := b.counter("barograph_spool_samples_handed_on_total"); n != uint64(len(want)) {
		t.Errorf("%d counted as handed on, want %d", n, len(want))
	}
}

// TestStuck has a batch that the store fails on as if it were away, though it
// takes all others: after an hour it is set aside.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, store := t.TempDir(), &shelf{}
		store.fail(errAway)
		b := open(t, dir, store, 0)
		defer b.run(t)()
		for i := range 20 {
			b.write(t, float64(i))
		}
		store.failOn(failsOn(13, errAway))
		time.Sleep(30 * time.Minute)
		expect(t, store, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		if err := b.Healthy(t.Context()); err == nil {
			t.Error("all is well, says Healthy, though samples wait")
		}
		time.Sleep(40 * time.Minute)
		if b.Waiting() != 0 || !has(batch(store.got()...), 19) {
			t.Fatalf("%d batches wait for one that the store fails on; it has %v", b.Waiting(), store.got())
		}
		if has(batch(store.got()...), 13) || b.counter("barograph_spool_batches_given_up_total") != 1 || !strings.Contains(b.log.String(), "set aside") {
			t.Errorf("the log says %s", b.log)
		}
		if got := aside(t, dir); len(got) != 1 || got[0] != "m 13 13\n" {
			t.Errorf("set aside: %q", got)
		}
		if err := b.Healthy(t.Context()); err != nil {
			t.Errorf("Healthy: %v", err)
		}
	})
}

// TestNotStuck has stores that fail on everything for long, in ways that don't
// all show: nothing is set aside.
func TestNotStuck(t *testing.T) {
	for name, fault := range map[string]func([]barograph.Sample) error{
		"away":                   func([]barograph.Sample) error { return errAway },
		"full, but for the rest": func(s []barograph.Sample) error { return map[bool]error{true: errAway}[len(s) > 0] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, store := t.TempDir(), &shelf{}
				store.failOn(fault)
				b := open(t, dir, store, 0)
				defer b.run(t)()
				for i := range 5 {
					b.write(t, float64(i))
				}
				time.Sleep(10 * time.Hour)
				if err := b.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
					t.Errorf("Healthy: %v", err)
				}
				store.failOn(nil)
				time.Sleep(time.Minute)
				expect(t, store, 0, 1, 2, 3, 4)
				if got := aside(t, dir); len(got) != 0 {
					t.Errorf("set aside: %q", got)
				}
			})
		})
	}
}

// TestTenTries has the store fail for a while on a batch, as if that were wrong.
func TestTenTries(t *testing.T) {
	for name, fault := range map[string]error{
		"invalid": barograph.Errorf(barograph.KindInvalid, "nonsense"), "conflict": barograph.Errorf(barograph.KindConflict, "conflict"),
		"internal": errors.New("a mistake"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, store := t.TempDir(), &shelf{}
				store.fail(errAway)
				b := open(t, dir, store, 0)
				defer b.run(t)()
				for i := range 5 {
					b.write(t, float64(i))
				}
				tries := 0
				store.failOn(func(samples []barograph.Sample) error {
					if len(samples) == 1 && samples[0].Value == 2 {
						tries++
					}
					return failsOn(2, fault)(samples)
				})
				time.Sleep(10 * time.Minute)
				expect(t, store, 0, 1, 3, 4)
				if tries != 10 {
					t.Errorf("given up after %d tries", tries)
				}
				if got := aside(t, dir); len(got) != 1 || got[0] != "m 2 2\n" {
					t.Errorf("set aside: %q", got)
				}
			})
		})
	}
}

// TestImpatientSenders has senders that wait for less than the store is given:
// it is found to be away all the same, and the samples are spooled.
func TestImpatientSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.fail(hanging{})
		b := open(t, t.TempDir(), store, 0)
		start := time.Now()
		taken := 0
		for time.Since(start) < 10*time.Second {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := b.Write(ctx, batch(float64(taken))); err == nil {
				taken++
				time.Sleep(time.Second)
			}
			cancel()
		}
		if taken < 6 {
			t.Errorf("%d of 10 writes were spooled", taken)
		}
		store.failOn(nil)
		defer b.run(t)()
		time.Sleep(time.Minute)
		if n := len(store.got()); n != taken {
			t.Errorf("%d samples were taken, %d came", taken, n)
		}
	})
}

// TestPatience wants the samples of a store that doesn't answer spooled in time
// for senders that wait for five seconds.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.fail(hanging{})
		b := open(t, t.TempDir(), store, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := b.Write(ctx, batch(1)); err != nil || b.Waiting() != 1 {
			t.Errorf("%v; %d wait", err, b.Waiting())
		}
	})
}

// TestFullAtOnce has many writes at once fill the spool: its bound holds.
func TestFullAtOnce(t *testing.T) {
	const most = 16 << 20
	store := &shelf{}
	store.fail(errAway)
	b := open(t, t.TempDir(), store, most)
	var samples []barograph.Sample
	for i := range 1000 {
		labels := map[string]string{"n": fmt.Sprint(i), "long": strings.Repeat("x", 900)}
		samples = append(samples, barograph.Sample{Series: barograph.Series{Metric: "m", Labels: barograph.NewLabels(labels)}, Value: 1})
	}
	begin := make(chan struct{})
	var senders sync.WaitGroup
	for range 64 {
		senders.Go(func() {
			<-begin
			if err := b.Write(t.Context(), samples); err != nil && barograph.KindOf(err) != barograph.KindUnavailable {
				t.Error(err)
			}
		})
	}
	close(begin)
	senders.Wait()
	var text strings.Builder
	b.metrics.WritePrometheus(&text)
	var size float64
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Sscanf(line, "barograph_spool_bytes %g", &size); err == nil {
			break
		}
	}
	if size == 0 || size > most {
		t.Errorf("the spool has %g bytes of %d", size, most)
	}
}
