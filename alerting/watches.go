package alerting

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// watches are the states of one rule, one for each series that it chose.
type watches struct {
	seed maphash.Seed

	mu   sync.Mutex
	rule *barograph.Rule
	// byHash chains the series that share a hash. Series that the rule does not
	// choose are kept too, without a state, so that they are matched only once.
	byHash map[uint64]*watch
}

type watch struct {
	state  *state // nil: not chosen
	series barograph.Series
	next   *watch
}

func newWatches(seed maphash.Seed, rule barograph.Rule) *watches {
	return &watches{seed: seed, rule: &rule, byHash: map[uint64]*watch{}}
}

// get returns the state for the series, nil if the rule does not choose it.
// The caller holds mu.
func (w *watches) get(series barograph.Series) *state {
	h := series.Hash(w.seed)
	for e := w.byHash[h]; e != nil; e = e.next {
		if e.series.Equal(series) {
			return e.state
		}
	}
	e := &watch{series: series, next: w.byHash[h]}
	if w.rule.Series.Matches(series) {
		e.state = &state{rule: w.rule, series: series}
	}
	w.byHash[h] = e
	return e.state
}

// each calls fn with every state; fn returns false to forget it. Series that
// the rule does not choose are forgotten too, so that they can't pile up. The
// caller holds mu.
func (w *watches) each(fn func(*state) bool) {
	for h, first := range w.byHash {
		if kept := filter(first, fn); kept != nil {
			w.byHash[h] = kept
		} else {
			delete(w.byHash, h)
		}
	}
}

func filter(e *watch, fn func(*state) bool) *watch {
	if e == nil {
		return nil
	}
	e.next = filter(e.next, fn)
	if e.state == nil || !fn(e.state) {
		return e.next
	}
	return e
}

func (w *watches) observe(series barograph.Series, at time.Time, value float64) []transition {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.get(series); s != nil {
		return s.observe(at, value)
	}
	return nil
}

func (w *watches) resume(series barograph.Series, points []barograph.Point) []transition {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.get(series); s != nil && len(points) > 0 {
		return s.resume(points)
	}
	return nil
}

func (w *watches) forecast(fs []barograph.Forecast) (out []transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range fs {
		if s := w.get(f.Series); s != nil {
			out = append(out, s.forecast(f)...)
		}
	}
	return out
}

func (w *watches) tick(now time.Time, forgetAfter time.Duration) (out []transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each(func(s *state) bool {
		if s.lastAt.IsZero() {
			return true
		}
		out = append(out, s.tick(now, forgetAfter)...)
		return !s.lastAt.IsZero()
	})
	return out
}

// withdraw closes what is open on the series that match.
func (w *watches) withdraw(now time.Time, reason string, match func(barograph.Series) bool) (out []transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each(func(s *state) bool {
		if !match(s.series) {
			return true
		}
		out = append(out, s.withdraw(now, reason)...)
		return false
	})
	return out
}

// replace takes a rule that differs in words only: what is open stays open.
func (w *watches) replace(rule barograph.Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rule = &rule
	w.each(func(s *state) bool {
		s.rule = &rule
		return true
	})
}

// sameJudgement reports whether both rules judge the same series the same way.
func sameJudgement(a, b *barograph.Rule) bool {
	return a.Series.String() == b.Series.String() && a.Operator == b.Operator && a.Limit == b.Limit &&
		a.For == b.For && a.Horizon == b.Horizon
}
