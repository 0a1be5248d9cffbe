package influx_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
)

func BenchmarkWrite(b *testing.B) {
	store := open(b, influxtest.Start(b).Config(b, 0))
	batch := make([]barograph.Sample, 5000)
	at := time.Now().Add(-time.Hour).UnixMilli()
	for b.Loop() {
		at += 1000
		for i := range batch {
			batch[i] = sample(fmt.Sprint(i), float64(i))
			batch[i].UnixMilli = at
		}
		if err := store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkAgainstClient writes the same samples through our store and through
// InfluxData's own client, in the ways that this has, in turns, and reports our
// rate as a share of the client's best.
func BenchmarkAgainstClient(b *testing.B) {
	server := influxtest.Start(b)
	ways := []writingWay{
		{"client async", clientAsync},
		{"client 4 blocking", clientBlocking},
		{"store", storeWrites},
		{"store 4 at once", storeParallel},
		{"store 500 small", storeSmall},
		{"store gzip", storeGzip},
	}
	spent := make([]time.Duration, len(ways))
	const samples = 100_000
	for b.Loop() {
		for i, way := range ways {
			cfg := server.Config(b, 0)
			write := way.prepare(b, cfg, benchSamples(samples))
			began := time.Now()
			write()
			spent[i] += time.Since(began)
		}
	}
	rate := func(i int) float64 { return float64(b.N*samples) / spent[i].Seconds() }
	best := max(rate(0), rate(1))
	for i, way := range ways {
		b.Logf("%-18s %8.0f samples/s, %3.0f %% of the client's best", way.name, rate(i), 100*rate(i)/best)
	}
	b.ReportMetric(rate(2)/best, "ratio")
	b.ReportMetric(rate(3)/best, "parallel-ratio")
	b.ReportMetric(rate(4)/best, "small-ratio")
}

type writingWay struct {
	name string
	// prepare makes all ready, and returns what is measured: until all samples
	// are acknowledged.
	prepare func(b *testing.B, cfg influx.Config, samples []barograph.Sample) (write func())
}

// benchSamples are as a thousand agents send them.
func benchSamples(n int) []barograph.Sample {
	samples := make([]barograph.Sample, n)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range samples {
		samples[i] = barograph.Sample{
			Series: barograph.Series{Metric: fmt.Sprint("metric_", i%10), Labels: barograph.NewLabels(map[string]string{
				"host": fmt.Sprintf("web%04d.example.com", i/10%1000), "device": "/dev/sda1", "os": "debian",
			})},
			UnixMilli: at.Add(time.Duration(i/10_000) * 15 * time.Second).UnixMilli(), Value: float64(i%997) / 7,
		}
	}
	return samples
}

func storeWrites(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	store := open(b, cfg)
	return func() {
		for batch := range slices.Chunk(samples, 5000) {
			if err := store.Write(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func storeGzip(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	cfg.Gzip = true
	return storeWrites(b, cfg, samples)
}

func storeParallel(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	store := open(b, cfg)
	return func() {
		var wg sync.WaitGroup
		for part := range slices.Chunk(samples, len(samples)/4) {
			wg.Go(func() {
				for batch := range slices.Chunk(part, 5000) {
					if err := store.Write(b.Context(), batch); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// storeSmall has 50 senders at once, with ten samples a time as agents have.
func storeSmall(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	store := open(b, cfg)
	return func() {
		var wg sync.WaitGroup
		for part := range slices.Chunk(samples, len(samples)/500) {
			wg.Go(func() {
				for batch := range slices.Chunk(part, 10) {
					if err := store.Write(b.Context(), batch); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func points(samples []barograph.Sample) []*write.Point {
	out := make([]*write.Point, len(samples))
	for i, s := range samples {
		out[i] = influxdb2.NewPoint(s.Series.Metric, s.Series.Labels.Map(), map[string]any{"value": s.Value}, s.Time())
	}
	return out
}

func client(b *testing.B, cfg influx.Config) influxdb2.Client {
	b.Helper()
	c := influxdb2.NewClientWithOptions(cfg.URL, cfg.Token.Reveal(), influxdb2.DefaultOptions().SetPrecision(time.Millisecond).SetBatchSize(5000))
	b.Cleanup(c.Close)
	return c
}

func clientAsync(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	c, ready := client(b, cfg), points(samples)
	api := c.WriteAPI(cfg.Org, cfg.Bucket)
	go func() {
		for err := range api.Errors() {
			b.Error(err)
		}
	}()
	return func() {
		for _, p := range ready {
			api.WritePoint(p)
		}
		c.Close() // when all is written
	}
}

func clientBlocking(b *testing.B, cfg influx.Config, samples []barograph.Sample) func() {
	b.Helper()
	api, ready := client(b, cfg).WriteAPIBlocking(cfg.Org, cfg.Bucket), points(samples)
	return func() {
		var wg sync.WaitGroup
		for part := range slices.Chunk(ready, len(ready)/4) {
			wg.Go(func() {
				for batch := range slices.Chunk(part, 5000) {
					if err := api.WritePoint(b.Context(), batch...); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func BenchmarkSelect(b *testing.B) {
	store := open(b, influxtest.Start(b).Config(b, 0))
	const hosts, each = 100, 1000
	at := time.Now().Add(-8 * time.Hour).Truncate(time.Minute)
	for i := range hosts {
		batch := make([]barograph.Sample, each)
		for j := range batch {
			batch[j] = sample(fmt.Sprint(i), float64(j))
			batch[j].UnixMilli = at.Add(time.Duration(j) * 15 * time.Second).UnixMilli()
		}
		if err := store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for _, step := range []time.Duration{0, 5 * time.Minute} {
		b.Run("step="+step.String(), func(b *testing.B) {
			for b.Loop() {
				got, err := store.Select(b.Context(), barograph.Query{From: at, To: time.Now(), Step: step, Rollup: barograph.RollupMax})
				if err != nil || len(got) != hosts {
					b.Fatal(len(got), err)
				}
			}
			b.ReportMetric(float64(b.N*hosts*each)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
