package forecast_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/barograph/barograph/forecast"
)

func BenchmarkCurve(b *testing.B) {
	e, q := forecast.NewEngine(), hourly(900, 48)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := e.Curve(q, .95); !ok {
			b.Fatal("no curve")
		}
	}
}

func BenchmarkCurveModel(b *testing.B) {
	projections := forecast.CurveProjections(hourly(900, 48))
	for _, name := range slices.Sorted(maps.Keys(projections)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !projections[name].Project() {
					b.Fatal("nothing to say")
				}
			}
		})
	}
}
