package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// A few thousand recorded questions are too few to fit some eighty coefficients
// to: the same series have many more moments at which the same could be asked.
// What is generated differs from what was given in nothing but the moment and
// the limit, and the limit is chosen from the past alone.

const (
	fewestKnown  = 40  // values, for a limit to be chosen by
	fewestSteps  = 60  // of history
	mostMissing  = .2  // of the future, or nothing could be seen there
	missingCalm  = .2  // of the future, to say that nothing crossed
	patience     = 60  // draws for each question that is wanted
	roundedShare = .8  // of the limits: people give three figures at most
	turnedShare  = .1  // of the questions that could as well be asked the other way
	bothWays     = .2  // of a family's questions, for it to be asked both ways
	shortShare   = .35 // of the questions know no more than the given one did
	farSpreads   = 12  // together with farRanges: a limit that far is no question
	farRanges    = 3
)

// generateQuestions writes to target each times as many further questions about
// the series as the files have about them. A series is found by the name that
// the questions give it, or by what follows that name's first slash; those that
// aren't found are passed over. The same input gives the same output.
func generateQuestions(files, series []string, each int, target string) error {
	if target == "" {
		return errors.New("name the file that the questions are written to with -out")
	}
	subjects, err := loadGiven(files)
	if err != nil {
		return err
	}
	found, err := loadSeries(series, subjects)
	if err != nil {
		return err
	}
	if found == 0 {
		return fmt.Errorf("%s: no series that the questions are about", strings.Join(series, ", "))
	}
	g := generator{random: rand.New(rand.NewPCG(1, 0)), turnable: askedBothWays(subjects)} //nolint:gosec // repeatable on purpose
	return writeLines(target, func(lines *json.Encoder) error {
		for _, s := range subjects {
			if err := g.about(s, each, lines); err != nil {
				return err
			}
		}
		return nil
	})
}

// askedBothWays returns the families in which falling below a limit is asked
// about often, and so is rising above it.
func askedBothWays(subjects []*subject) map[string]bool {
	all, below := map[string]float64{}, map[string]float64{}
	for _, s := range subjects {
		for _, q := range s.given {
			all[q.Family]++
			if !q.upward() {
				below[q.Family]++
			}
		}
	}
	out := map[string]bool{}
	for family, n := range all {
		out[family] = min(below[family], n-below[family]) >= bothWays*n
	}
	return out
}

// generator draws questions.
type generator struct {
	random   *rand.Rand
	turnable map[string]bool // families
	drawn    int
}

// about writes each times as many questions about the subject as were given,
// or fewer if its series doesn't offer them.
func (g *generator) about(s *subject, each int, lines *json.Encoder) error {
	if len(s.values) == 0 {
		return nil
	}
	want := each * len(s.given)
	for tries := patience * want; want > 0 && tries > 0; tries-- {
		q, ok := g.draw(s.given[g.random.IntN(len(s.given))], s.values)
		if !ok {
			continue
		}
		if err := lines.Encode(q); err != nil {
			return err
		}
		want--
	}
	return nil
}

// draw returns a question like the given one, asked at some other moment; ok is
// false if what was drawn is no question, or has no known answer.
func (g *generator) draw(like given, values []float64) (q given, ok bool) {
	now, length := g.moment(like, len(values))
	if length == 0 {
		return q, false
	}
	history, future := values[now+1-length:now+1], values[now+1:now+1+like.Horizon]
	if !askable(history, future) {
		return q, false
	}
	k := like.Rule
	if k == "" {
		k = pick(g.random, usual()...)
	}
	p := newPast(history, like.Horizon, like.upward())
	if k.turns() && g.turnable[like.Family] && g.random.Float64() < turnedShare {
		p.mirror()
	}
	limit, ok := g.limit(k, p)
	if !ok {
		return q, false
	}
	at, ok := passage(future, p.sign, limit)
	if !ok {
		return q, false
	}
	q = like
	q.ID = fmt.Sprintf("%s@%d-further-%d", like.name(), now, g.drawn)
	q.Rule, q.Values, q.Threshold, q.Direction = k, pointers(history), p.sign*limit, "above"
	if p.sign < 0 {
		q.Direction = "below"
	}
	q.Truth = truth{FirstPassage: at}
	g.drawn++
	return q, true
}

// moment draws the index of a question's last value, and how much of the
// history is known then: no more than the engine looks at, and now and then no
// more than in the given question. The length is zero if the series is too short.
func (g *generator) moment(like given, total int) (now, length int) {
	tooLate := total - like.Horizon
	first := min(max(64, like.known*6/10), tooLate-1)
	if first < fewestSteps {
		return 0, 0
	}
	now = first + g.random.IntN(tooLate-first)
	length = min(now+1, longestKnown)
	if g.random.Float64() < shortShare {
		length = min(length, max(64, like.known))
	}
	return now, length
}

// askable reports whether the last value is known, and enough of all others.
func askable(history, future []float64) bool {
	if math.IsNaN(history[len(history)-1]) || missing(future) > mostMissing {
		return false
	}
	known := observed(history)
	return len(known) >= fewestKnown && spreadOf(known) > 0
}

// limit draws a limit, rounded mostly; ok is false if it is crossed already, or
// so far away that nobody would ask.
func (g *generator) limit(k kind, p *past) (limit float64, ok bool) {
	limit = k.limit(p, g.random)
	if g.random.Float64() < roundedShare {
		limit = rounded(limit)
	}
	gap := limit - p.last()
	return limit, gap > 0 && gap <= farSpreads*p.deviation()+farRanges*spreadOf(p.values)
}

// passage returns the step at which the limit is crossed first, or nil; ok is
// false if too little is known of the future to say that it isn't.
func passage(future []float64, sign, limit float64) (at *int, ok bool) {
	for i, v := range future {
		if sign*v >= limit {
			step := i + 1
			return &step, true
		}
	}
	return nil, missing(future) <= missingCalm
}
