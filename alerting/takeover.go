package alerting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// heritage is what is on record of rules that are taken over, from an earlier
// process or from another server.
type heritage struct {
	parts       parts // that are taken over
	predictions []barograph.Prediction
	open, ended []barograph.Breach // of the ended ones those that the samples to be judged may tell of
	last        barograph.EventID  // of all that was told
}

// readHeritage reads what is on record of the parts, and of what ended lately
// enough to be among the samples that are judged again by the rules. Whoever had
// the parts before can record nothing about them any more.
func (e *Engine) readHeritage(ctx context.Context, gained parts, rules []barograph.Rule) (heritage, error) {
	h := heritage{parts: gained}
	if len(gained) == 0 {
		return h, nil
	}
	var err error
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	if h.predictions, err = e.opts.Store.Predictions(ctx, open, barograph.Page{}); err != nil {
		return h, fmt.Errorf("read open predictions: %w", err)
	}
	if h.open, err = e.opts.Store.Breaches(ctx, open, barograph.Page{}); err != nil {
		return h, fmt.Errorf("read open breaches: %w", err)
	}
	longest := time.Duration(0)
	for _, rule := range rules {
		longest = max(longest, rule.For.Std())
	}
	lately := barograph.PredictionFilter{EndedFrom: e.oldest().Add(-longest)}
	if h.ended, err = e.opts.Store.Breaches(ctx, lately, barograph.Page{}); err != nil {
		return h, fmt.Errorf("read the last breaches: %w", err)
	}
	newest, err := e.opts.Store.Events(ctx, barograph.EventFilter{}, barograph.Page{Limit: 1})
	if err != nil {
		return h, fmt.Errorf("read the last event: %w", err)
	}
	if len(newest) > 0 {
		h.last = newest[0].ID
	}
	of := func(id barograph.RuleID) bool {
		_, ours := gained.of(string(id))
		return ours
	}
	h.predictions = slices.DeleteFunc(h.predictions, func(p barograph.Prediction) bool { return !of(p.RuleID) })
	h.open = slices.DeleteFunc(h.open, func(b barograph.Breach) bool { return !of(b.RuleID) })
	h.ended = slices.DeleteFunc(h.ended, func(b barograph.Breach) bool { return !of(b.RuleID) })
	return h, nil
}

// restore takes up the predictions and breaches that are open on record; those
// that nobody can judge any more are closed. The caller holds mu.
func (e *Engine) restore(h heritage) {
	e.queue.follow(h.last)
	for _, p := range h.predictions {
		if p.Acknowledged != nil {
			e.queue.acknowledged.add(string(p.ID))
			p.Acknowledged = nil // the database keeps it
		}
		e.restoreOne(barograph.Rule{ID: p.RuleID, Name: p.RuleName, Severity: p.Severity}, p.Series, nil, &p)
	}
	for _, b := range h.open {
		b.Acknowledged = nil
		e.restoreOne(barograph.Rule{ID: b.RuleID, Name: b.RuleName, Severity: b.Severity}, b.Series, &b, nil)
	}
	now := e.opts.Clock.Now()
	for _, b := range h.ended {
		if rule := e.rules[b.RuleID]; rule != nil {
			e.byMetric[rule.Series.Metric].settle(now, rule.ID, b.Series, b.EndedAt)
		}
	}
}

// restoreOne takes up one of them, the newest first. recorded is what is known
// of its rule from then.
func (e *Engine) restoreOne(recorded barograph.Rule, series barograph.Series, b *barograph.Breach, p *barograph.Prediction) {
	now, problem := e.opts.Clock.Now(), ruleIsGone
	if rule := e.rules[recorded.ID]; rule != nil {
		problem = e.byMetric[rule.Series.Metric].restore(now, rule.ID, series, b, p)
	}
	if problem == "" {
		return
	}
	s := &state{rule: &recorded, series: series}
	s.restore(now, b, p)
	e.emit(s.withdraw(now, problem)...)
}

const ruleIsGone = "the rule was removed or changed while the server was down"

// oldest returns when the oldest sample was taken that is judged now.
func (e *Engine) oldest() time.Time { return e.opts.Clock.Now().Add(-e.cfg.MaxSampleAge.Std()) }

// catchUpFor is how long a rule whose series can't be read waits for that.
const catchUpFor = time.Minute

// late is a rule by which what was stored lately is yet to be judged.
type late struct {
	rule  barograph.Rule
	since time.Time
}

// catchUp judges by the rules what was stored lately: what came before a rule,
// and what nobody judged before this server did. Those whose series can't be read
// now are tried again the next time.
func (e *Engine) catchUp(ctx context.Context, fresh []barograph.Rule) {
	now := time.Now()
	rules, since := slices.Clone(fresh), map[barograph.RuleID]time.Time{}
	for _, rule := range fresh {
		since[rule.ID] = now
	}
	for _, l := range e.late {
		if _, again := since[l.rule.ID]; !again && e.judges(l.rule) {
			rules, since[l.rule.ID] = append(rules, l.rule), l.since
		}
	}
	left, err := e.readEach(ctx, rules, e.catchUpOne)
	e.late = nil
	for _, rule := range left {
		if ctx.Err() != nil || now.Sub(since[rule.ID]) < catchUpFor {
			e.late = append(e.late, late{rule, since[rule.ID]})
			continue
		}
		e.caughtUp(rule)
		e.opts.Log.WarnContext(ctx, "the last samples were not judged by a new rule or at this start", "rule", rule.Name, "err", err)
	}
}

func (e *Engine) catchUpOne(ctx context.Context, rule barograph.Rule) error {
	now, oldest := e.opts.Clock.Now(), e.oldest()
	// A series whose last sample is before oldest can't have crossed for as long
	// as the rule says within this range: it starts no breach.
	found, err := e.opts.Reader.Select(ctx, barograph.Query{
		Selector: rule.Series, From: oldest.Add(-rule.For.Std()), To: now.Add(e.cfg.MaxSampleAge.Std()),
	})
	if err != nil {
		return err
	}
	e.replay(now, rule, found)
	e.caughtUp(rule)
	return nil
}

func (e *Engine) replay(now time.Time, rule barograph.Rule, found []barograph.SeriesPoints) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if !e.inForce(rule) {
		return
	}
	for _, s := range found {
		e.byMetric[rule.Series.Metric].replay(now, rule, s.Series, s.Points)
	}
}

// inForce reports whether the engine judges by the rule as it is given. The
// caller holds mu.
func (e *Engine) inForce(rule barograph.Rule) bool {
	known := e.rules[rule.ID]
	return known != nil && known.SameJudgement(rule)
}

// judges is inForce for whoever does not hold mu.
func (e *Engine) judges(rule barograph.Rule) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.inForce(rule)
}

// caughtUp has samples judged by the rule as they come from now on. Those that
// came since it was read are looked for.
func (e *Engine) caughtUp(rule barograph.Rule) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inForce(rule) && e.byMetric[rule.Series.Metric].endWaiting(rule.ID) {
		e.follower.gained(time.Now())
	}
}
