package promtsdb_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// yearLength is how far the pages look back.
const yearLength = 400 * barograph.Day

// ofPackets are the series of a target that is sent packets.
func ofPackets() []string {
	return []string{
		"probe_rtt_seconds", "probe_loss_ratio", "probe_rtt_best_seconds", "probe_rtt_worst_seconds", "probe_jitter_seconds", "probe_duplicate_ratio",
	}
}

// writeYear writes 400 days of the metrics, minute by minute, as the TSDB has them
// after its compactions: in blocks of 31 days.
func writeYear(b *testing.B, dir string, end time.Time, metrics []string) {
	b.Helper()
	const block = 31 * barograph.Day
	begin := end.Add(-yearLength)
	rng := rand.New(rand.NewPCG(1, 2))
	for start := begin.Truncate(block); start.Before(end); start = start.Add(block) {
		w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, block.Milliseconds())
		if err != nil {
			b.Fatal(err)
		}
		refs := make([]storage.SeriesRef, len(metrics))
		app := w.Appender(b.Context())
		for at := start; at.Before(start.Add(block)) && at.Before(end); at = at.Add(time.Minute) {
			for i, metric := range metrics {
				value := time.Duration(18e6 + 4e6*rng.ExpFloat64()).Seconds()
				if metric == "probe_loss_ratio" || metric == "probe_duplicate_ratio" {
					value = float64(rng.IntN(50)/49) / 10
				}
				if at.Before(begin) {
					continue
				}
				lset := labels.FromStrings("__name__", metric, "kind", "icmp", "target", "example.com")
				if refs[i], err = app.Append(refs[i], lset, at.UnixMilli()+rng.Int64N(20), value); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkYear reads what the page of a target draws of 400 days, from the samples
// and from roll-ups.
func BenchmarkYear(b *testing.B) {
	for _, rolledUp := range []bool{false, true} {
		b.Run(fmt.Sprintf("rolled_up=%t", rolledUp), func(b *testing.B) {
			dir, end := b.TempDir(), time.Now()
			writeYear(b, dir, end, ofPackets())
			store := openStore(b, dir, nil)
			if rolledUp {
				if err := store.RollUp(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				readYear(b, store, end)
			}
			if rolledUp {
				b.ReportMetric(float64(sizeOf(b, filepath.Join(dir, "rollups")))/float64(len(ofPackets())), "bytes/series")
			}
		})
	}
}

func readYear(b *testing.B, store *promtsdb.Store, end time.Time) {
	b.Helper()
	var all sync.WaitGroup
	for _, metric := range ofPackets() {
		all.Go(func() {
			got, err := store.Select(b.Context(), barograph.Query{
				Selector: barograph.Selector{Metric: metric}, From: end.Add(-yearLength), To: end, Step: 12 * time.Hour, Rollup: barograph.RollupMean,
			})
			if err != nil || len(got) != 1 || len(got[0].Points) < 800 {
				b.Error(err, len(got))
			}
		})
	}
	all.Wait()
}

// sizeOf returns the bytes of the files in a directory.
func sizeOf(tb testing.TB, dir string) (n int64) {
	tb.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			tb.Fatal(err)
		}
		n += info.Size()
	}
	return n
}
