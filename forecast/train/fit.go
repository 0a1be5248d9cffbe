package main

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/barograph/barograph/forecast"
)

const (
	penalty    = 30.  // on squared standardised coefficients
	iterations = 12   // of the reweighting
	sweeps     = 400  // of the coordinate descent, at most
	settled    = 1e-7 // change of a coefficient that ends it
)

// fittedPoints are the points of the horizon that are fitted to; the last
// counts twice, for it is the probability that is announced.
func fittedPoints() []int { return []int{0, 3, 7, 11, 15, 19, 19} }

// fit returns the coefficients that suit the rows best, those left out aside.
func fit(rows []row, leftOut []bool) []float64 {
	names, nonNegative := forecast.NewEngine().Terms()
	p := len(names)
	scale := spreads(rows, leftOut, p)
	b := make([]float64, p)
	for range iterations {
		before := slices.Clone(b)
		gram, moments := normalEquations(rows, leftOut, b, scale)
		descend(gram, moments, b, nonNegative)
		if change(before, b) < 1e-5 {
			break
		}
	}
	for j := range b {
		b[j] /= scale[j]
	}
	return b
}

// spreads returns the root mean square of each term.
func spreads(rows []row, leftOut []bool, p int) []float64 {
	out, n := make([]float64, p), 0.0
	for i := range rows {
		if leftOut[i] {
			continue
		}
		for _, k := range fittedPoints() {
			for j, x := range rows[i].evidence[k] {
				out[j] += x * x
			}
			n++
		}
	}
	for j := range out {
		out[j] = math.Sqrt(out[j]/max(n, 1)) + 1e-9
	}
	return out
}

// normalEquations returns the weighted least-squares problem that stands for
// the likelihood around b.
func normalEquations(rows []row, leftOut []bool, b, scale []float64) (*mat.SymDense, []float64) {
	p := len(b)
	gram, moments := mat.NewSymDense(p, nil), make([]float64, p)
	raw, x := gram.RawSymmetric(), make([]float64, p)
	for i := range rows {
		if leftOut[i] {
			continue
		}
		for _, k := range fittedPoints() {
			z := 0.0
			for j, v := range rows[i].evidence[k] {
				x[j] = v / scale[j]
				z += b[j] * x[j]
			}
			f := 1 / (1 + math.Exp(-z))
			h := max(f*(1-f), 1e-4)
			y := 0.0
			if rows[i].crossed[k] {
				y = 1
			}
			w := rows[i].weight * h
			target := z + (y-f)/h
			for j, v := range x {
				if v == 0 {
					continue
				}
				wv := w * v
				moments[j] += wv * target
				line := raw.Data[j*raw.Stride : j*raw.Stride+p]
				for l := j; l < p; l++ {
					line[l] += wv * x[l]
				}
			}
		}
	}
	for j := range p {
		gram.SetSym(j, j, gram.At(j, j)+penalty)
	}
	return gram, moments
}

// descend solves the least-squares problem, coordinate by coordinate, with the
// first coefficients held at zero or above (Lawson and Hanson 1974, by the
// descent of Franc, Hlaváč and Navara 2005).
func descend(gram *mat.SymDense, moments, b []float64, nonNegative int) {
	for range sweeps {
		most := 0.0
		for j := range b {
			rest := moments[j]
			for l, v := range b {
				if l != j {
					rest -= gram.At(j, l) * v
				}
			}
			next := rest / gram.At(j, j)
			if j < nonNegative {
				next = max(0, next)
			}
			most = max(most, math.Abs(next-b[j]))
			b[j] = next
		}
		if most < settled {
			return
		}
	}
}

func change(a, b []float64) float64 {
	most := 0.0
	for j := range a {
		most = max(most, math.Abs(a[j]-b[j]))
	}
	return most
}

// named returns the coefficients by name, rounded, without those that are zero.
func named(b []float64) map[string]float64 {
	names, _ := forecast.NewEngine().Terms()
	out := map[string]float64{}
	for j, name := range names {
		if v := math.Round(b[j]*1e4) / 1e4; v != 0 {
			out[name] = v
		}
	}
	return out
}
