package promtsdb_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
	"github.com/barograph/barograph/internal/storetest"
)

// history writes blocks of random lengths, some of which reach into others, with
// series that are sampled often, seldom, and not all the time.
func history(t *testing.T, dir string, rng *rand.Rand, end time.Time) (begin time.Time) {
	t.Helper()
	begin = end.Add(-20 * barograph.Day)
	for from := begin; from.Before(end.Add(-3 * barograph.Day)); {
		length := time.Duration(rng.Int64N(int64(6*barograph.Day))) + time.Hour
		until := from.Add(length)
		if last := end.Add(-time.Hour); until.After(last) {
			until = last
		}
		writeBlock(t, dir, rng, from, until)
		from = until
		switch rng.IntN(4) {
		case 0: // the next one begins before this one ends
			from = from.Add(-length / 3)
		case 1: // a hole
			from = from.Add(time.Duration(rng.Int64N(int64(barograph.Day))))
		}
	}
	return begin
}

func writeBlock(t *testing.T, dir string, rng *rand.Rand, from, until time.Time) {
	t.Helper()
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, (31 * barograph.Day).Milliseconds())
	if err != nil {
		t.Fatal(err)
	}
	app := w.Appender(t.Context())
	for i, every := range []time.Duration{time.Minute, 7 * time.Minute, 3 * time.Hour} {
		if rng.IntN(5) == 0 {
			continue
		}
		for at := from; at.Before(until); at = at.Add(every/2 + time.Duration(rng.Int64N(int64(every)))) {
			// Blocks that reach into one another have the same values at the same time.
			if _, err := app.Append(0, labels.FromStrings("__name__", "m", "series", fmt.Sprint(i)), at.UnixMilli(), float64(at.UnixMilli()%9973)/7); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRollUps: with them the store answers as it does without, whatever is asked,
// also when samples come late, and after compactions.
func TestRollUps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			dir, end := t.TempDir(), time.Now().Truncate(time.Minute)
			begin := history(t, dir, rng, end)
			store := openStore(t, dir, nil)
			same := func(what string) {
				t.Helper()
				sameAsSamples(t, store, rng, begin, end, what)
			}
			rollUp := func() {
				t.Helper()
				if err := store.RollUp(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			rollUp()
			if n := len(rolledFiles(t, dir)); n < 2 {
				t.Errorf("%d blocks are rolled up", n)
			}
			same("rolled up")
			var now, late []barograph.Sample
			for i := range 50 {
				now = append(now, sample("m", "new", end.Add(time.Duration(i-50)*time.Minute), float64(i)))
				late = append(late, sample("m", "late", end.Add(-time.Duration(rng.Int64N(int64(6*barograph.Day)))), float64(i)))
			}
			for _, batch := range [][]barograph.Sample{now, late} {
				if err := store.Write(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			same("late samples")
			if err := store.Settle(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			same("settled")
			rollUp()
			same("rolled up anew")
		})
	}
}

// sameAsSamples asks for steps, and compares with what comes of the samples.
func sameAsSamples(t *testing.T, store *promtsdb.Store, rng *rand.Rand, begin, end time.Time, what string) {
	t.Helper()
	span := end.Sub(begin) + 2*barograph.Day
	for range 20 {
		from := begin.Add(-barograph.Day + time.Duration(rng.Int64N(int64(span))))
		if rng.IntN(3) == 0 {
			from = from.Truncate(barograph.Day)
		}
		q := barograph.Query{
			Selector: barograph.Selector{Metric: "m"}, From: from, To: from.Add(time.Duration(rng.Int64N(int64(span)))),
			Step:   []time.Duration{time.Hour, 5 * time.Hour, 12 * time.Hour, barograph.Week, 90 * time.Minute}[rng.IntN(5)],
			Rollup: []barograph.Rollup{barograph.RollupLast, barograph.RollupMax, barograph.RollupMin, barograph.RollupMean}[rng.IntN(4)],
		}
		samples := q
		samples.Step = 0
		want := selected(t, store, samples)
		for i := range want {
			want[i].Points = storetest.Roll(want[i].Points, q.Step, q.Rollup)
		}
		if diff := cmp.Diff(want, selected(t, store, q), cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s of %s, %s to %s (-samples +steps)\n%s", what, q.Rollup, q.Step, q.From, q.To, diff)
		}
	}
}

func selected(t *testing.T, store *promtsdb.Store, q barograph.Query) []barograph.SeriesPoints {
	t.Helper()
	found, err := store.Select(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func rolledFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "rollups", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestDamagedRollUps: the samples answer, and the roll-ups are made anew.
func TestDamagedRollUps(t *testing.T) {
	t.Parallel()
	dir, end := t.TempDir(), time.Now().Add(-10*barograph.Day)
	rng := rand.New(rand.NewPCG(5, 1))
	writeBlock(t, dir, rng, end.Add(-4*barograph.Day), end)
	store := openStore(t, dir, nil)
	if err := store.RollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := rolledFiles(t, dir)[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	q := barograph.Query{Selector: barograph.Selector{Metric: "m"}, From: end.Add(-5 * barograph.Day), To: end, Step: time.Hour, Rollup: barograph.RollupMean}
	want := selected(t, store, q)
	if len(want) == 0 {
		t.Fatal("there is nothing to compare")
	}
	for what, damaged := range map[string][]byte{
		"empty": {}, "cut off": whole[:len(whole)/2], "short": whole[:9],
		"a record": flip(whole, 100), "the table": flip(whole, len(whole)-28), "the footer": flip(whole, len(whole)-12), "the beginning": flip(whole, 0),
	} {
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, selected(t, store, q), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s is damaged (-whole +got)\n%s", what, diff)
		}
		if left := rolledFiles(t, dir); len(left) > 0 {
			t.Errorf("%s is damaged, and %s still there", what, left)
		}
		if err := store.RollUp(t.Context()); err != nil || len(rolledFiles(t, dir)) != 1 {
			t.Errorf("%s was damaged; anew: %v, %s", what, err, rolledFiles(t, dir))
		}
	}
}

func flip(whole []byte, at int) []byte {
	damaged := append([]byte(nil), whole...)
	damaged[at] ^= 0x10
	return damaged
}

// TestRollUpsComeAndGo: they are made while nobody looks, and what is left of other
// blocks is removed.
func TestRollUpsComeAndGo(t *testing.T) {
	t.Parallel()
	dir, end := t.TempDir(), time.Now().Add(-10*barograph.Day)
	rng := rand.New(rand.NewPCG(5, 1))
	writeBlock(t, dir, rng, end.Add(-4*barograph.Day), end)
	writeBlock(t, dir, rng, end, end.Add(time.Hour)) // too short
	stray := filepath.Join(dir, "rollups", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	if err := os.Mkdir(filepath.Dir(stray), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{stray, stray + ".part"} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What can't be removed keeps nobody from the rest.
	kept := filepath.Join(dir, "rollups", "lost+found")
	if err := os.MkdirAll(filepath.Join(kept, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		files := slices.DeleteFunc(rolledFiles(t, dir), func(path string) bool { return path == kept })
		if len(files) == 1 && filepath.Ext(files[0]) == "" && files[0] != stray {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("there are %s", files)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
