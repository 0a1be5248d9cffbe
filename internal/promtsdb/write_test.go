package promtsdb_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

func sample(metric, host string, at time.Time, value float64) barograph.Sample {
	return barograph.Sample{
		Series:    barograph.Series{Metric: metric, Labels: barograph.NewLabels(map[string]string{"host": host})},
		UnixMilli: at.UnixMilli(), Value: value,
	}
}

// stored returns all samples of the store, as "series time-base value".
func stored(t *testing.T, s *promtsdb.Store, base time.Time) []string {
	t.Helper()
	got, err := s.Select(t.Context(), barograph.Query{From: time.Unix(0, 0), To: time.Now().Add(barograph.Day)})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, sp := range got {
		for _, p := range sp.Points {
			out = append(out, fmt.Sprintf("%s %s %v", sp.Series, time.UnixMilli(p.UnixMilli).Sub(base), p.Value))
		}
	}
	return out
}

// refused returns the refusals as "index kind", and fails the test on other errors.
func refused(t *testing.T, err error) map[int]barograph.Kind {
	t.Helper()
	out := map[int]barograph.Kind{}
	if err == nil {
		return out
	}
	partial, ok := errors.AsType[*barograph.PartialError](err)
	if !ok {
		t.Fatalf("Write: %v", err)
	}
	for _, r := range partial.Rejected {
		out[r.Index] = barograph.KindOf(r.Err)
		if text := r.Err.Error(); !strings.Contains(text, "m") || len(text) < 30 {
			t.Errorf("refusal %q does not say what and why", text)
		}
	}
	return out
}

// Each step writes to the same store.
func TestWriteAcceptsAndRefuses(t *testing.T) {
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	at := base.Add
	tests := []struct {
		name  string
		batch []barograph.Sample
		want  map[int]barograph.Kind
	}{
		{name: "new", batch: []barograph.Sample{sample("m", "a", at(0), 1), sample("m", "a", at(10*time.Second), 2)}},
		{name: "again", batch: []barograph.Sample{sample("m", "a", at(0), 1), sample("m", "a", at(10*time.Second), 2)}},
		{
			name:  "other value at the newest time",
			batch: []barograph.Sample{sample("m", "a", at(10*time.Second), 3), sample("m", "b", at(0), 1)},
			want:  map[int]barograph.Kind{0: barograph.KindConflict},
		},
		{
			name:  "other value at an earlier time",
			batch: []barograph.Sample{sample("m", "a", at(0), 3), sample("m", "a", at(5*time.Second), 9)},
			want:  map[int]barograph.Kind{0: barograph.KindConflict},
		},
		{
			name:  "other value of a late sample",
			batch: []barograph.Sample{sample("m", "a", at(5*time.Second), 9), sample("m", "a", at(5*time.Second), 8)},
			want:  map[int]barograph.Kind{1: barograph.KindConflict},
		},
		{
			name: "contradiction within a batch, new and late",
			batch: []barograph.Sample{
				sample("m", "a", at(20*time.Second), 1), sample("m", "a", at(20*time.Second), 2), sample("m", "a", at(30*time.Second), 1),
				sample("m", "a", at(20*time.Second), 3), sample("m", "a", at(25*time.Second), 1), sample("m", "a", at(25*time.Second), 2),
			},
			want: map[int]barograph.Kind{1: barograph.KindConflict, 3: barograph.KindConflict, 5: barograph.KindConflict},
		},
		{
			name: "future, too old, not finite, bad name",
			batch: []barograph.Sample{
				sample("m", "a", time.Now().Add(11*time.Minute), 1), sample("m", "a", at(-8*barograph.Day), 1), sample("m", "a", at(40*time.Second), math.NaN()),
				sample("m", "a", at(40*time.Second), math.Inf(1)), sample("m-m", "a", at(0), 1), sample("m", "a", at(40*time.Second), 4),
			},
			want: map[int]barograph.Kind{
				0: barograph.KindInvalid, 1: barograph.KindInvalid, 2: barograph.KindInvalid, 3: barograph.KindInvalid, 4: barograph.KindInvalid,
			},
		},
		{name: "days late", batch: []barograph.Sample{sample("m", "a", at(-6*barograph.Day), 6), sample("m", "new", at(-6*barograph.Day), 6)}},
		{
			name:  "days late, contradicted",
			batch: []barograph.Sample{sample("m", "new", at(-6*barograph.Day), 7)},
			want:  map[int]barograph.Kind{0: barograph.KindConflict},
		},
	}
	want := []string{
		`m{host="a"} -144h0m0s 6`, `m{host="a"} 0s 1`, `m{host="a"} 5s 9`, `m{host="a"} 10s 2`, `m{host="a"} 20s 1`,
		`m{host="a"} 25s 1`, `m{host="a"} 30s 1`, `m{host="a"} 40s 4`, `m{host="b"} 0s 1`, `m{host="new"} -144h0m0s 6`,
	}
	dir := t.TempDir()
	s := openStore(t, dir, nil)
	for round := range 2 { // the second time on a store that was opened anew
		for _, tt := range tests {
			got := refused(t, s.Write(t.Context(), tt.batch))
			if tt.want == nil {
				tt.want = map[int]barograph.Kind{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("round %d, %s: refused (-want +got):\n%s", round, tt.name, diff)
			}
		}
		if diff := cmp.Diff(want, stored(t, s, base)); diff != "" {
			t.Errorf("round %d: stored (-want +got):\n%s", round, diff)
		}
		if round == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, dir, nil)
		}
	}
}

