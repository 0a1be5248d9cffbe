package forecast

import (
	"fmt"
	"math"

	"github.com/barograph/barograph"
)

// priorPredictions is how many predictions the models' own word counts for in
// each bin: what is learnt from as many is believed half.
const priorPredictions = 10

// reliability says how often warnings of such a probability came true.
//
// Each bin of announced probability is shrunk towards what was announced, as by
// a beta prior, and the bins are made non-decreasing by pooling adjacent
// violators, each counting by its weight with the prior's. Between the bins the
// log odds go straight, beyond them they keep their distance.
//
// Source: Zadrozny and Elkan, "Transforming classifier scores into accurate
// multiclass probability estimates" (2002), for isotonic calibration; Ayer,
// Brunk, Ewing, Reid and Silverman, "An empirical distribution function for
// sampling with incomplete information" (1955), for the pooling.
type reliability struct {
	announced, came    [barograph.ReliabilityBins]float64 // log odds, both non-decreasing
	predictions, right [barograph.ReliabilityBins]int     // without those that turned
}

func newReliability(seen []evidence) (r reliability) {
	var weight, said, came [barograph.ReliabilityBins]float64
	for _, e := range seen {
		b := barograph.BinOf(e.said)
		weight[b] += e.weight
		said[b] += e.weight * e.said
		switch {
		case e.turned:
			came[b] += e.weight * e.said
			continue
		case e.came:
			r.right[b]++
			came[b] += e.weight
		}
		r.predictions[b]++
	}
	var rates [barograph.ReliabilityBins]float64
	for b := range rates {
		middle := (float64(b) + .5) / barograph.ReliabilityBins
		// A bin's own mean, drawn to its middle as far as it holds little, never
		// leaves the bin.
		mean := (said[b] + middle) / (weight[b] + 1)
		r.announced[b] = logit(mean)
		rates[b] = (came[b] + priorPredictions*mean) / (weight[b] + priorPredictions)
		weight[b] += priorPredictions
	}
	poolViolators(rates[:], weight[:])
	for b, rate := range rates {
		r.came[b] = logit(rate)
	}
	return r
}

// poolViolators makes the values non-decreasing, the least squares way: whatever
// decreases becomes its weighted mean.
func poolViolators(values, weights []float64) {
	type block struct {
		mean, weight float64
		size         int
	}
	blocks := make([]block, 0, len(values))
	for i, v := range values {
		blocks = append(blocks, block{v, weights[i], 1})
		for n := len(blocks); n > 1 && blocks[n-2].mean > blocks[n-1].mean; n-- {
			a, b := blocks[n-2], blocks[n-1]
			w := a.weight + b.weight
			blocks = append(blocks[:n-2], block{(a.mean*a.weight + b.mean*b.weight) / w, w, a.size + b.size})
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.size {
			values[i] = b.mean
			i++
		}
	}
}

// correct returns what the probability should have been, with log odds that
// differ by the bound at most. It is non-decreasing.
func (r *reliability) correct(p, bound float64) float64 {
	x := logit(p)
	return logistic(min(max(r.line(x), x-bound), x+bound))
}

// line returns the log odds that go with announced ones.
func (r *reliability) line(x float64) float64 {
	last := len(r.announced) - 1
	if x <= r.announced[0] {
		return x + r.came[0] - r.announced[0]
	}
	for b := 1; b <= last; b++ {
		if left, right := r.announced[b-1], r.announced[b]; x <= right {
			return r.came[b-1] + (r.came[b]-r.came[b-1])*(x-left)/(right-left)
		}
	}
	return x + r.came[last] - r.announced[last]
}

// words says what the table rests on near the probability: the bin, or all of
// them if that is empty.
func (r *reliability) words(p float64) string {
	b := barograph.BinOf(p)
	if n := r.predictions[b]; n > 0 {
		const width = 100 / barograph.ReliabilityBins
		return fmt.Sprintf("this rule's warnings of %d–%d %% came true %s of %d", b*width, (b+1)*width, times(r.right[b]), n)
	}
	n, right := 0, 0
	for b := range r.predictions {
		n, right = n+r.predictions[b], right+r.right[b]
	}
	return fmt.Sprintf("this rule's warnings came true %s of %d", times(right), n)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
