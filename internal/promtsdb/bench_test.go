package promtsdb_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promtsdb"
)

// fleet returns series as agents send them: 100 to a host, 5 labels each.
func fleet(n int) []barograph.Series {
	out := make([]barograph.Series, n)
	for i := range out {
		out[i] = barograph.Series{
			Metric: fmt.Sprintf("metric_%02d_ratio", i%100),
			Labels: barograph.NewLabels(map[string]string{
				"host": fmt.Sprintf("host-%05d", i/100), "os": "debian", "role": "web", "site": "fra", "mount": "/var/lib/data",
			}),
		}
	}
	return out
}

// BenchmarkWrite writes batches of 5,000 samples of 10,000 series.
func BenchmarkWrite(b *testing.B) {
	for _, durability := range []promtsdb.Durability{promtsdb.DurabilityFsync, promtsdb.DurabilityOS} {
		for _, writers := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/writers=%d", durability, writers), func(b *testing.B) {
				benchmarkWrite(b, durability, writers)
			})
		}
	}
}

// Each writer has series of its own, as agents do, and sends them in order.
func benchmarkWrite(b *testing.B, durability promtsdb.Durability, writers int) {
	b.Helper()
	const batchSize = 5000
	store := openStore(b, b.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = durability })
	series := fleet(10_000)
	start := time.Now().Add(-6 * time.Hour).UnixMilli()
	var batches atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		own := series[w*len(series)/writers : (w+1)*len(series)/writers]
		wg.Go(func() {
			batch := make([]barograph.Sample, batchSize)
			for n := 0; batches.Add(1) <= int64(b.N); {
				for i := range batch {
					batch[i] = barograph.Sample{Series: own[n%len(own)], UnixMilli: start + int64(n/len(own))*1000, Value: float64(n % 997)}
					n++
				}
				if err := store.Write(b.Context(), batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)*batchSize/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkSelect reads 1,000 series of a week at 60 s, rolled up to 2,016 points.
func BenchmarkSelect(b *testing.B) {
	store := openStore(b, b.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = promtsdb.DurabilityOS })
	series := fleet(1000)
	from := time.Now().Add(-7 * barograph.Day).Truncate(5 * time.Minute)
	batch := make([]barograph.Sample, 0, len(series)*60)
	for minute := range 7 * 24 * 60 {
		for i, s := range series {
			batch = append(batch, barograph.Sample{
				Series: s, UnixMilli: from.Add(time.Duration(minute) * time.Minute).UnixMilli(), Value: float64((minute*7 + i*13) % 1000),
			})
		}
		if len(batch) == cap(batch) {
			if err := store.Write(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	q := barograph.Query{From: from, To: from.Add(7 * barograph.Day), Step: 5 * time.Minute, Rollup: barograph.RollupMax}
	b.ReportAllocs()
	for b.Loop() {
		got, err := store.Select(b.Context(), q)
		if err != nil || len(got) != 1000 || len(got[0].Points) != 2016 {
			b.Fatal(err, len(got))
		}
	}
}

// BenchmarkRangeQuery asks by HTTP for 1,000 series at 56 steps of five minutes,
// with nothing ahead and with something.
func BenchmarkRangeQuery(b *testing.B) {
	store := openStore(b, b.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = promtsdb.DurabilityOS })
	series, now := fleet(1000), time.Now().Truncate(time.Minute)
	for minute := -5 * 60; minute <= 0; minute++ {
		batch := make([]barograph.Sample, len(series))
		for i, s := range series {
			batch[i] = barograph.Sample{Series: s, UnixMilli: now.Add(time.Duration(minute) * time.Minute).UnixMilli(), Value: float64((minute*7 + i*13) % 1000)}
		}
		if err := store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	path := fmt.Sprintf(`query_range?query={site="fra"}&start=%d&end=%d&step=300`, now.Add(-55*5*time.Minute).Unix(), now.Unix())
	for name, deps := range map[string]promtsdb.HandlerDeps{"stored": {}, "ahead": {Ahead: &curves{}, AheadMetric: "ahead"}} {
		h := store.Handler(deps)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if status, body := ask(b, h, path, ""); status != 200 || len(body) < 1_000_000 {
					b.Fatal(status, len(body))
				}
			}
		})
	}
}

// BenchmarkSeries lists 10,000 series that were seen within the last hour.
func BenchmarkSeries(b *testing.B) {
	store := openStore(b, b.TempDir(), func(c *promtsdb.Config, _ *promtsdb.Deps) { c.Durability = promtsdb.DurabilityOS })
	now := time.Now()
	for minute := -120; minute <= 0; minute += 2 {
		batch := make([]barograph.Sample, 0, 10_000)
		for _, s := range fleet(10_000) {
			batch = append(batch, barograph.Sample{Series: s, UnixMilli: now.Add(time.Duration(minute) * time.Minute).UnixMilli(), Value: 1})
		}
		if err := store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		found, more, err := store.Series(b.Context(), barograph.SeriesQuery{From: now.Add(-time.Hour), To: now.Add(time.Minute), Limit: 101})
		if err != nil || len(found) != 101 || !more {
			b.Fatal(err, len(found), more)
		}
	}
}
