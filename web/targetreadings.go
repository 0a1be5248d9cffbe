package web

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/barograph/barograph"
)

const (
	freshFor     = 15 * time.Minute // a value of what is probed often is not older
	oftenEnough  = freshFor / 3     // is often
	readingsStep = 5 * time.Second
	mostNames    = 50 // in one pattern
)

// probed is what tells targets apart in the labels of series.
type probed struct {
	name string
	kind barograph.ProbeKind
}

func probedBy(t barograph.Target) probed { return probed{t.Name, t.Kind} }

func probedOf(s barograph.Series) probed {
	return probed{s.Labels.Get("target"), barograph.ProbeKind(s.Labels.Get("kind"))}
}

// readings are the last values of a metric.
type readings map[probed]lastValue

// latest returns the last value of the metric of each of the targets; what has
// none lately is left out. Targets that are probed often are read at once,
// whichever they are.
func (s *Site) latest(ctx context.Context, metric string, targets []barograph.Target, now time.Time) (readings, error) {
	found := readings{}
	var often, seldom []barograph.Target
	longest := time.Duration(0)
	for _, t := range targets {
		if t.Interval.Std() <= oftenEnough {
			often = append(often, t)
		} else {
			seldom, longest = append(seldom, t), max(longest, t.Interval.Std())
		}
	}
	if len(often) > mostNames {
		if err := s.addLatest(ctx, found, barograph.Selector{Metric: metric}, freshFor, now); err != nil {
			return nil, err
		}
		often = nil
	}
	for part := range slices.Chunk(often, mostNames) {
		if err := s.addLatest(ctx, found, ofTargets(metric, part), freshFor, now); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(seldom, mostNames) {
		if err := s.addLatest(ctx, found, ofTargets(metric, part), 3*longest, now); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Site) addLatest(ctx context.Context, found readings, which barograph.Selector, within time.Duration, now time.Time) error {
	all, err := s.lastValues(ctx, which, now, within, readingsStep)
	for _, last := range all {
		if key := probedOf(last.Series); key.name != "" && !last.At.Before(found[key].At) {
			found[key] = last
		}
	}
	return err
}

// ofTargets chooses the series of some targets.
func ofTargets(metric string, targets []barograph.Target) barograph.Selector {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = regexp.QuoteMeta(t.Name)
	}
	m, err := barograph.NewMatcher("target", barograph.MatchRegexp, strings.Join(names, "|"))
	if err != nil { // very long names: those of all targets are read
		return barograph.Selector{Metric: metric}
	}
	return barograph.Selector{Metric: metric, Matchers: barograph.Matchers{m}}
}

// ofTarget chooses the series of one target.
func ofTarget(metric string, t barograph.Target) barograph.Selector {
	return barograph.Selector{Metric: metric, Matchers: barograph.Matchers{
		{Name: "kind", Type: barograph.MatchEqual, Value: string(t.Kind)}, {Name: "target", Type: barograph.MatchEqual, Value: t.Name},
	}}
}

// The states of targets, as the filter names them.
const (
	targetUp     = "up"
	targetLossy  = "loss"
	targetDown   = "down"
	targetPaused = "paused"
	targetSilent = "unknown" // nothing was measured lately
)

// stateOfTarget says how a target does, by the loss of its last round.
func stateOfTarget(t barograph.Target, losses readings) string {
	loss, known := losses[probedBy(t)]
	switch {
	case !t.Enabled:
		return targetPaused
	case !known:
		return targetSilent
	case loss.Value >= 1:
		return targetDown
	case loss.Value > 0:
		return targetLossy
	}
	return targetUp
}

func badgeOfTarget(state string) badge {
	switch state {
	case targetUp:
		return badge{"up", "good"}
	case targetLossy:
		return badge{"loss", "warning"}
	case targetDown:
		return badge{"down", "bad"}
	case targetPaused:
		return badge{"paused", "neutral"}
	}
	return badge{"no data", "neutral"}
}

const (
	certificateSoon = 21 * barograph.Day // a certificate that ends sooner is worth a warning
	certificateLate = 7 * barograph.Day
)

// certificateBadge says how long a certificate is still valid.
func certificateBadge(seconds float64) badge {
	left := time.Duration(seconds * float64(time.Second))
	switch {
	case left <= 0:
		return badge{"expired", "bad"}
	case left < certificateLate:
		return badge{barograph.Words(left), "bad"}
	case left < certificateSoon:
		return badge{barograph.Words(left), "warning"}
	}
	return badge{barograph.Words(left), "good"}
}
