package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/forecast"
)

const courses = 30 // that writeSeries writes

// course returns a made-up series: by its number a walk, a season, a trend or
// a value that is pulled back to its level.
func course(number, length int) []float64 {
	r := rand.New(rand.NewPCG(uint64(number), 1))
	out, level := make([]float64, length), 0.0
	for i := range out {
		x := float64(i)
		switch number % 4 {
		case 0:
			level += r.NormFloat64()
			out[i] = level
		case 1:
			out[i] = 5*math.Sin(2*math.Pi*x/24) + r.NormFloat64()
		case 2:
			out[i] = .05*x + r.NormFloat64()
		default:
			level = .8*level + r.NormFloat64()
			out[i] = level
		}
	}
	return out
}

// writeSeries writes made-up series with gaps, and a question about each, that
// has only what the generator needs.
func writeSeries(t *testing.T, dir string) (series, asked string) {
	t.Helper()
	series, asked = filepath.Join(dir, "series.jsonl.gz"), filepath.Join(dir, "asked.jsonl")
	writeAll(t, series, func(n int) any {
		values := pointers(course(n, 400))
		values[200+n] = nil
		return recorded{ID: fmt.Sprintf("host-%02d/value", n), Step: 300, Values: values}
	})
	writeAll(t, asked, func(n int) any {
		return question{
			ID: fmt.Sprintf("host-%02d/value@299", n), Step: 300, Values: pointers(course(n, 300)),
			Threshold: 50, Direction: [...]string{"above", "below"}[n%2], Horizon: 24,
		}
	})
	return series, asked
}

func writeAll(t *testing.T, file string, line func(n int) any) {
	t.Helper()
	err := writeLines(file, func(lines *json.Encoder) error {
		for n := range courses {
			if err := lines.Encode(line(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func brier(o outcome) (sum float64) {
	for i, c := range o.answers {
		sum += square(c[len(c)-1]-truthOf(o.rows[i].crossed[barograph.CDFPoints-1])) / float64(len(o.answers))
	}
	return sum
}

// baseRateBrier is the score of whoever says how often the limit is crossed.
func baseRateBrier(rows []row) float64 {
	rate := 0.0
	for _, r := range rows {
		rate += truthOf(r.crossed[barograph.CDFPoints-1]) / float64(len(rows))
	}
	return rate * (1 - rate)
}

func reweighted(rows []row, weight float64) []row {
	out := slices.Clone(rows)
	for i := range out {
		out[i].weight = weight
	}
	return out
}

func symmetric(rows [][]float64) *mat.SymDense {
	return mat.NewSymDense(len(rows), slices.Concat(rows...))
}

// apply is what a mixture makes of the evidence.
func apply(b []float64, evidence forecast.Evidence) (c forecast.CDF) {
	least := 0.0
	for k, x := range evidence {
		z := 0.0
		for j, v := range x {
			z += b[j] * v
		}
		least = max(least, min(1/(1+math.Exp(-z)), forecast.CeilingProbability))
		c[k] = least
	}
	return c
}

func applied(b []float64) func(row) forecast.CDF {
	return func(r row) forecast.CDF { return apply(b, r.evidence) }
}