func TestWriteLimitsSeries(t *testing.T) {
	dir := t.TempDir()
	three := func(c *promtsdb.Config, _ *promtsdb.Deps) { c.MaxSeries = 3 }
	s := openStore(t, dir, three)
	now := time.Now()
	batch := make([]barograph.Sample, 10)
	for i := range batch {
		batch[i] = sample("m", fmt.Sprint(i%5), now.Add(time.Duration(i)*time.Millisecond), 1)
	}
	want := map[int]barograph.Kind{3: barograph.KindInvalid, 4: barograph.KindInvalid, 8: barograph.KindInvalid, 9: barograph.KindInvalid}
	if diff := cmp.Diff(want, refused(t, s.Write(t.Context(), batch))); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if n := s.CachedSeries(); n != 3 {
		t.Errorf("%d series in the cache, want 3: refused ones must not fill it", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A lower limit refuses no series that is on disk.
	s = openStore(t, dir, func(c *promtsdb.Config, _ *promtsdb.Deps) { c.MaxSeries = 1 })
	got := refused(t, s.Write(t.Context(), []barograph.Sample{sample("m", "2", now.Add(time.Second), 2), sample("m", "7", now, 1)}))
	if diff := cmp.Diff(map[int]barograph.Kind{1: barograph.KindInvalid}, got); diff != "" {
		t.Errorf("refused after a lower limit (-want +got):\n%s", diff)
	}
}

func TestWriteNeedsFreeSpace(t *testing.T) {
	set := metrics.NewSet()
	s := openStore(t, t.TempDir(), func(c *promtsdb.Config, d *promtsdb.Deps) {
		c.MinFreeSpace = 1 << 60
		d.Metrics = set
	})
	err := s.Write(t.Context(), []barograph.Sample{sample("m", "a", time.Now(), 1)})
	e, ok := errors.AsType[*barograph.Error](err)
	if !ok || e.Kind != barograph.KindUnavailable || e.RetryAfter == 0 {
		t.Errorf("Write = %v, want an error of kind unavailable that says when to come back", err)
	}
	if got := stored(t, s, time.Now()); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
	if err := s.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy = %v", err)
	}
	if n := set.GetOrCreateCounter(`barograph_store_writes_refused_total{reason="disk_space"}`).Get(); n != 1 {
		t.Errorf("%d writes counted as refused, want 1", n)
	}
}

// What is acknowledged is in the files, without Close: another store opens a copy.
func TestAcknowledgedIsInTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, nil)
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				host := fmt.Sprint(w)
				batch := []barograph.Sample{
					sample("m", host, base.Add(time.Duration(i)*time.Second), float64(i)),
					sample("late", host, base.Add(-time.Duration(i)*time.Hour), float64(i)),
				}
				if err := s.Write(t.Context(), batch); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	want := stored(t, s, base)
	if len(want) != 200 {
		t.Fatalf("%d samples stored, want 200", len(want))
	}
	if diff := cmp.Diff(want, stored(t, openStore(t, copied, nil), base)); diff != "" {
		t.Errorf("in a copy of the files (-want +got):\n%s", diff)
	}
}

