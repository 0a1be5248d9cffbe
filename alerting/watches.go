package alerting

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// watches are what is known of the series of one metric under all rules on it.
// Whatever follows from a step is handed to emit while the series can't change,
// so that what is told of a series is queued in the order in which it happened.
type watches struct {
	seed maphash.Seed
	emit func(...transition)

	mu    sync.Mutex
	rules []*barograph.Rule
	// waiting are rules whose stored samples are to be judged first: what comes
	// meanwhile is among them, or read later.
	waiting map[barograph.RuleID]bool
	// byHash chains the series that share a hash.
	byHash map[uint64]*watch
}

// watch is one series. One that no rule chooses is kept too, so that it is
// matched only once. The labels are kept for as long as the series is heard of:
// whoever hands them in must not let them alias a request's buffer.
type watch struct {
	series barograph.Series
	states []*state // one for each rule that chooses it
	used   time.Time
	next   *watch
}

func newWatches(seed maphash.Seed, emit func(...transition)) *watches {
	return &watches{seed: seed, emit: emit, byHash: map[uint64]*watch{}}
}

// get returns the watch of the series. The caller holds mu.
func (w *watches) get(series barograph.Series, now time.Time) *watch {
	h := series.Hash(w.seed)
	for e := w.byHash[h]; e != nil; e = e.next {
		if e.series.Equal(series) {
			e.used = now
			return e
		}
	}
	e := &watch{series: series, used: now, next: w.byHash[h]}
	for _, rule := range w.rules {
		e.add(rule)
	}
	w.byHash[h] = e
	return e
}

func (e *watch) add(rule *barograph.Rule) {
	if rule.Series.Matches(e.series) {
		e.states = append(e.states, &state{rule: rule, series: e.series})
	}
}

// of returns the state under the rule, nil if the rule does not choose the series.
func (e *watch) of(id barograph.RuleID) *state {
	for _, s := range e.states {
		if s.rule.ID == id {
			return s
		}
	}
	return nil
}

// add judges by one more rule from now on.
func (w *watches) add(rule *barograph.Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, rule)
	w.each(func(e *watch) bool {
		e.add(rule)
		return true
	})
}

// remove withdraws what is open under the rule and judges by it no longer. It
// reports whether any rule is left.
func (w *watches) remove(now time.Time, id barograph.RuleID, reason string) (left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, id)
	w.rules = slices.DeleteFunc(w.rules, func(r *barograph.Rule) bool { return r.ID == id })
	w.each(func(e *watch) bool {
		if s := e.of(id); s != nil {
			w.emit(s.withdraw(now, reason)...)
			e.states = slices.DeleteFunc(e.states, func(other *state) bool { return other == s })
		}
		return true
	})
	return len(w.rules) > 0
}

// drop judges by the rule no longer, and tells nothing of it. It reports whether
// any rule is left.
func (w *watches) drop(id barograph.RuleID) (left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, id)
	w.rules = slices.DeleteFunc(w.rules, func(r *barograph.Rule) bool { return r.ID == id })
	w.each(func(e *watch) bool {
		e.states = slices.DeleteFunc(e.states, func(s *state) bool { return s.rule.ID == id })
		return true
	})
	return len(w.rules) > 0
}

// wait has the rule judge nothing but stored samples, until endWaiting.
func (w *watches) wait(id barograph.RuleID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[barograph.RuleID]bool{}
	}
	w.waiting[id] = true
}

// endWaiting reports whether the rule waited.
func (w *watches) endWaiting(id barograph.RuleID) (waited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	waited = w.waiting[id]
	delete(w.waiting, id)
	return waited
}

// reword takes a rule that differs in words only: what is open stays open.
func (w *watches) reword(rule barograph.Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		if r.ID == rule.ID {
			*r = rule // all states point to it
		}
	}
}

// withdrawHost withdraws what is open on the host's series.
func (w *watches) withdrawHost(now time.Time, name, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each(func(e *watch) bool {
		if e.series.Labels.Get("host") == name {
			for _, s := range e.states {
				w.emit(s.withdraw(now, reason)...)
			}
		}
		return true
	})
}

// observe judges samples of the metric and returns how many it did not skip as
// older than oldest.
func (w *watches) observe(samples []barograph.Sample, oldest, now time.Time) (judged int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range samples {
		sample := &samples[i]
		if sample.UnixMilli < oldest.UnixMilli() {
			continue
		}
		judged++
		at := sample.Time().UTC()
		for _, s := range w.get(sample.Series, now).states {
			if len(w.waiting) > 0 && w.waiting[s.rule.ID] {
				continue
			}
			if ts := s.observe(at, sample.Value); len(ts) > 0 {
				w.emit(ts...)
			}
		}
	}
	return judged
}

// replay judges stored samples under one rule.
func (w *watches) replay(now time.Time, rule barograph.Rule, series barograph.Series, points []barograph.Point) {
	points = slices.DeleteFunc(points, func(p barograph.Point) bool { return !finite(p.Value) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.get(series, now).of(rule.ID); s != nil {
		from := rule.CreatedAt
		if rule.JudgedSince.After(from) {
			from = rule.JudgedSince
		}
		w.emit(s.replay(points, from)...)
	}
}

// settle takes note that the last breach of the series under the rule was over
// at that time, and told.
func (w *watches) settle(now time.Time, id barograph.RuleID, series barograph.Series, ended time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.get(series, now).of(id); s != nil {
		s.settle(ended)
	}
}

func (w *watches) forecast(now time.Time, id barograph.RuleID, fs []barograph.Forecast) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range fs {
		if s := w.get(f.Series, now).of(id); s != nil {
			w.emit(s.forecast(f)...)
		}
	}
}

// restore takes up what was open when the server stopped. Where it can't, it
// returns the reason.
func (w *watches) restore(now time.Time, id barograph.RuleID, series barograph.Series, b *barograph.Breach, p *barograph.Prediction) (problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s := w.get(series, now).of(id); {
	case s == nil:
		return ruleIsGone
	case !s.restore(now, b, p):
		return "there is a newer one"
	}
	return ""
}

// tick lets time pass, and forgets series that were not heard of for forgetAfter.
func (w *watches) tick(now time.Time, forgetAfter time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each(func(e *watch) bool {
		keep := now.Sub(e.used) < forgetAfter
		for _, s := range e.states {
			if ts := s.tick(now, forgetAfter); len(ts) > 0 {
				w.emit(ts...)
			}
			keep = keep || !s.heard.IsZero()
		}
		return keep
	})
}

// each calls fn with every series; fn returns false to forget it. The caller
// holds mu.
func (w *watches) each(fn func(*watch) bool) {
	for h, first := range w.byHash {
		switch kept := filter(first, fn); kept {
		case first:
		case nil:
			delete(w.byHash, h)
		default:
			w.byHash[h] = kept
		}
	}
}

func filter(e *watch, fn func(*watch) bool) *watch {
	if e == nil {
		return nil
	}
	e.next = filter(e.next, fn)
	if !fn(e) {
		return e.next
	}
	return e
}
