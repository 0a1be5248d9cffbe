package alerting

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
)

// standings are how rules are told of: one by one, or, when demoted, in a
// digest. What is decided is decided from the database and written to it in one
// transaction with the event that tells of it.
type standings struct {
	deciding sync.Mutex // one decision at a time

	mu   sync.Mutex
	news map[barograph.RuleID]bool // rules to look at: a prediction of theirs closed, or they changed
}

// note has the rules looked at.
func (s *standings) note(ids ...barograph.RuleID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.news == nil {
		s.news = map[barograph.RuleID]bool{}
	}
	for _, id := range ids {
		s.news[id] = true
	}
}

func (s *standings) take() (ids []barograph.RuleID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.news {
		ids = append(ids, id)
	}
	clear(s.news)
	slices.Sort(ids)
	return ids
}

// decide demotes rules, ends the demotion of those that were made others, and
// tells the digests that are due.
func (e *Engine) decide(ctx context.Context) {
	if e.queue.len() > 0 { // what closed is not on record yet
		return
	}
	ids := e.standings.take()
	ids = append(ids, e.digestsDue()...)
	for i, id := range ids {
		if err := e.decideOne(ctx, id); err != nil {
			e.standings.note(ids[i:]...)
			e.reportStandings(ctx, err)
			return
		}
	}
	e.reportStandings(ctx, nil)
}

