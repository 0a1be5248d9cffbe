package load_test

import (
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/influx"
	"github.com/barograph/barograph/internal/influx/influxtest"
	"github.com/barograph/barograph/internal/promremote/promremotetest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// What a page or a forecast may ask for: a week of a thousand series in steps of
// five minutes.
const (
	readSeries = 1000
	readStep   = 5 * time.Minute
	readSteps  = int(barograph.Week / readStep)
	readGoal   = 2.0 // seconds
)

// read measures how long a week of a thousand series takes from each store.
func (c *comparison) read(t *testing.T) {
	t.Helper()
	from := time.Now().Add(-barograph.Week).Truncate(readStep).Add(readStep)
	for name, open := range map[string]func(*testing.T) readStore{
		"embedded": openEmbedded, "InfluxDB 1.8.3": openInfluxDB, "VictoriaMetrics": openVictoria,
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, from)
			var took []float64
			for range max(3, *rounds) {
				took = append(took, readWeek(t, store, from))
			}
			c.goal(t, fmt.Sprintf("read %d series of %d rolled-up points: %s", readSeries, readSteps, name), took, " s", readGoal,
				func(got float64) bool { return got <= readGoal })
		})
	}
}

// readStore is what is measured.
type readStore interface {
	barograph.SampleWriter
	barograph.SampleReader
}

func openEmbedded(t *testing.T) readStore {
	t.Helper()
	store, err := promtsdb.Open(promtsdb.DefaultConfig(), promtsdb.Deps{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: barograph.WallClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // its directory goes, too
	return store
}

func openInfluxDB(t *testing.T) readStore {
	t.Helper()
	store, err := influx.New(influxtest.Start(t).Config(t, 0), influx.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // it only ends what is sent
	return store
}

func openVictoria(t *testing.T) readStore {
	t.Helper()
	server := promremotetest.VictoriaMetrics(t, "-memory.allowedBytes=2GB")
	return server.Open(t, server.Config())
}

// fill writes the week, oldest first.
func fill(t *testing.T, store barograph.SampleWriter, from time.Time) {
	t.Helper()
	series := make([]barograph.Series, readSeries)
	for i := range series {
		series[i] = barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
			"host": fmt.Sprintf("host%04d.example.com", i), "mount": "/var/lib", "device": "/dev/nvme0n1p3", "fstype": "ext4",
		})}
	}
	const batchSteps = 24
	parts := make([][]barograph.Sample, clients) // one after the other of each
	steps := readSteps * int(readStep / *interval)
	for first := 0; first < steps && !t.Failed(); first += batchSteps {
		for p := range parts {
			parts[p] = parts[p][:0]
			for step := first; step < min(first+batchSteps, steps); step++ {
				at := from.Add(time.Duration(step) * *interval).UnixMilli()
				for i := p; i < readSeries; i += clients {
					value := math.Round(1e4*(0.5+0.3*math.Sin(float64(step+i)/50))) / 1e4
					parts[p] = append(parts[p], barograph.Sample{Series: series[i], UnixMilli: at, Value: value})
				}
			}
		}
		each(parts, func(batch []barograph.Sample) {
			if err := store.Write(t.Context(), batch); err != nil {
				t.Error(err)
			}
		})
	}
}

// readWeek returns how many seconds reading the week took.
func readWeek(t *testing.T, store barograph.SampleReader, from time.Time) float64 {
	t.Helper()
	q := barograph.Query{
		Selector: barograph.Selector{Metric: "disk_used_ratio"}, From: from, To: from.Add(barograph.Week), Step: readStep, Rollup: barograph.RollupMean,
	}
	began := time.Now()
	got, err := store.Select(t.Context(), q)
	took := time.Since(began)
	if err != nil || len(got) != readSeries || len(got[0].Points) != readSteps {
		t.Fatalf("%d series, %v; want %d of %d points", len(got), err, readSeries, readSteps)
	}
	return took.Seconds()
}
