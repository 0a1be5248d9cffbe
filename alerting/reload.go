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

// takeOver takes over the present rules, hosts and parts of the work. It returns
// the rules that judge otherwise than before, or were judged elsewhere.
func (e *Engine) takeOver(ctx context.Context) (fresh []barograph.Rule, err error) {
	// What is read after this is what others left of what we hold.
	held := newParts(e.opts.Shares.Held())
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
	left, err := e.readHeritage(ctx, held.without(e.parts), rules)
	if err != nil {
		return nil, err
	}
	e.queue.holds.replaceSilences(silences)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropLost(held)
	e.parts = held
	e.hosts.share(held.of(everyHost))
	for _, name := range e.hosts.replace(hosts, now) {
		for _, w := range e.byMetric {
			w.withdrawHost(now, name, "the host was removed or renamed")
		}
	}
	e.queue.holds.replaceHosts(e.hosts.hosts)
	fresh = e.replaceRules(now, rules, left.parts)
	e.restore(left)
	if len(left.parts) > 0 {
		e.follower.gained(time.Now())
	}
	return fresh, nil
}

// dropLost forgets the rules that are another server's by now, or were in the
// meantime: what is open goes on there.
func (e *Engine) dropLost(held parts) {
	for _, rule := range e.rules {
		share, _ := e.parts.of(string(rule.ID))
		if held.has(share) {
			continue
		}
		delete(e.rules, rule.ID)
		if left := e.byMetric[rule.Series.Metric].drop(rule.ID); !left {
			delete(e.byMetric, rule.Series.Metric)
		}
	}
}

// replaceRules takes over those of the rules that are this server's. Those of
// gained parts wait until what is stored is judged.
func (e *Engine) replaceRules(now time.Time, rules []barograph.Rule, gained parts) (fresh []barograph.Rule) {
	present := map[barograph.RuleID]bool{}
	for _, rule := range rules {
		_, ours := e.parts.of(string(rule.ID))
		if !rule.Enabled || !ours {
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
		if _, ok := gained.of(string(rule.ID)); ok {
			e.byMetric[rule.Series.Metric].wait(rule.ID)
		}
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
