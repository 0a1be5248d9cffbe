package spooled_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/internal/spooled"
)

// round returns what a fleet sends at once.
func round(n int) []barograph.Sample {
	out := make([]barograph.Sample, 0, 1000)
	for i := range 1000 {
		out = append(out, barograph.Sample{
			Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
				"host": fmt.Sprintf("host%04d.example.com", i/10), "mount": fmt.Sprintf("/mnt/%d", i%10), "fstype": "ext4",
			})},
			UnixMilli: 1_700_000_000_000 + int64(n)*15_000, Value: float64(n%100) / 100,
		})
	}
	return out
}

// BenchmarkWrite compares writes to a real store with writes to the spool while
// it is away, from four senders, and tells how fast the spool is emptied.
func BenchmarkWrite(b *testing.B) {
	server := promremotetest.VictoriaMetrics(b)
	store := server.Open(b, server.Config())
	w, err := spooled.New(spooled.Config{MaxBytes: 8 << 30}, spooled.Deps{Dir: b.TempDir(), Store: store, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	write := func(b *testing.B) {
		b.Helper()
		b.SetParallelism(2)
		b.RunParallel(func(p *testing.PB) {
			samples := round(0)
			for n := 0; p.Next(); n++ {
				for i := range samples {
					samples[i].UnixMilli += 15_000
				}
				if err := w.Write(b.Context(), samples); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	}
	b.Run("direct", write)
	server.Process.Kill()
	waiting := 0
	b.Run("spooled", func(b *testing.B) {
		write(b)
		waiting += 1000 * b.N
	})
	server.Process.Start(b)
	start := time.Now()
	background := bench{Writer: w}
	stop := background.run(b)
	for w.Waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	b.Logf("emptied at %.0f samples/s", float64(waiting)/time.Since(start).Seconds())
}
