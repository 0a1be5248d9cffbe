package alerting_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
)

const (
	benchSeries = 10_000
	benchBatch  = 5_000
)

// BenchmarkObserve judges batches of samples as line protocol brings them: each
// host's metrics side by side. Labels are copied for every batch, so that none
// is recognized by its address.
func BenchmarkObserve(b *testing.B) {
	for _, rules := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			e := benchEngine(b, rules)
			batches := benchBatches()
			begin := time.Now()
			n := 0
			for b.Loop() {
				batch := batches[n%len(batches)]
				at := begin.Add(time.Duration(n/len(batches)) * time.Millisecond).UnixMilli()
				for i := range batch {
					batch[i].UnixMilli = at
				}
				e.Observe(batch)
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*benchBatch), "ns/sample")
		})
	}
}

func benchEngine(b *testing.B, rules int) *alerting.Engine {
	b.Helper()
	db := database(b)
	for i := range rules {
		r := barograph.Rule{
			ID: barograph.RuleID(fmt.Sprintf("rul_%d", i)), Name: fmt.Sprintf("rule %d", i), Series: barograph.Selector{Metric: "disk_used_ratio"},
			Operator: barograph.Above, Limit: 0.9, OpenAt: .7, CloseAt: .4, Severity: barograph.SeverityWarning, Enabled: true,
		}
		if err := db.CreateRule(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	e, err := alerting.NewEngine(b.Context(), alerting.DefaultConfig(), alerting.EngineOptions{
		Store: db, Reader: noSamples{}, Clock: barograph.WallClock{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
		Recorded: func() {},
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func benchBatches() [][]barograph.Sample {
	var batches [][]barograph.Sample
	for n := 0; n < benchSeries; n += benchBatch {
		batch := make([]barograph.Sample, 0, benchBatch)
		for i := range benchBatch {
			batch = append(batch, barograph.Sample{
				Series: barograph.Series{Metric: "disk_used_ratio", Labels: barograph.NewLabels(map[string]string{
					"host": fmt.Sprintf("web-%05d", n+i), "mount": "/var/lib", "device": "nvme0n1p2", "fstype": "ext4",
				})},
				Value: 0.5,
			})
		}
		batches = append(batches, batch)
	}
	return batches
}

// BenchmarkObserveOthers judges samples of many metrics side by side, none of
// which has a rule.
func BenchmarkObserveOthers(b *testing.B) {
	e := benchEngine(b, 3)
	batch := benchBatches()[0]
	for i := range batch {
		batch[i].Series.Metric = fmt.Sprintf("cpu_%02d_ratio", i%20)
		batch[i].UnixMilli = time.Now().UnixMilli()
	}
	for b.Loop() {
		e.Observe(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchBatch), "ns/sample")
}

// BenchmarkTick judges time over 100,000 series.
func BenchmarkTick(b *testing.B) {
	e := benchEngine(b, 1)
	now := time.Now()
	for n := 0; n < 100_000; n += benchBatch {
		batch := make([]barograph.Sample, benchBatch)
		for i := range batch {
			batch[i] = barograph.Sample{Series: disk(fmt.Sprintf("web-%06d", n+i)), UnixMilli: now.UnixMilli(), Value: .5}
		}
		e.Observe(batch)
	}
	for b.Loop() {
		alerting.Tick(e, now)
	}
}

type noSamples struct{}

func (noSamples) Select(context.Context, barograph.Query) ([]barograph.SeriesPoints, error) {
	return nil, nil
}