// digestsDue returns the rules in force that are demoted and wait for a digest.
func (e *Engine) digestsDue() (ids []barograph.RuleID) {
	now := e.opts.Clock.Now()
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, rule := range e.rules {
		if rule.Demoted != nil && e.cfg.Demotion.digestDue(*rule.Demoted, now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (e *Engine) decideOne(ctx context.Context, id barograph.RuleID) error {
	e.standings.deciding.Lock()
	defer e.standings.deciding.Unlock()
	rule, err := e.opts.Store.Rule(ctx, id)
	if barograph.KindOf(err) == barograph.KindNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read rule %s: %w", id, err)
	}
	now := e.opts.Clock.Now()
	shares := e.sharesOf(id)
	if len(shares) == 0 {
		return nil // another server decides
	}
	switch {
	case rule.Demoted == nil:
		return e.judge(ctx, rule, now, shares)
	case !rule.JudgedSince.Before(rule.Demoted.At.Truncate(time.Millisecond)): // edits are stamped so
		return e.restoreRule(ctx, rule, now, shares)
	case e.cfg.Demotion.digestDue(*rule.Demoted, now):
		return e.tellDigest(ctx, rule, now, shares)
	}
	return nil
}

// judge demotes the rule if too few of its predictions came true. Where most of
// them were averted because the value turned back, it does not: what is left to
// be scored is what nobody acted on, and says little of the rule.
func (e *Engine) judge(ctx context.Context, rule barograph.Rule, now time.Time, shares []barograph.Share) error {
	if e.cfg.Demotion.Floor <= 0 {
		return nil
	}
	right, n, turned, err := e.score(ctx, rule)
	if err != nil {
		return err
	}
	rule.Demoted = e.cfg.Demotion.demote(right, n, now)
	if rule.Demoted == nil || turned > n {
		return nil
	}
	return e.recordStanding(ctx, rule, now, shares, ruleEvent(barograph.EventRuleDemoted, now, rule))
}

// score counts the newest scored predictions of the rule as it is, of them those
// that came true, and among them those that turned.
func (e *Engine) score(ctx context.Context, rule barograph.Rule) (right, n, turned int, err error) {
	const pageSize = 200
	since := rule.JudgedSince
	if rule.RestoredAt.After(since) {
		since = rule.RestoredAt
	}
	page := barograph.Page{Limit: pageSize}
	for n < e.cfg.Demotion.Predictions {
		ps, err := e.opts.Store.Predictions(ctx, barograph.PredictionFilter{RuleID: rule.ID, From: since}, page)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("read predictions of rule %s: %w", rule.ID, err)
		}
		for _, p := range ps {
			counts, came := scored(p)
			switch {
			case n == e.cfg.Demotion.Predictions:
			case counts && came:
				n, right = n+1, right+1
			case counts:
				n++
			case p.Turned:
				turned++
			}
		}
		if len(ps) < pageSize {
			break
		}
		page.After = string(ps[len(ps)-1].ID)
	}
	return right, n, turned, nil
}

// tellDigest tells the open predictions of a demoted rule. Where there are none
// it only notes that the hour has passed.
func (e *Engine) tellDigest(ctx context.Context, rule barograph.Rule, now time.Time, shares []barograph.Share) error {
	open, err := e.opts.Store.Predictions(ctx, barograph.PredictionFilter{RuleID: rule.ID, State: barograph.PredictionOpen}, barograph.Page{})
	if err != nil {
		return fmt.Errorf("read open predictions of rule %s: %w", rule.ID, err)
	}
	demoted := *rule.Demoted
	demoted.DigestAt = now
	rule.Demoted = &demoted
	if len(open) == 0 {
		return e.recordStanding(ctx, rule, now, shares)
	}
	event := ruleEvent(barograph.EventRuleDigest, now, rule)
	event.Data.Digest = digestOf(open)
	return e.recordStanding(ctx, rule, now, shares, event)
}

// Restore ends the demotion of the rule and returns it as it is then: its
// predictions are told one by one again, and only those that are opened from
// now on can demote it. A rule that is not demoted is returned as it is.
func (e *Engine) Restore(ctx context.Context, id barograph.RuleID) (barograph.Rule, error) {
	e.standings.deciding.Lock()
	defer e.standings.deciding.Unlock()
	rule, err := e.opts.Store.Rule(ctx, id)
	if err != nil || rule.Demoted == nil {
		return rule, err
	}
	// No part is named: what people do is done whichever server judges the rule,
	// also if that changes in this moment.
	if err := e.restoreRule(ctx, rule, e.opts.Clock.Now(), nil); err != nil {
		return barograph.Rule{}, err
	}
	return e.opts.Store.Rule(ctx, id)
}

func (e *Engine) restoreRule(ctx context.Context, rule barograph.Rule, now time.Time, shares []barograph.Share) error {
	event := ruleEvent(barograph.EventRuleRestored, now, rule)
	rule.Demoted = nil
	return e.recordStanding(ctx, rule, now, shares, event)
}

// recordStanding writes how the rule is told of from now on, and what is told of
// it, if the shares are held; then it acts accordingly.
func (e *Engine) recordStanding(ctx context.Context, rule barograph.Rule, now time.Time, shares []barograph.Share, events ...barograph.Event) error {
	for i := range events {
		events[i].Data.Summary = summarize(events[i])
	}
	err := e.queue.recordNow(ctx, barograph.Change{
		Standings: []barograph.RuleStanding{{RuleID: rule.ID, At: now, Demoted: rule.Demoted}}, Events: events,
		Shares: shares,
	})
	if err != nil {
		return fmt.Errorf("record the standing of rule %s: %w", rule.ID, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.rules[rule.ID]; known != nil {
		next := *known
		next.Demoted = rule.Demoted
		e.byMetric[next.Series.Metric].reword(next)
	}
	return nil
}

// sharesOf returns the part that the rule belongs to, none if it is another
// server's.
func (e *Engine) sharesOf(id barograph.RuleID) []barograph.Share {
	e.mu.RLock()
	defer e.mu.RUnlock()
	part, ours := e.parts.of(string(id))
	if !ours {
		return nil
	}
	return []barograph.Share{part}
}

// reportStandings logs a failure when it begins and ends.
func (e *Engine) reportStandings(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && e.undecided == nil:
		e.opts.Log.ErrorContext(ctx, "demotions and digests wait for the database", "err", err)
	case err == nil && e.undecided != nil:
		e.opts.Log.InfoContext(ctx, "demotions and digests are decided again")
	}
	e.undecided = err
}
