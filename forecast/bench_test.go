package forecast_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/barograph/barograph/forecast"
)

// busy is a question that every model but the renewal has something to say to:
// two months of hours with a daily season.
func busy() forecast.Question {
	r := rand.New(rand.NewPCG(1, 1))
	level := 0.0
	return question(generate(1440, func(i int) float64 {
		level += r.NormFloat64() / 4
		return level + 10*math.Sin(2*math.Pi*float64(i)/24) + r.NormFloat64()
	}), 25, 72)
}

func BenchmarkAnswer(b *testing.B) {
	e, q := forecast.NewEngine(), busy()
	b.ReportAllocs()
	for b.Loop() {
		e.Answer(q)
	}
}

func BenchmarkPrepare(b *testing.B) {
	q := busy()
	for b.Loop() {
		forecast.Prepare(q)
	}
}

func BenchmarkModel(b *testing.B) {
	for _, m := range forecast.NewEngine().Models() {
		b.Run(m.Name(), func(b *testing.B) {
			q := busy()
			if _, is := m.(forecast.Renewal); is {
				q = question(risingTeeth(1), 80, 120)
			}
			s, ok := forecast.Prepare(q)
			if !ok {
				b.Fatal("not a question")
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := m.FirstPassage(s); !ok {
					b.Fatal("nothing to say")
				}
			}
		})
	}
}
