package alerting

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

const (
	followEvery = 2 * time.Second
	// followBack is how far each round reads back: about what a sample may take
	// from its time into the store.
	followBack = time.Minute
	// followFar is how often a rule's series are read as far back as samples are
	// judged, and followAgain how soon again if that failed.
	followFar   = time.Minute
	followAgain = 10 * time.Second
	// followAlone is how long a server that has no others left looks for what
	// they stored last.
	followAlone = time.Minute
	// maxHeld is how many samples wait for a round at most.
	maxHeld = 200_000
)

// Where there are other servers, any of them may receive any sample, and the
// samples of one series may come in at several in turn. The store has them all.
// So they are judged as they are read from there, in the order of their time,
// and those that came in here wait for the next round of reading: what others had
// stored before them is judged first. While the store can't be read they are
// judged all the same.

// follower looks for samples that other servers received.
type follower struct {
	until   time.Time                      // a server alone looks until then; guarded by the engine's mu
	failing bool                           // the last round failed; this and the next belong to follow's goroutine
	far     map[barograph.RuleID]time.Time // when to look far back next

	mu   sync.Mutex         // taken after the engine's, before that of watches
	held []barograph.Sample // that came in here and wait for a round, oldest first
}

// gained notes that rules were taken over from another server.
func (f *follower) gained(now time.Time) { f.until = now.Add(followAlone) }

// follow judges what other servers store, until ctx ends. With no other servers
// there is nothing to look for.
func (e *Engine) follow(ctx context.Context) {
	defer e.judgeHeld(maxHeld)
	for {
		sleep(ctx, followEvery, nil)
		if ctx.Err() != nil {
			return
		}
		if !e.follows(time.Now()) {
			e.judgeHeld(maxHeld)
			e.follower.far = nil
			continue
		}
		e.reportFollowing(ctx, e.followOnce(ctx))
	}
}

func (e *Engine) follows(now time.Time) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.followsAt(now)
}

// followsAt is follows for whoever holds mu.
func (e *Engine) followsAt(now time.Time) bool {
	return !e.opts.Shares.Alone() || now.Before(e.follower.until)
}

// hold has samples wait for the next round, if there is to be one, or others
// wait already. It reports whether they do. The caller holds mu.
func (e *Engine) hold(samples []barograph.Sample) bool {
	f := &e.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(f.held) == 0 && !e.followsAt(time.Now()):
		return false
	case len(f.held)+len(samples) > maxHeld:
		e.judgeSamples(f.held)
		f.held = nil
		return false
	}
	for _, s := range samples {
		if e.byMetric[s.Series.Metric] != nil {
			f.held = append(f.held, s)
		}
	}
	return true
}

// heldSamples returns how many samples wait.
func (e *Engine) heldSamples() int {
	e.follower.mu.Lock()
	defer e.follower.mu.Unlock()
	return len(e.follower.held)
}

// judgeHeld judges the first n of the samples that wait.
func (e *Engine) judgeHeld(n int) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	f := &e.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, len(f.held))
	e.judgeSamples(f.held[:n])
	f.held = slices.Clone(f.held[n:])
}

// followOnce judges by each rule what is stored of late, then what came in here
// before. A sample that was judged before changes nothing.
func (e *Engine) followOnce(ctx context.Context) error {
	defer e.judgeHeld(e.heldSamples()) // those from before the reading
	if e.follower.far == nil {
		e.follower.far = map[barograph.RuleID]time.Time{}
	}
	_, err := e.readEach(ctx, e.followed(), e.followRule)
	return err
}

// followRule reads far back now and then, for what came late, and after it could
// not read.
func (e *Engine) followRule(ctx context.Context, rule barograph.Rule) error {
	now, far := time.Now(), e.follower.far
	if !now.Before(far[rule.ID]) {
		err := e.followBack(ctx, rule, e.cfg.MaxSampleAge.Std())
		if err == nil {
			far[rule.ID] = now.Add(followFar)
			return nil
		}
		far[rule.ID] = now.Add(followAgain)
		if ctx.Err() != nil || barograph.KindOf(err) == barograph.KindUnavailable {
			return err
		}
	}
	err := e.followBack(ctx, rule, followBack)
	if err != nil {
		far[rule.ID] = now
	}
	return err
}

// followBack judges by the rule what is stored of the time back from now.
func (e *Engine) followBack(ctx context.Context, rule barograph.Rule, back time.Duration) error {
	now := e.opts.Clock.Now()
	found, err := e.opts.Reader.Select(ctx, barograph.Query{
		Selector: rule.Series, From: now.Add(-back), To: now.Add(e.cfg.MaxSampleAge.Std()),
	})
	if err == nil {
		e.judgeFollowed(now, rule, found)
	}
	return err
}

// followed returns the rules that are judged here.
func (e *Engine) followed() []barograph.Rule {
	e.mu.RLock()
	defer e.mu.RUnlock()
	rules := make([]barograph.Rule, 0, len(e.rules))
	for _, rule := range e.rules {
		rules = append(rules, *rule)
	}
	return rules
}

func (e *Engine) judgeFollowed(now time.Time, rule barograph.Rule, found []barograph.SeriesPoints) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if !e.inForce(rule) {
		return
	}
	w := e.byMetric[rule.Series.Metric]
	for _, s := range found {
		w.follow(now, rule.ID, s.Series, s.Points)
	}
}

// follow judges samples that another server stored. While a rule waits it is
// catching up, and will follow after that.
func (w *watches) follow(now time.Time, id barograph.RuleID, series barograph.Series, points []barograph.Point) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[id] {
		return
	}
	s := w.get(series, now).of(id)
	if s == nil {
		return
	}
	for _, p := range points {
		if ts := s.observe(pointTime(p), p.Value); len(ts) > 0 {
			w.emit(ts...)
		}
	}
}

// reportFollowing logs when samples of other servers can't be read any more, and
// when they can be again.
func (e *Engine) reportFollowing(ctx context.Context, err error) {
	before := e.follower.failing
	e.follower.failing = err != nil
	switch {
	case ctx.Err() != nil:
	case err != nil && !before:
		e.opts.Log.WarnContext(ctx, "samples that other servers received can't be judged now", "err", err)
	case err == nil && before:
		e.opts.Log.InfoContext(ctx, "samples that other servers received are judged again")
	}
}
