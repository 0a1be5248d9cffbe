package forecast

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
)

// The least and the largest probability that is ever given. Nothing is certain.
const (
	FloorProbability   = .005
	CeilingProbability = .99
)

// voteLimit keeps a single model from deciding alone; towards zero the limit
// shrinks with the time that is looked at, or else low votes would all seem to
// say "at once or never".
const voteLimit = .985

// gate says in which situations a weight counts, and how much.
type gate int

// The gates come in pairs that add up to one, so that each weight of a model
// is a blend of what it is worth at the ends of three scales.
const (
	gateSeasonal gate = iota
	gateUnseasonal
	gateStraight
	gateCrooked
	gateShort // history
	gateLong
	gateCounter
	gateLevel
	gates
)

// String returns the gate's name in the coefficients.
func (g gate) String() string {
	return [...]string{"seasonal", "unseasonal", "straight", "crooked", "short", "long", "counter", "level"}[g]
}

// mixtureData are the coefficients, fitted by the command forecast/train.
//
//go:embed mixture.json
var mixtureData []byte

// mixture joins the models' distributions by a logistic regression on their
// log-odds, whose weights depend on the situation and are never negative: a
// model that says more never makes the mixture say less.
//
// It is the logarithmic opinion pool (C. Genest and J. V. Zidek, Statistical
// Science 1, 1986) with fitted weights (V. A. Satopää and others, International
// Journal of Forecasting 30, 2014), gated as a mixture of experts is (R. A.
// Jacobs and others, Neural Computation 3, 1991).
type mixture struct {
	weights  [][gates]float64 // of each model
	constant [gates]float64
	logSteps [gates]float64 // of the logarithm of the steps that are looked ahead
}

// Names of the two terms that belong to no model.
const (
	constantName = "constant"
	logStepsName = "log steps"
)

// fitted returns the embedded coefficients. It panics if they can't be read:
// they are part of the program.
func fitted() map[string]float64 {
	var coefficients map[string]float64
	if err := json.Unmarshal(mixtureData, &coefficients); err != nil {
		panic(fmt.Sprintf("forecast: mixture.json: %v", err))
	}
	return coefficients
}

// newMixture returns the mixture of these models; a coefficient that is missing
// is zero.
func newMixture(models []Model, coefficients map[string]float64) mixture {
	gated := func(name string) (w [gates]float64) {
		for g := range gates {
			w[g] = coefficients[coefficientName(name, g)]
		}
		return w
	}
	m := mixture{constant: gated(constantName), logSteps: gated(logStepsName)}
	for _, model := range models {
		m.weights = append(m.weights, gated(model.Name()))
	}
	return m
}

func coefficientName(term string, g gate) string { return term + ", " + g.String() }

// blend returns the weight for the gates as open as they are.
func blend(w, open [gates]float64) float64 {
	sum := 0.0
	for g, o := range open {
		sum += o * w[g]
	}
	return sum
}

// gateValues returns how open each gate is, from 0 to 1.
func (s *Series) gateValues() (v [gates]float64) {
	if s.season > 0 {
		v[gateSeasonal] = 1
	}
	v[gateStraight] = s.straight
	v[gateShort] = 1 / (1 + .1*float64(s.now+1)/float64(s.look))
	if s.rises() >= counterShare {
		v[gateCounter] = 1
	}
	v[gateUnseasonal], v[gateCrooked] = 1-v[gateSeasonal], 1-v[gateStraight]
	v[gateLong], v[gateLevel] = 1-v[gateShort], 1-v[gateCounter]
	return v
}

// counterShare is the share of steps without a fall from which on a series is
// taken for a counter, resets and corrections included.
const counterShare = .98

// rises returns the share of steps at which the series did not fall.
func (s *Series) rises() float64 {
	n := 0
	for i, v := range s.filled[1:] {
		if v >= s.filled[i] {
			n++
		}
	}
	return float64(n) / float64(max(1, s.now))
}

// votes are the log-odds of each model at each point of the horizon. Models
// that have nothing to say vote as the stand-in does.
type votes [][len(CDF{})]float64

// set sets a model's votes.
func (v votes) set(j int, c *CDF, horizonPerLook float64) {
	for k, f := range c {
		f = min(max(f, (1-voteLimit)*c.share(k)*horizonPerLook), voteLimit)
		v[j][k] = math.Log(f / (1 - f))
	}
}

// cdf returns the joint distribution.
func (m *mixture) cdf(v votes, open [gates]float64, horizon int) (c CDF) {
	var z CDF
	for j := range m.weights {
		w := blend(m.weights[j], open)
		if w == 0 {
			continue
		}
		for k := range z {
			z[k] += w * v[j][k]
		}
	}
	least := 0.0
	constant, logSteps := blend(m.constant, open), blend(m.logSteps, open)
	for k := range c {
		steps := c.share(k) * float64(horizon)
		f := 1 / (1 + math.Exp(-z[k]-constant-logSteps*math.Log(steps)))
		least = max(least, min(f, CeilingProbability), FloorProbability*c.share(k))
		c[k] = least
	}
	return c
}
