package forecast

import (
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Model estimates the first-passage distribution of a prepared series. It keeps
// no state between questions and no reference to the series.
type Model interface {
	Name() string
	// FirstPassage returns false if the model has nothing to say.
	FirstPassage(s *Series) (Passage, bool)
}

// Passage is what one model says.
type Passage struct {
	CDF CDF
	// Clarity, from 0 to 1, is how much of what the model looked at it saw to
	// the end; its vote counts accordingly.
	Clarity float64
	// Windows have a known outcome, and Hits of them crossed; zero if the model does
	// not count. Witnesses says what they are.
	Windows, Hits int
	Witnesses     string
}

// Engine answers questions. It is safe for concurrent use.
type Engine struct {
	voters  []voter
	weights float64 // their sum
	scratch sync.Pool
}

// NewEngine returns an engine with all models. The weights were fitted once, by
// least squared error of the pooled distribution, to a few thousand questions
// about recorded series of servers and links.
func NewEngine() *Engine {
	e := &Engine{
		voters: []voter{
			{Increments{}, .06},
			{Analogues{}, .24},
			{Phase{}, .29},
			{Phase{Levels: true}, .21},
			{Drift{}, .11},
		},
		scratch: sync.Pool{New: func() any { return new(Series) }},
	}
	for _, v := range e.voters {
		e.weights += v.weight
	}
	return e
}

// Answer answers a question; see the package comment for what it promises.
func (e *Engine) Answer(q Question) Answer {
	s, ok := e.scratch.Get().(*Series)
	if !ok {
		s = new(Series)
	}
	defer e.scratch.Put(s)
	if a, refused := refuseQuestion(q); refused {
		return a
	}
	if !s.load(q) {
		return insufficientf("no value is known")
	}
	a := Answer{Value: q.Values[lastKnown(q.Values)], Points: len(s.observed)}
	if s.refuseEarly(q, &a) {
		return a
	}
	s.describe(q)
	var seen Passage
	if s.still() {
		a.CDF.fill(FloorProbability)
	} else {
		seen = e.ask(s, &a)
	}
	if s.refuseLate(q, &a) {
		return a
	}
	a.State = barograph.StateForecast
	a.Probability = a.CDF[len(a.CDF)-1]
	a.ETA = a.CDF.quantiles(s.horizon)
	a.Reason = s.reason(q, seen)
	return a
}

// ask lets the models vote on a.CDF and returns the evidence of the last one
// that counted.
func (e *Engine) ask(s *Series, a *Answer) (seen Passage) {
	var votes pool
	a.Models = make([]string, 0, len(e.voters))
	for _, v := range e.voters {
		p, ok := v.model.FirstPassage(s)
		if !ok {
			continue
		}
		votes.add(&p.CDF, v.weight*max(p.Clarity, leastClarity))
		a.Models = append(a.Models, v.model.Name())
		if p.Windows > 0 {
			seen = p
		}
	}
	if len(a.Models) > 0 {
		a.CDF = votes.cdf(e.weights)
	}
	return seen
}

// stepOf returns the step of the question's grid.
func stepOf(q Question) time.Duration {
	if q.Step <= 0 {
		return time.Minute
	}
	return q.Step
}

func lastKnown(values []float64) int {
	last := len(values) - 1
	for last >= 0 && !finite(values[last]) {
		last--
	}
	return last
}
