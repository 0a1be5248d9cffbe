package forecast

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

const (
	ridgePenalty = 1  // in standardised squares
	ridgeReach   = .5 // how far outside the past's range the recursion may lead, in ranges
	ridgeRows    = 2  // a coefficient, at least

	ridgeLong  = .25 // half-life of a row's weight, as a share of the history
	ridgeShort = .1
)

// curveRidge is an autoregression on the last steps, on some ever further apart
// (as in the heterogeneous autoregression: Corsi 2009), and on the steps around
// one and two seasons ago, forecast step by step. The coefficients are shrunk
// (ridge regression: Hoerl and Kennard 1970), not to zero but to those of
// the naive forecast: half the last season and half the last long one, or the last
// value.
//
// With a long memory it works on the scale that suits the series, with a short
// one on the values themselves: two different opinions, that make a better mean
// than two good ones.
type curveRidge struct{ long bool }

func (m curveRidge) name() string {
	if m.long {
		return "ridge_long_memory"
	}
	return "ridge_short_memory"
}

func (m curveRidge) project(c *course, origins []int, paths [][]float64) bool {
	source, memory := c.values, ridgeShort
	if m.long {
		source, memory = c.work, ridgeLong
	}
	r := newRidgeFit(source, origins[0], c)
	if r == nil {
		return false
	}
	r.half = memory * float64(len(source))
	for k, o := range origins {
		r.learn(o, c.known)
		if !r.solve(o) {
			return false
		}
		r.extend(o, paths[k])
		if m.long {
			c.leave(paths[k])
		}
	}
	return true
}

// ridgeFit holds the normal equations of the autoregression, which grow from
// origin to origin.
type ridgeFit struct {
	z           []float64 // standardised
	mean, width float64
	lags        []int
	prior       []float64 // coefficients that are shrunk to
	half        float64   // steps after which a row counts half
	learnt      int       // rows before this index are in the equations

	gram         *mat.SymDense
	moments      *mat.VecDense
	coefficients *mat.VecDense
	buf          []float64
}

func newRidgeFit(source []float64, first int, c *course) *ridgeFit {
	r := &ridgeFit{}
	r.chooseLags(first, c)
	if len(r.lags) == 0 {
		return nil
	}
	r.mean, r.width = stat.PopMeanStdDev(source[:first], nil)
	if r.width == 0 {
		r.width = 1
	}
	r.z = make([]float64, len(source))
	for i, v := range source {
		r.z[i] = (v - r.mean) / r.width
	}
	p := len(r.prior)
	r.gram, r.moments, r.coefficients = mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), mat.NewVecDense(p, nil)
	r.learnt = r.lags[len(r.lags)-1]
	return r
}

// chooseLags chooses the lags that leave enough rows before the first origin, and
// the coefficients to shrink to.
func (r *ridgeFit) chooseLags(first int, c *course) {
	m, l := c.short, c.long
	wanted := []int{1, 2, 3, 5, 8, 13, 21, 34, 55}
	if m > 0 {
		wanted = append(wanted, m-1, m, m+1, 2*m)
	} else {
		wanted = append(wanted, 4)
	}
	if l > 0 {
		wanted = append(wanted, l-1, l, l+1, 2*l)
	}
	slices.Sort(wanted)
	for _, lag := range slices.Compact(wanted) {
		if lag+ridgeRows*(len(r.lags)+2) <= first {
			r.lags = append(r.lags, lag)
		}
	}
	r.prior = make([]float64, len(r.lags)+1)
	if len(r.lags) == 0 {
		return
	}
	near, far := max(0, slices.Index(r.lags, m)), slices.Index(r.lags, l)
	if far < 0 {
		far = near
	}
	r.prior[near+1] += .5
	r.prior[far+1] += .5
}

// learn adds the rows of known values before an origin to the normal equations.
func (r *ridgeFit) learn(origin int, known []bool) {
	rows, p := origin-r.learnt, len(r.prior)
	if rows == 0 {
		return
	}
	x, y := mat.NewDense(rows, p, nil), mat.NewVecDense(rows, nil)
	for i := range rows {
		t, row := r.learnt+i, x.RawRowView(i)
		if !known[t] {
			continue
		}
		weight := math.Exp2(-float64(len(r.z)-t) / (2 * r.half))
		row[0] = weight
		for j, lag := range r.lags {
			row[j+1] = weight * r.z[t-lag]
		}
		y.SetVec(i, weight*r.z[t])
	}
	var gram mat.SymDense
	gram.SymOuterK(1, x.T())
	r.gram.AddSym(r.gram, &gram)
	var moments mat.VecDense
	moments.MulVec(x.T(), y)
	r.moments.AddVec(r.moments, &moments)
	r.learnt = origin
}

// solve finds the coefficients as of an origin.
func (r *ridgeFit) solve(origin int) bool {
	p := len(r.prior)
	penalty := ridgePenalty * math.Exp2(-float64(len(r.z)-origin)/r.half)
	gram, moments := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	gram.CopySym(r.gram)
	moments.AddScaledVec(r.moments, penalty, mat.NewVecDense(p, r.prior))
	for j := range p {
		gram.SetSym(j, j, gram.At(j, j)+penalty)
	}
	var cholesky mat.Cholesky
	return cholesky.Factorize(gram) && cholesky.SolveVecTo(r.coefficients, moments) == nil
}

// extend writes the course after the origin to the path.
func (r *ridgeFit) extend(origin int, path []float64) {
	r.buf = append(r.buf[:0], r.z[:origin]...)
	low, high := floats.Min(r.buf), floats.Max(r.buf)
	reach := ridgeReach * (high - low)
	w := r.coefficients.RawVector().Data
	for i := range path {
		v := w[0]
		for j, lag := range r.lags {
			v += w[j+1] * r.buf[origin+i-lag]
		}
		v = max(low-reach, min(high+reach, v))
		r.buf = append(r.buf, v)
		path[i] = r.mean + r.width*v
	}
}
