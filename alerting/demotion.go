package alerting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/barograph/barograph"
)

// DemotionConfig says when a rule cried wolf too often to be told one by one.
type DemotionConfig struct {
	// Floor is the precision below which a rule is demoted; 0: none ever is.
	Floor float64 `yaml:"floor"`
	// Predictions is how many of the newest scored predictions are looked at.
	// Fewer than that demote nothing.
	Predictions int `yaml:"predictions"`
	// DigestHour is the hour of the day, in UTC, at which the open predictions of
	// demoted rules are told.
	DigestHour int `yaml:"digest_hour"`
}

func defaultDemotionConfig() DemotionConfig {
	return DemotionConfig{Floor: .5, Predictions: 20, DigestHour: 7}
}

// Validate returns an error that names every bad field.
func (c DemotionConfig) Validate() error {
	var p barograph.Problems
	if !(c.Floor >= 0 && c.Floor < 1) {
		p.Addf("floor", "%v is not at least 0 (no rule is demoted) and below 1", c.Floor)
	}
	if c.Predictions < 5 || c.Predictions > 1000 {
		p.Addf("predictions", "%d is not between 5 and 1000", c.Predictions)
	}
	if c.DigestHour < 0 || c.DigestHour > 23 {
		p.Addf("digest_hour", "%d is not between 0 and 23", c.DigestHour)
	}
	return p.Err("demotion")
}

// scored reports whether the prediction counts in its rule's precision, and how.
func scored(p barograph.Prediction) (counts, right bool) {
	switch p.State {
	case barograph.PredictionConfirmed:
		return true, true
	case barograph.PredictionExpired:
		return true, false
	case barograph.PredictionAverted:
		return !p.Turned, false
	case barograph.PredictionOpen, barograph.PredictionWithdrawn:
	}
	return false, false
}

// demote returns the demotion that so many right predictions of the newest
// scored ones call for, nil if none. Bad luck demotes nobody: a precision of
// the floor must be implausible, not merely higher than what was seen.
func (c DemotionConfig) demote(right, n int, now time.Time) *barograph.Demotion {
	if n < c.Predictions || wilsonUpper(right, n) >= c.Floor {
		return nil
	}
	return &barograph.Demotion{
		At: now, Confirmed: right, Scored: n,
		Reason: fmt.Sprintf("%d of its last %d scored predictions came true, which is too few for a precision of %s even with bad luck",
			right, n, barograph.Percent(c.Floor)),
	}
}

// wilsonUpper returns the upper bound, of 95 % confidence on one side, of the
// probability by which so many of n came true.
//
// Source: Wilson, "Probable inference, the law of succession, and statistical
// inference" (1927).
func wilsonUpper(right, n int) float64 {
	const z = 1.6449
	p, m := float64(right)/float64(n), float64(n)
	return (p + z*z/(2*m) + z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}

// digestDue reports whether a digest hour has passed since the last digest, or
// since the rule was demoted.
func (c DemotionConfig) digestDue(d barograph.Demotion, now time.Time) bool {
	now = now.UTC()
	hour := time.Date(now.Year(), now.Month(), now.Day(), c.DigestHour, 0, 0, 0, time.UTC)
	if hour.After(now) {
		hour = hour.AddDate(0, 0, -1)
	}
	return d.At.Before(hour) && d.DigestAt.Before(hour)
}

const maxDigest = 20 // predictions in a digest

func digestOf(open []barograph.Prediction) *barograph.Digest {
	slices.SortStableFunc(open, func(a, b barograph.Prediction) int {
		return cmp.Or(a.Latest.ETA.Median.Compare(b.Latest.ETA.Median), cmp.Compare(a.ID, b.ID))
	})
	return &barograph.Digest{Open: len(open), Predictions: open[:min(len(open), maxDigest)]}
}

// ruleEvent returns an event about all that a rule predicts, but for its ID.
func ruleEvent(kind barograph.EventType, at time.Time, rule barograph.Rule) barograph.Event {
	return barograph.Event{
		Type: kind, Time: at, Subject: rule.Name, Severity: rule.Severity,
		Labels: rule.Labels.With("metric", rule.Series.Metric).With("rule", rule.Name),
		Data:   barograph.EventData{Rule: ruleRef(rule), Demotion: rule.Demoted},
	}
}
