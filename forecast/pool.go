package forecast

import "math"

// The least and the largest probability that is ever given. Nothing is certain.
const (
	FloorProbability   = .005
	CeilingProbability = .995
)

// windowPrior is how many windows, half of them crossing, every estimate from
// windows starts with.
const windowPrior = .6

// leastClarity is what a model's vote counts at least, so that there is an answer
// where nobody saw clearly.
const leastClarity = .02

// voteLimit keeps a single model from deciding alone; towards zero the limit
// shrinks with the time that is looked at, or else low votes would all seem to
// say "at once or never".
const voteLimit = .985

// voter is a model with its weight in the pool.
type voter struct {
	model  Model
	weight float64
}

// pool joins the models' distributions by a weighted mean of their log-odds,
// scaled to the same sum of weights whoever is absent.
//
// C. Genest and J. V. Zidek: Combining probability distributions: a critique
// and an annotated bibliography. Statistical Science 1 (1986), section 3.2. A
// sum of weights above one sharpens the mean, as experts who share evidence are
// each too shy: V. A. Satopää and others, Combining multiple probability
// predictions using a simple logit model, International Journal of Forecasting
// 30 (2014).
type pool struct {
	logOdds [len(CDF{})]float64
	weight  float64
}

func (p *pool) add(c *CDF, weight float64) {
	for k, f := range c {
		f = min(max(f, (1-voteLimit)*c.share(k)), voteLimit)
		p.logOdds[k] += weight * math.Log(f/(1-f))
	}
	p.weight += weight
}

// cdf returns the pooled distribution for this sum of weights.
func (p *pool) cdf(sum float64) (c CDF) {
	least := 0.0
	for k, z := range p.logOdds {
		f := 1 / (1 + math.Exp(-z*sum/p.weight))
		least = max(least, min(f, CeilingProbability), FloorProbability*c.share(k))
		c[k] = least
	}
	return c
}
