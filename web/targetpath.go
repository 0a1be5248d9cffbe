package web

import (
	"cmp"
	"context"
	"html/template"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/internal/chart"
)

// targetPath is how the way to a target did over a range, in pictures and words.
type targetPath struct {
	Range   timeRange
	Smoke   template.HTML
	Caption string
	Rows    []pathRow

	Jitter        template.HTML
	JitterCaption string
	Phases        template.HTML
	PhaseRows     []phaseRow
	PerPacket     bool // there are best, worst and jitter
}

// pathRow sums up a part of the range.
type pathRow struct {
	From                           moment
	RTT, Best, Worst, Jitter, Loss string
}

// phaseRow is one phase of an exchange over the range.
type phaseRow struct {
	Name, Mean, Worst, Share string
}

// pathPoints are what was measured, rolled up into steps.
type pathPoints struct {
	rtt, best, worst, jitter, loss, duplicate []barograph.Point
	phases                                    map[string]phasePoints
}

// phasePoints are the mean and the longest of one phase.
type phasePoints struct{ mean, longest []barograph.Point }

// pathOf draws how the way to the target did.
func (s *Site) pathOf(ctx context.Context, t barograph.Target, r timeRange, who visitor) (targetPath, error) {
	var points pathPoints
	r, err := r.read(func(r timeRange) (first time.Time, err error) {
		points, err = s.readPath(ctx, t, r)
		return firstAt(points.loss, points.rtt), err
	}, func(before time.Time) (bool, error) {
		return s.nothingOf(ctx, []string{lossMetric, rttMetric}, ofTarget("", t).Matchers, before)
	})
	if err != nil {
		return targetPath{Range: r}, err
	}
	rounds := roundsOf(points, r.Step)
	p := targetPath{Range: r, Caption: pathCaption(rounds, points, r), Rows: pathRows(rounds, points.jitter, r, who), PerPacket: len(points.jitter) > 0}
	if len(rounds) > 1 { // one is said in words
		if p.Smoke, err = inline(chart.Smoke{Title: "Round trips to " + t.Name, Rounds: rounds, From: r.From, Until: r.Until, Zone: who.Zone}); err != nil {
			return p, err
		}
	}
	if p.Jitter, err = jitterChart(t, points, r, who); err != nil {
		return p, err
	}
	p.JitterCaption = jitterCaption(points)
	p.Phases, p.PhaseRows, err = drawPhases(t, points.phases, r, who)
	return p, err
}

// firstAt returns when the first point of all is; the zero time if there is none.
func firstAt(all ...[]barograph.Point) (first time.Time) {
	for _, points := range all {
		if len(points) == 0 {
			continue
		}
		if at := time.UnixMilli(points[0].UnixMilli); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// readPath reads all series of a target that its pictures need.
func (s *Site) readPath(ctx context.Context, t barograph.Target, r timeRange) (pathPoints, error) {
	p := pathPoints{phases: map[string]phasePoints{}}
	work, ctx := errgroup.WithContext(ctx)
	read := func(into *[]barograph.Point, metric string, rollup barograph.Rollup) {
		work.Go(func() error {
			found, err := s.stepsOf(ctx, t, metric, rollup, r)
			*into = succession(found)
			return err
		})
	}
	read(&p.rtt, rttMetric, barograph.RollupMean)
	read(&p.loss, lossMetric, barograph.RollupMean)
	if t.Kind == barograph.ProbeICMP {
		read(&p.best, "probe_rtt_best_seconds", barograph.RollupMin)
		read(&p.worst, "probe_rtt_worst_seconds", barograph.RollupMax)
		read(&p.jitter, jitterMetric, barograph.RollupMean)
		read(&p.duplicate, "probe_duplicate_ratio", barograph.RollupMean)
		return p, work.Wait()
	}
	read(&p.best, rttMetric, barograph.RollupMin)
	read(&p.worst, rttMetric, barograph.RollupMax)
	var means, longest []barograph.SeriesPoints
	work.Go(func() (err error) {
		means, err = s.stepsOf(ctx, t, phaseMetric, barograph.RollupMean, r)
		return err
	})
	work.Go(func() (err error) {
		longest, err = s.stepsOf(ctx, t, phaseMetric, barograph.RollupMax, r)
		return err
	})
	err := work.Wait()
	longestOf := byPhase(longest)
	for phase, mean := range byPhase(means) {
		p.phases[phase] = phasePoints{succession(mean), succession(longestOf[phase])}
	}
	return p, err
}

const phaseMetric = "probe_duration_seconds"

func byPhase(all []barograph.SeriesPoints) map[string][]barograph.SeriesPoints {
	phases := map[string][]barograph.SeriesPoints{}
	for _, series := range all {
		phase := series.Series.Labels.Get("phase")
		phases[phase] = append(phases[phase], series)
	}
	return phases
}

// stepsOf reads the series of a target: several if its labels were others before.
// They are not to be changed.
func (s *Site) stepsOf(ctx context.Context, t barograph.Target, metric string, rollup barograph.Rollup, r timeRange) ([]barograph.SeriesPoints, error) {
	q := barograph.Query{Selector: ofTarget(metric, t), From: r.From, To: r.Until.Add(time.Millisecond), Step: r.Step, Rollup: rollup}
	if !r.Chosen && r.Length() > barograph.Week {
		return ifThere(ctx, s, func(ctx context.Context) ([]barograph.SeriesPoints, error) { return s.rolledUp.read(ctx, s.Samples, q) })
	}
	return s.measuredIf(ctx, q)
}

// succession makes one of the series of a target whose labels were others before.
// The one with the most points counts, and others before and after it: in between
// they are somebody else's.
func succession(all []barograph.SeriesPoints) []barograph.Point {
	all = slices.SortedStableFunc(slices.Values(all), func(a, b barograph.SeriesPoints) int { return cmp.Compare(len(b.Points), len(a.Points)) })
	var one []barograph.Point
	for _, series := range all {
		points := series.Points
		if len(one) == 0 {
			one = points
			continue
		}
		first, last := one[0].UnixMilli, one[len(one)-1].UnixMilli
		before := slices.IndexFunc(points, func(p barograph.Point) bool { return p.UnixMilli >= first })
		if before < 0 {
			before = len(points)
		}
		after := slices.IndexFunc(points, func(p barograph.Point) bool { return p.UnixMilli > last })
		if after < 0 {
			after = len(points)
		}
		one = slices.Concat(points[:before], one, points[after:])
	}
	return one
}

// roundsOf returns what is drawn of each step.
func roundsOf(p pathPoints, step time.Duration) []chart.Round {
	rtt, best, worst, spread := byTime(p.rtt), byTime(p.best), byTime(p.worst), byTime(p.jitter)
	rounds := make([]chart.Round, 0, len(p.loss))
	for _, lost := range p.loss {
		at := lost.UnixMilli
		round := chart.Round{At: time.UnixMilli(at).Add(step / 2), RTT: math.NaN(), Loss: min(max(lost.Value, 0), 1)}
		if mean, ok := rtt[at]; ok {
			round.RTT = mean
			if low, high := best[at], worst[at]; high > 0 && high >= low {
				round.Spread = append(round.Spread, chart.Range{Low: low, High: high})
				if around, ok := spread[at]; ok {
					round.Spread = append(round.Spread, chart.Range{Low: max(low, mean-around), High: min(high, mean+around)})
				}
			}
		}
		rounds = append(rounds, round)
	}
	return rounds
}

func byTime(points []barograph.Point) map[int64]float64 {
	all := make(map[int64]float64, len(points))
	for _, p := range points {
		all[p.UnixMilli] = p.Value
	}
	return all
}
