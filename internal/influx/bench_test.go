package influx_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barograph/barograph"
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
