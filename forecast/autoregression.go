package forecast

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// Autoregression predicts each step from the steps before it and from those a
// season ago, and adds the errors that such predictions made, whole windows of
// them, so that errors which come together stay together.
//
// A. E. Hoerl and R. W. Kennard: Ridge regression. Technometrics 12 (1970): the
// penalty shrinks the change from step to step towards none, the random walk.
// The windows of errors are a block bootstrap (Künsch 1989) without drawing lots:
// the newest are all taken, evenly spread.
type Autoregression struct{}

var _ Model = Autoregression{}

const (
	arTerms   = 7    // at most: a constant and six lags
	arPenalty = 1    // in units of squared deviations
	arChanges = 1024 // that the weights are fitted to, at most
	arFewest  = 40   // points
	arSpare   = 30   // points that must be left after the longest lag
	arWindows = 48   // of errors, at most
	arRecent  = 600  // steps, or 4.5 horizons: how old a window may be
	arOutlier = 4    // deviations: a value farther off counts as this far, lest it alone makes the weights
)

// Name returns "autoregression".
func (Autoregression) Name() string { return "autoregression" }

// FirstPassage implements Model.
func (Autoregression) FirstPassage(s *Series) (Passage, bool) {
	n := s.now + 1
	if n < arFewest {
		return Passage{}, false
	}
	ar := s.autoregression()
	if !ar.fit() {
		return Passage{}, false
	}
	longest := ar.longest()
	s.left = ar.path(s.left, s.now, min(s.horizon, s.now))
	now := s.left[longest:]
	limit := (s.limit - s.slack - ar.mean) / ar.unit
	origins := s.origins(max(longest, n-max(arRecent, s.look*9/2)))
	if len(origins) < 4 {
		return Passage{}, false
	}
	km := s.estimator()
	stride := strideFor(len(origins), arWindows)
	for at := len(origins) - 1; at >= 0; at -= stride {
		i := int(origins[at])
		seen := s.seen(i)
		s.right = ar.start(s.right, i, seen)
		hit := 0
		for k, v := range s.values[i+1 : i+1+seen] { // a null is never as large as anything
			then := ar.next(s.right, longest+k)
			if (v-ar.mean)/ar.unit-then+now[k] >= limit {
				hit = k + 1
				break
			}
		}
		km.add(hit, seen, 1)
	}
	return km.passage(s)
}

// regression is a linear prediction of the next change of standardised values.
type regression struct {
	z          []float64
	mean, unit float64
	lags       []int // the first is 1
	constant   float64
	weights    [arTerms - 1]float64             // of the value at each lag
	buffer     [arTerms * (arTerms + 1)]float64 // the normal equations
}

// autoregression returns the regression of the series, not yet fitted.
func (s *Series) autoregression() *regression {
	ar := &s.ar
	ar.lags = append(ar.lags[:0], 1, 2, 3, 5, 8)
	if m := s.season; m > 3 {
		ar.lags = append(ar.lags[:3], m-1, m, m+1)
	}
	if s.now+1 < ar.longest()+arSpare {
		ar.lags = ar.lags[:3]
	}
	ar.mean, ar.unit = 0, 0
	for _, v := range s.filled {
		ar.mean += v
	}
	ar.mean /= float64(len(s.filled))
	for _, v := range s.filled {
		ar.unit += square(v - ar.mean)
	}
	ar.unit = math.Sqrt(ar.unit/float64(len(s.filled))) + 1e-12*s.spread
	ar.z = resize(ar.z, len(s.filled))
	for i, v := range s.filled {
		ar.z[i] = min(max((v-ar.mean)/ar.unit, -arOutlier), arOutlier)
	}
	return ar
}

// longest returns the longest lag.
func (r *regression) longest() int { return r.lags[len(r.lags)-1] }

// fit fits the weights to the changes of all values, newer ones counting more.
func (r *regression) fit() bool {
	terms := len(r.lags) + 1
	gram, moments := r.buffer[:terms*terms], r.buffer[terms*terms:terms*terms+terms]
	clear(r.buffer[:])
	n := len(r.z)
	first, stride := r.longest(), strideFor(n, arChanges)
	weight, fade := math.Exp2(-float64(n-first)/float64(n)), math.Exp2(float64(stride)/float64(n))
	var x [arTerms]float64
	for t := first; t < n; t += stride {
		r.terms(&x, r.z, t)
		y := r.z[t] - r.z[t-1]
		for i := range terms {
			wx := weight * x[i]
			moments[i] += wx * y
			row := gram[i*terms : (i+1)*terms]
			for j := i; j < terms; j++ {
				row[j] += wx * x[j]
			}
		}
		weight *= fade
	}
	for i := range terms {
		gram[i*terms+i] += arPenalty
	}
	factor, ok := lapack64.Potrf(blas64.Symmetric{Uplo: blas.Upper, N: terms, Stride: terms, Data: gram})
	if !ok {
		return false
	}
	lapack64.Potrs(factor, blas64.General{Rows: terms, Cols: 1, Stride: 1, Data: moments})
	r.weigh(moments)
	return true
}

// weigh turns the weights of the terms of a change into those of the values.
func (r *regression) weigh(solution []float64) {
	r.constant = solution[0]
	r.weights[0] = 1 + solution[1]
	for j, w := range solution[2:] {
		r.weights[j+1] = w
		r.weights[0] -= w
	}
}

// terms fills in what the change to the value at t is predicted from.
func (r *regression) terms(x *[arTerms]float64, z []float64, t int) {
	last := z[t-1]
	x[0], x[1] = 1, last
	for j, lag := range r.lags[1:] {
		x[j+2] = z[t-lag] - last
	}
}

// path returns what came before index i and at it, as far as the longest lag
// goes, and the predictions for so many steps after it.
func (r *regression) path(buf []float64, i, steps int) []float64 {
	buf = r.start(buf, i, steps)
	for t := r.longest(); t < len(buf); t++ {
		r.next(buf, t)
	}
	return buf
}

// start returns a path of which no step is predicted yet.
func (r *regression) start(buf []float64, i, steps int) []float64 {
	longest := r.longest()
	buf = resize(buf, longest+steps)
	copy(buf, r.z[i+1-longest:i+1])
	return buf
}

// next predicts the step at t of a path.
func (r *regression) next(buf []float64, t int) float64 {
	v := r.constant
	for j, lag := range r.lags {
		v += r.weights[j] * buf[t-lag]
	}
	if v > arOutlier {
		v = arOutlier
	} else if v < -arOutlier {
		v = -arOutlier
	}
	buf[t] = v
	return v
}
