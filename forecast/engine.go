package forecast

import (
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// Model estimates the first-passage distribution of a prepared series. It keeps
// no state between questions and no reference to the series. It works on the
// series' scratch: one series is asked by one goroutine at a time.
type Model interface {
	Name() string
	// FirstPassage returns false if the model has nothing to say.
	FirstPassage(s *Series) (Passage, bool)
}

// Passage is what one model says.
type Passage struct {
	CDF CDF
	// Windows have a known outcome, and Hits of them crossed; zero if the model does
	// not count. Witnesses says what they are.
	Windows, Hits int
	Witnesses     string
}

// Engine answers questions. It is safe for concurrent use.
type Engine struct {
	models  []Model
	mixture mixture
	scratch sync.Pool
}

// NewEngine returns an engine with all models.
func NewEngine() *Engine {
	e := &Engine{
		models: []Model{
			Increments{},
			Analogues{},
			Phase{},
			Phase{Levels: true},
			Reversion{},
			Exceedances{},
			Autoregression{},
			Drift{},
			Renewal{},
		},
	}
	e.mixture = newMixture(e.models, fitted())
	e.scratch.New = func() any { return e.newScratch() }
	return e
}

func (e *Engine) newScratch() *scratch { return &scratch{votes: make(votes, len(e.models))} }

// NewEngineWith returns an engine whose mixture has these coefficients, by the
// names of [Engine.Terms], for comparing them with others.
func NewEngineWith(coefficients map[string]float64) *Engine {
	e := NewEngine()
	e.mixture = newMixture(e.models, coefficients)
	return e
}

// scratch is what one answer works on.
type scratch struct {
	series Series
	votes  votes
	silent []int // models that have nothing to say
}

// Answer answers a question; see the package comment for what it promises.
func (e *Engine) Answer(q Question) Answer {
	work, ok := e.scratch.Get().(*scratch)
	if !ok {
		work = e.newScratch()
	}
	defer e.scratch.Put(work)
	s := &work.series
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
	a.Points = len(s.observed)
	var seen Passage
	if s.still() {
		a.CDF.fill(FloorProbability)
	} else {
		seen = e.ask(work, &a)
	}
	if s.refuseLate(q, &a) {
		return a
	}
	a.State = barograph.StateForecast
	a.Probability = a.CDF[len(a.CDF)-1]
	a.ETA = a.CDF.quantiles(float64(s.horizon))
	a.Reason = s.reason(q, seen)
	return a
}

// ask lets the models vote on a.CDF and returns the evidence that speaks most
// plainly: that of the analogues or else of the increments.
func (e *Engine) ask(work *scratch, a *Answer) (seen Passage) {
	a.Models = make([]string, 0, len(e.models))
	var teeth CDF
	toothed := false
	open, ok := e.vote(work, func(m Model, p Passage) {
		a.Models = append(a.Models, m.Name())
		if p.Windows > 0 {
			seen = p
		}
		if _, is := m.(Renewal); is {
			teeth, toothed = p.CDF, true
		}
	})
	if ok {
		a.CDF = e.mixture.cdf(work.votes, open, work.series.horizon)
		if s := &work.series; s.segment > 0 && s.hasCourse {
			var slower CDF
			for k, f := range a.CDF {
				slower[k] = min(f, s.line[k])
			}
			a.CDF.lean(&slower, newSlope*square(s.straight))
		}
		if toothed {
			a.CDF.lean(&teeth, square(work.series.toothedness()*work.series.straight))
		}
	}
	return seen
}

// witnesses is how many models, from the first on, may stand in for others: the
// increments and the analogues.
const witnesses = 2

// vote lets all models vote; told hears of those that have something to say.
// The first or second, the increments or the analogues, stand in for those that
// have not.
func (e *Engine) vote(work *scratch, told func(Model, Passage)) (open [gates]float64, ok bool) {
	s := &work.series
	open = s.gateValues()
	work.silent = work.silent[:0]
	perLook := float64(s.horizon) / float64(s.look)
	standIn := -1
	for j, m := range e.models {
		p, spoke := m.FirstPassage(s)
		if !spoke {
			work.silent = append(work.silent, j)
			continue
		}
		work.votes.set(j, &p.CDF, perLook)
		told(m, p)
		if standIn < 0 || j < witnesses {
			standIn = j
		}
	}
	if standIn < 0 {
		return open, false
	}
	for _, j := range work.silent {
		work.votes[j] = work.votes[standIn]
	}
	return open, true
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

// newSlope is how much a straight line since a level shift counts against what
// all of the history says, if it is slower.
const newSlope = .2
