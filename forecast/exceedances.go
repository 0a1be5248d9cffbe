package forecast

import (
	"math"
	"slices"
)

// Exceedances takes the limit as one that independent blocks of time reach or
// not: how high did the blocks of the past go, and how likely is the next to
// go as high as the limit.
//
// The method of block maxima: E. J. Gumbel, Statistics of Extremes (1958);
// M. R. Leadbetter, G. Lindgren and H. Rootzén, Extremes and Related Properties
// of Random Sequences and Processes (1983). The distribution of the maxima is
// not assumed but smoothed with a logistic kernel (Silverman 1986), which also
// says something of limits that were never reached.
type Exceedances struct{}

var _ Model = Exceedances{}

const (
	fewestBlocks = 4
	mostBlocks   = 400
	blockKernel  = .25 // width of the kernel in spreads of the maxima
)

// Name returns "exceedances".
func (Exceedances) Name() string { return "exceedances" }

// FirstPassage implements Model.
func (Exceedances) FirstPassage(s *Series) (Passage, bool) {
	block := max(1, s.look*3/32)
	maxima := s.blockMaxima(block)
	if len(maxima) < fewestBlocks {
		return Passage{}, false
	}
	s.sorted = append(s.sorted[:0], maxima...)
	slices.Sort(s.sorted)
	spread := s.sorted[len(s.sorted)*9/10] - s.sorted[len(s.sorted)/10]
	width := blockKernel * max(spread, s.spread/20) * math.Pow(float64(len(maxima)), -.2)
	weight, halving := 1.0, math.Exp2(-2*float64(block)/float64(s.now+1))
	over, total := windowPrior*s.chance/2, windowPrior
	for _, m := range maxima {
		over += weight / (1 + math.Exp((s.limit-m)/width))
		total += weight
		weight *= halving
	}
	stay := math.Log1p(-over / total)
	var p Passage
	for k := range p.CDF {
		p.CDF[k] = -math.Expm1(stay * p.CDF.share(k) * float64(s.horizon) / float64(block))
	}
	return p, true
}

// blockMaxima returns the largest known values of the newest blocks of so many
// steps, newest first, valid until the next call.
func (s *Series) blockMaxima(block int) []float64 {
	s.left = s.left[:0]
	for end := s.now + 1; end >= block && len(s.left) < mostBlocks; end -= block {
		highest := math.Inf(-1)
		for _, v := range s.values[end-block : end] {
			if v > highest {
				highest = v
			}
		}
		if !math.IsInf(highest, -1) {
			s.left = append(s.left, highest)
		}
	}
	return s.left
}
