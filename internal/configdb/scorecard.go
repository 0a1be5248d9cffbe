package configdb

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

// Scorecards returns how good the warnings were of each rule that exists or has
// a history in from ≤ t < to, in the order of the rules' identifiers. It counts
// predictions by when they closed, breaches by when they started, and as open
// those that were opened before to and are open now. Zero times are no bounds.
func (db *DB) Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error) {
	cards := scorecards{from: from, to: to, byRule: map[barograph.RuleID]*barograph.Scorecard{}}
	err := db.read(ctx, func(x *tx) error {
		for _, step := range []func(context.Context, *tx) error{
			cards.countPredictions, cards.countBreaches, cards.nameRules, cards.compare,
		} {
			if err := step(ctx, x); err != nil {
				return fmt.Errorf("read scorecards: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return cards.scored(), nil
}

type scorecards struct {
	from, to time.Time
	byRule   map[barograph.RuleID]*barograph.Scorecard
}

// bounds returns the range in Unix microseconds.
func (s scorecards) bounds() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if !s.from.IsZero() {
		from = s.from.UnixMicro()
	}
	if !s.to.IsZero() {
		to = s.to.UnixMicro()
	}
	return from, to
}

// of returns the rule's card. The first name given is kept unless a later one
// is not empty.
func (s scorecards) of(id barograph.RuleID, name string) *barograph.Scorecard {
	c := s.byRule[id]
	if c == nil {
		c = &barograph.Scorecard{RuleID: id, From: s.from, To: s.to, Reliability: []barograph.ReliabilityBin{}}
		s.byRule[id] = c
	}
	if name != "" {
		c.RuleName = name
	}
	return c
}

func (s scorecards) countPredictions(ctx context.Context, x *tx) error {
	from, to := s.bounds()
	return each(ctx, x, func(rows *sql.Rows) error {
		var id barograph.RuleID
		var name string
		var n barograph.Scorecard
		err := rows.Scan(&id, &name, &n.Open, &n.Confirmed, &n.Averted, &n.Turned, &n.Expired, &n.Withdrawn)
		c := s.of(id, name)
		c.Open, c.Confirmed, c.Averted, c.Turned, c.Expired, c.Withdrawn =
			n.Open, n.Confirmed, n.Averted, n.Turned, n.Expired, n.Withdrawn
		return err
	}, `SELECT rule_id, MAX(rule_name),
			COUNT(CASE WHEN state = 'open' THEN 1 END),
			COUNT(CASE WHEN state = 'confirmed' THEN 1 END),
			COUNT(CASE WHEN state = 'averted' THEN 1 END),
			COUNT(CASE WHEN state = 'averted' AND turned THEN 1 END),
			COUNT(CASE WHEN state = 'expired' THEN 1 END),
			COUNT(CASE WHEN state = 'withdrawn' THEN 1 END)
		FROM predictions
		WHERE state = 'open' AND opened_at < ? OR state <> 'open' AND closed_at >= ? AND closed_at < ?
		GROUP BY rule_id`, to, from, to)
}

func (s scorecards) countBreaches(ctx context.Context, x *tx) error {
	from, to := s.bounds()
	return each(ctx, x, func(rows *sql.Rows) error {
		var id barograph.RuleID
		var name string
		var all, foreseen int
		err := rows.Scan(&id, &name, &all, &foreseen)
		c := s.of(id, name)
		c.Breaches, c.Foreseen = all, foreseen
		return err
	}, `SELECT rule_id, MAX(rule_name), COUNT(*), COUNT(CASE WHEN prediction_id <> '' THEN 1 END)
		FROM breaches WHERE started_at >= ? AND started_at < ? GROUP BY rule_id`, from, to)
}

// nameRules adds the rules that have no history and gives all of them the names
// that they have now.
func (s scorecards) nameRules(ctx context.Context, x *tx) error {
	return each(ctx, x, func(rows *sql.Rows) error {
		var id barograph.RuleID
		var name string
		err := rows.Scan(&id, &name)
		s.of(id, name)
		return err
	}, "SELECT id, name FROM rules")
}

// compare looks at what was announced first: how long ahead, when, how sure.
func (s scorecards) compare(ctx context.Context, x *tx) error {
	from, to := s.bounds()
	told := map[barograph.RuleID]*barograph.Tally{}
	err := each(ctx, x, func(rows *sql.Rows) error {
		var p barograph.Prediction
		err := rows.Scan(&p.RuleID, &p.State, instant{&p.OpenedAt}, &p.Lead, jsonText{&p.First})
		if told[p.RuleID] == nil {
			told[p.RuleID] = &barograph.Tally{}
		}
		told[p.RuleID].Add(p)
		return err
	}, `SELECT rule_id, state, opened_at, lead_ns, first_announcement FROM predictions
		WHERE (state IN ('confirmed', 'expired') OR state = 'averted' AND NOT turned)
		AND closed_at >= ? AND closed_at < ?`, from, to)
	for id, t := range told {
		t.Fill(s.of(id, ""))
	}
	return err
}

func (s scorecards) scored() []barograph.Scorecard {
	all := make([]barograph.Scorecard, 0, len(s.byRule))
	for _, c := range slices.SortedFunc(maps.Values(s.byRule), func(a, b *barograph.Scorecard) int {
		return strings.Compare(string(a.RuleID), string(b.RuleID))
	}) {
		c.Score()
		all = append(all, *c)
	}
	return all
}
