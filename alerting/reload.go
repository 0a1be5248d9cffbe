package alerting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// reload takes over the present rules and hosts, and judges what
// is stored by the rules that are new.
func (e *Engine) reload(ctx context.Context) {
	fresh, err := e.takeOver(ctx)
	e.unread = err
	if err != nil {
		e.hosts.blind = true
		if ctx.Err() == nil {
			e.opts.Log.ErrorContext(ctx, "rules could not be read, the old ones stay in force", "err", err)
		}
		return
	}
	e.catchUp(ctx, fresh)
}

// takeOver returns the rules that judge otherwise than before.
func (e *Engine) takeOver(ctx context.Context) (fresh []barograph.Rule, err error) {
	rules, err := e.opts.Store.Rules(ctx, barograph.Page{})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	now := e.opts.Clock.Now() // what hosts say from here on may be missing
	hosts, err := e.opts.Store.Hosts(ctx, barograph.Page{})
	if err != nil {
		return nil, fmt.Errorf("read hosts: %w", err)
	}
	silences, err := e.opts.Store.Silences(ctx, barograph.Page{})
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	e.queue.holds.replaceSilences(silences)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range e.hosts.replace(hosts, now) {
		for _, w := range e.byMetric {
			w.withdrawHost(now, name, "the host was removed or renamed")
		}
	}
	e.queue.holds.replaceHosts(e.hosts.hosts)
	return e.replaceRules(now, rules), nil
}

func (e *Engine) replaceRules(now time.Time, rules []barograph.Rule) (fresh []barograph.Rule) {
	present := map[barograph.RuleID]bool{}
	for _, rule := range rules {
		if !rule.Enabled {
			continue
		}
		present[rule.ID] = true
		known := e.rules[rule.ID]
		if known != nil && known.SameJudgement(rule) {
			e.byMetric[rule.Series.Metric].reword(rule)
			continue
		}
		if known != nil {
			e.removeRule(now, *known, "the rule was changed")
		}
		e.addRule(rule)
		e.standings.note(rule.ID)
		fresh = append(fresh, rule)
	}
	for _, id := range slices.Sorted(maps.Keys(e.rules)) {
		if !present[id] {
			e.removeRule(now, *e.rules[id], "the rule was removed or disabled")
		}
	}
	return fresh
}

func (e *Engine) addRule(rule barograph.Rule) {
	w := e.byMetric[rule.Series.Metric]
	if w == nil {
		w = newWatches(e.seed, e.emit)
		e.byMetric[rule.Series.Metric] = w
	}
	e.rules[rule.ID] = &rule
	w.add(&rule)
}

func (e *Engine) removeRule(now time.Time, rule barograph.Rule, reason string) {
	delete(e.rules, rule.ID)
	if left := e.byMetric[rule.Series.Metric].remove(now, rule.ID, reason); !left {
		delete(e.byMetric, rule.Series.Metric)
	}
}

// restore takes up the predictions and breaches that are open in the database;
// those that nobody can judge any more are closed.
func (e *Engine) restore(ctx context.Context) error {
	open := barograph.PredictionFilter{State: barograph.PredictionOpen}
	predictions, err := e.opts.Store.Predictions(ctx, open, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read open predictions: %w", err)
	}
	breaches, err := e.opts.Store.Breaches(ctx, open, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read open breaches: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range predictions {
		if p.Acknowledged != nil {
			e.queue.acknowledged.add(string(p.ID))
			p.Acknowledged = nil // the database keeps it
		}
		e.restoreOne(barograph.Rule{ID: p.RuleID, Name: p.RuleName, Severity: p.Severity}, p.Series, nil, &p)
	}
	for _, b := range breaches {
		b.Acknowledged = nil
		e.restoreOne(barograph.Rule{ID: b.RuleID, Name: b.RuleName, Severity: b.Severity}, b.Series, &b, nil)
	}
	return nil
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

const catchUpTimeout = 10 * time.Second

// catchUp judges by the rules what was stored lately: what came before a rule,
// and what was acknowledged but not judged when the server stopped. A store
// that is away now costs the catching up only.
func (e *Engine) catchUp(ctx context.Context, rules []barograph.Rule) {
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpTimeout, fmt.Errorf("reading the last samples took more than %s", catchUpTimeout))
	defer cancel()
	now := e.opts.Clock.Now()
	oldest := now.Add(-e.cfg.MaxSampleAge.Std())
	for _, rule := range rules {
		// A series whose last sample is before oldest can't have crossed for as
		// long as the rule says within this range: it starts no breach.
		found, err := e.opts.Reader.Select(ctx, barograph.Query{
			Selector: rule.Series, From: oldest.Add(-rule.For.Std()), To: now.Add(e.cfg.MaxSampleAge.Std()),
		})
		if err != nil {
			e.opts.Log.WarnContext(ctx, "the last samples were not judged by a new rule or at this start", "rule", rule.Name, "err", err)
			return
		}
		e.resume(now, rule, found)
	}
}

func (e *Engine) resume(now time.Time, rule barograph.Rule, found []barograph.SeriesPoints) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, s := range found {
		e.byMetric[rule.Series.Metric].resume(now, rule.ID, s.Series, s.Points)
	}
}
