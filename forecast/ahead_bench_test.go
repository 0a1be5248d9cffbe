package forecast_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/clocktest"
	"github.com/barograph/barograph/internal/promtsdb"
)

// BenchmarkAhead asks for the curves of 99 series: first drawn, then kept.
func BenchmarkAhead(b *testing.B) {
	w := &world{rules: []barograph.Rule{diskRule()}, clock: clocktest.New(epoch)}
	cfg := promtsdb.DefaultConfig()
	cfg.MinFreeSpace, cfg.Durability = 0, promtsdb.DurabilityOS
	var err error
	if w.store, err = promtsdb.Open(cfg, promtsdb.Deps{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Clock: w.clock}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.store.Close() })
	for i := range 99 { // and one that is predicted, but not stored
		var batch []barograph.Sample
		for k, v := range filling() {
			batch = append(batch, barograph.Sample{Series: disk(fmt.Sprintf("h%02d", i)), UnixMilli: epoch.UnixMilli() - int64(len(filling())-1-k)*300_000, Value: v})
		}
		if err := w.store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	q := barograph.Query{Selector: barograph.Selector{Metric: forecast.AheadMetric}, From: epoch, To: epoch.Add(barograph.Day)}
	m, err := barograph.NewMatcher("rule", barograph.MatchEqual, "disk_full")
	if err != nil {
		b.Fatal(err)
	}
	q.Selector.Matchers = barograph.Matchers{m}
	ask := func(b *testing.B, a *forecast.Ahead) {
		b.Helper()
		if found, err := a.Select(b.Context(), q); err != nil || len(found) != 297 {
			b.Fatal(err, len(found))
		}
	}
	newAhead := func() *forecast.Ahead {
		c, err := forecast.NewCurves(forecast.DefaultConfig(), w, w, w, forecast.Deps{Clock: w.clock, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
		if err != nil {
			b.Fatal(err)
		}
		return forecast.NewAhead(c, w, w.store)
	}
	b.Run("drawn", func(b *testing.B) {
		for b.Loop() {
			ask(b, newAhead())
		}
	})
	b.Run("kept", func(b *testing.B) {
		a := newAhead()
		ask(b, a)
		for b.Loop() {
			ask(b, a)
		}
	})
}