func TestWriteSyncsBothLogs(t *testing.T) {
	now := time.Now()
	steps := []struct {
		name  string
		batch []barograph.Sample
	}{
		{"new", []barograph.Sample{sample("m", "a", now, 1)}},
		{"late", []barograph.Sample{sample("m", "a", now.Add(-3*time.Hour), 1)}},
		{"both", []barograph.Sample{sample("m", "a", now.Add(-4*time.Hour), 1), sample("m", "b", now, 1)}},
	}
	for _, durability := range []promtsdb.Durability{promtsdb.DurabilityFsync, promtsdb.DurabilityOS} {
		s := openStore(t, t.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = durability })
		for _, step := range steps {
			if err := s.Write(t.Context(), step.batch); err != nil {
				t.Fatal(err)
			}
			n, err := s.Unsynced()
			if err != nil {
				t.Fatal(err)
			}
			if synced := n == 0; synced != (durability == promtsdb.DurabilityFsync) {
				t.Errorf("durability %s, %s: %d bytes not synced", durability, step.name, n)
			}
		}
	}
}

func TestWriteSharesSyncs(t *testing.T) {
	set := metrics.NewSet()
	s := openStore(t, t.TempDir(), func(_ *promtsdb.Config, d *promtsdb.Deps) { d.Metrics = set })
	const writers, each = 16, 20
	now := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := s.Write(t.Context(), []barograph.Sample{sample("m", fmt.Sprint(w), now.Add(time.Duration(i)*time.Millisecond), 1)}); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	var text strings.Builder
	set.WritePrometheus(&text)
	var syncs int
	for line := range strings.Lines(text.String()) {
		_, _ = fmt.Sscanf(line, "barograph_store_sync_duration_seconds_count %d", &syncs)
	}
	if syncs == 0 || syncs >= writers*each {
		t.Errorf("%d syncs for %d writes of %d writers, want fewer than writes", syncs, writers*each, writers)
	}
	t.Logf("%d syncs for %d writes of %d writers", syncs, writers*each, writers)
}

func TestFailedSyncEndsWriting(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, nil)
	now := time.Now()
	write := func(at time.Time) error { return s.Write(t.Context(), []barograph.Sample{sample("m", "a", at, 1)}) }
	if err := write(now); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy = %v", err)
	}
	if err := s.BreakLog(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := write(now.Add(time.Duration(i+1) * time.Second)); barograph.KindOf(err) != barograph.KindUnavailable {
			t.Errorf("Write %d after a failed sync = %v, want unavailable", i, err)
		}
	}
	if err := s.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy after a failed sync = %v, want unavailable", err)
	}
	if got := stored(t, s, now); len(got) == 0 {
		t.Error("a store that can't write can't read either")
	}
}

// After head compaction the TSDB forgets series and their references; the store
// must neither write to the old ones nor take stored samples for new.
func TestSeriesComeBackAfterCompaction(t *testing.T) {
	clock := &movingClock{now: time.Now().Add(-2 * barograph.Day).Truncate(2 * time.Hour)}
	s := openStore(t, t.TempDir(), func(c *promtsdb.Config, d *promtsdb.Deps) {
		c.Durability = promtsdb.DurabilityOS
		d.Clock = clock
	})
	base := clock.now
	for i := range 12 * 60 { // 12 h of a lasting series, and of one that stops after an hour
		clock.now = base.Add(time.Duration(i) * time.Minute)
		batch := []barograph.Sample{sample("m", "lasting", clock.now, float64(i))}
		if i < 60 {
			batch = append(batch, sample("m", "stopped", clock.now, float64(i)))
		}
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Truncate(); err != nil {
		t.Fatal(err)
	}
	if n := s.CachedSeries(); n != 1 {
		t.Errorf("%d series in the cache after compaction, want 1", n)
	}
	stopped := func(minute int, value float64) barograph.Sample {
		return sample("m", "stopped", base.Add(time.Duration(minute)*time.Minute), value)
	}
	got := refused(t, s.Write(t.Context(), []barograph.Sample{stopped(30, 30), stopped(31, 9), stopped(719, 1), stopped(100, 2)}))
	if diff := cmp.Diff(map[int]barograph.Kind{1: barograph.KindConflict}, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	// A series that is new, but not newer than the blocks.
	at := base.Add(100 * time.Minute)
	got = refused(t, s.Write(t.Context(), []barograph.Sample{sample("m", "new", at, 1), sample("m", "new", at, 2), sample("m", "new", at, 1)}))
	if diff := cmp.Diff(map[int]barograph.Kind{1: barograph.KindConflict}, got); diff != "" {
		t.Errorf("refused of a new series (-want +got):\n%s", diff)
	}
	all, err := s.Select(t.Context(), barograph.Query{From: base, To: base.Add(barograph.Day)})
	if err != nil || len(all) != 3 {
		t.Fatal(err, len(all))
	}
	if n := len(all[0].Points); n != 12*60 {
		t.Errorf("%d points of %s, want %d", n, all[0].Series, 12*60)
	}
	if n := len(all[1].Points); n != 1 {
		t.Errorf("%d points of %s, want 1", n, all[1].Series)
	}
	if n := len(all[2].Points); n != 62 {
		t.Errorf("%d points of %s, want 62", n, all[2].Series)
	}
}

// Writers of the same series at once: each time gets one value, and whoever
// brought another is told.
func TestConcurrentContradictions(t *testing.T) {
	s := openStore(t, t.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = promtsdb.DurabilityOS })
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	const writers, times = 4, 200
	var mu sync.Mutex
	accepted := map[int64][]float64{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range times {
				at := base.Add(time.Duration((i*37)%times) * time.Second)
				in := sample("m", "a", at, float64(w))
				if len(refused(t, s.Write(t.Context(), []barograph.Sample{in}))) == 0 {
					mu.Lock()
					accepted[in.UnixMilli] = append(accepted[in.UnixMilli], in.Value)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	got, err := s.Select(t.Context(), barograph.Query{From: base, To: base.Add(time.Hour)})
	if err != nil || len(got) != 1 || len(got[0].Points) != times {
		t.Fatal(err, got)
	}
	for _, p := range got[0].Points {
		if diff := cmp.Diff([]float64{p.Value}, accepted[p.UnixMilli]); diff != "" {
			t.Errorf("at %d (-stored +accepted):\n%s", p.UnixMilli, diff)
		}
	}
}

func TestOpenRefusesUsedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	openStore(t, dir, nil)
	_, err := promtsdb.Open(promtsdb.DefaultConfig(), deps(dir))
	if err == nil || !strings.Contains(err.Error(), dir) || barograph.KindOf(err) != barograph.KindConflict {
		t.Errorf("Open of a used directory = %v, want a conflict that names it", err)
	}
}

func TestClosedStore(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := s.Write(t.Context(), nil); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Write = %v", err)
	}
	if _, err := s.Select(t.Context(), barograph.Query{}); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Select = %v", err)
	}
	if err := s.Healthy(t.Context()); barograph.KindOf(err) != barograph.KindUnavailable {
		t.Errorf("Healthy = %v", err)
	}
}
