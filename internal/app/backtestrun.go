package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
)

// How the samples are read: about so many at once.
const (
	firstChunk   = 6 * time.Hour // before it is known how many there are
	chunkSamples = 2_000_000
)

// rehearsal is one backtest while it runs.
type rehearsal struct {
	*backtester

	rule            barograph.Rule
	begin, from, to time.Time
	moments         int // of each series
	lanes           map[string]*lane
	now             replayClock
	engine          *forecast.Engine
	calibrations    *forecast.Calibrations
}

// lane is the replay of one series.
type lane struct {
	series barograph.Series
	first  time.Time         // sample
	coming []barograph.Point // of what was read, not played yet
	judge  *alerting.Replay
	replay *forecast.Replay // nil for a rule that looks at breaches only
}

// replayClock shows how far the replay is.
type replayClock struct{ time.Time }

// Now returns that.
func (c *replayClock) Now() time.Time { return c.Time }

// Ticker returns nothing that ticks: time passes when the replay says so.
func (c *replayClock) Ticker(time.Duration) (ticks <-chan time.Time, stop func()) {
	return nil, func() {}
}

// newRehearsal begins a horizon before the time that is asked for: predictions
// and breaches from then are known when it starts, as they would have been.
func newRehearsal(b *backtester, rule barograph.Rule, from, to time.Time) *rehearsal {
	warmUp := max(rule.Horizon.Std(), rule.For.Std()+warmUpLeast)
	r := &rehearsal{
		backtester: b, rule: rule, begin: from.Add(-warmUp).Truncate(time.Millisecond), from: from, to: to,
		lanes: map[string]*lane{},
	}
	if r.predicts() {
		r.engine = forecast.NewEngine()
		r.calibrations = forecast.NewCalibrations(r, r, forecast.Deps{Clock: &r.now})
		r.moments = forecast.Moments(b.forecast, rule, r.begin, to)
	}
	return r
}

func (r *rehearsal) predicts() bool { return r.rule.Horizon > 0 }

func (r *rehearsal) run(ctx context.Context) error {
	if err := r.count(ctx); err != nil {
		return err
	}
	if err := r.readHistory(ctx); err != nil {
		return err
	}
	length := firstChunk
	for t := r.begin; t.Before(r.to); {
		end := earlier(t.Add(length), r.to)
		found, err := r.reader.Select(ctx, barograph.Query{Selector: r.rule.Series, From: t, To: end})
		if err != nil {
			return fmt.Errorf("read the samples of a backtest: %w", err)
		}
		if err := r.take(found); err != nil {
			return err
		}
		if err := r.play(ctx, t, end); err != nil {
			return err
		}
		length = nextChunk(length, found)
		t = end
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// nextChunk returns how much time to read next, for about as many samples as may
// be in memory.
func nextChunk(length time.Duration, found []barograph.SeriesPoints) time.Duration {
	n := 0
	for _, f := range found {
		n += len(f.Points)
	}
	const mostTimes = 16 // longer: what comes may be denser
	times := min(mostTimes, chunkSamples/float64(max(1, n)))
	return max(time.Minute, time.Duration(float64(length)*times))
}

// count refuses a rule that chooses too many series, before much is read.
func (r *rehearsal) count(ctx context.Context) error {
	found, err := r.reader.Select(ctx, barograph.Query{
		Selector: r.rule.Series, From: r.to.Add(-warmUpLeast), To: r.to, Step: barograph.Day, Rollup: barograph.RollupLast,
	})
	if err != nil {
		return fmt.Errorf("count the series of a backtest: %w", err)
	}
	return r.allow(len(found))
}

// allow returns an error if so many series are too many.
func (r *rehearsal) allow(series int) error {
	var p barograph.Problems
	if series > maxBacktestSeries {
		p.Addf("series", "%s chooses %d series or more; a backtest takes at most %d: choose fewer by labels", r.rule.Series, series, maxBacktestSeries)
	}
	if n := series * r.moments; n > maxBacktestForecasts {
		p.Addf("from", "%d forecasts would be made (%d series, each %s from %s before from on); a backtest makes at most %d: choose a later from, or fewer series",
			n, series, barograph.Duration(forecast.Cadence(r.forecast, r.rule)), r.rule.Horizon, maxBacktestForecasts)
	}
	return p.Err("backtest")
}

// readHistory reads what was known when the replay begins.
func (r *rehearsal) readHistory(ctx context.Context) error {
	if !r.predicts() {
		return nil
	}
	found, err := r.reader.Select(ctx, forecast.HistoryBefore(r.rule, r.begin))
	if err != nil {
		return fmt.Errorf("read the history of a backtest: %w", err)
	}
	for _, f := range found {
		if err := r.addLane(f.Series, f.Points); err != nil {
			return err
		}
	}
	return nil
}

// addLane adds a series of which the points are known at the beginning.
func (r *rehearsal) addLane(series barograph.Series, history []barograph.Point) error {
	l := &lane{series: series, judge: alerting.NewReplay(r.alerting, r.rule, series, r.begin)}
	if len(history) > 0 {
		l.first = time.UnixMilli(history[0].UnixMilli).UTC()
	}
	r.lanes[series.String()] = l
	if !r.predicts() {
		return r.allow(len(r.lanes))
	}
	replay, err := forecast.NewReplay(forecast.ReplayOptions{
		Config: r.forecast, Engine: r.engine, Rule: r.rule, Series: series, Begin: r.begin, History: history,
		Calibrator: r.calibrations, Witness: l.judge,
	})
	if err != nil {
		return err
	}
	l.replay = replay
	return r.allow(len(r.lanes))
}

// take gives each lane the samples that it plays next.
func (r *rehearsal) take(found []barograph.SeriesPoints) error {
	for _, f := range found {
		key := f.Series.String()
		if r.lanes[key] == nil {
			if err := r.addLane(f.Series, nil); err != nil {
				return err
			}
		}
		l := r.lanes[key]
		l.coming = f.Points
		if l.first.IsZero() {
			l.first = time.UnixMilli(f.Points[0].UnixMilli).UTC()
		}
	}
	return nil
}

// play replays the time from ≤ t < to on all lanes, side by side but for the
// moments at which the forecaster learns from what came of all predictions.
func (r *rehearsal) play(ctx context.Context, from, to time.Time) error {
	for t := from; t.Before(to); {
		if learnt := t.Sub(r.begin); r.predicts() && learnt%forecast.LearnEvery == 0 {
			r.now.Time = t
			if err := r.calibrations.Refresh(ctx); err != nil {
				return err
			}
		}
		end := to
		if r.predicts() {
			end = earlier(r.begin.Add((t.Sub(r.begin) + forecast.LearnEvery).Truncate(forecast.LearnEvery)), to)
		}
		workers, ctx := errgroup.WithContext(ctx)
		workers.SetLimit(cmp.Or(r.forecast.Workers, runtime.GOMAXPROCS(0)))
		for _, l := range r.lanes {
			workers.Go(func() error { return l.play(ctx, end) })
		}
		if err := workers.Wait(); err != nil {
			return err
		}
		t = end
	}
	return ctx.Err()
}

// play replays the time up to, but without, the end.
func (l *lane) play(ctx context.Context, end time.Time) error {
	n := sort.Search(len(l.coming), func(i int) bool { return l.coming[i].UnixMilli >= end.UnixMilli() })
	points := l.coming[:n]
	l.coming = l.coming[n:]
	if l.replay != nil {
		if err := errors.Join(l.replay.Feed(ctx, points), l.replay.Pass(ctx, end)); err != nil {
			return err
		}
	} else {
		for _, p := range points {
			l.judge.Observe(time.UnixMilli(p.UnixMilli).UTC(), p.Value)
		}
	}
	l.judge.Pass(end)
	return ctx.Err()
}

// Rules returns the rule, for whoever learns from its predictions.
func (r *rehearsal) Rules(context.Context, barograph.Page) ([]barograph.Rule, error) {
	return []barograph.Rule{r.rule}, nil
}

// Outcomes returns what came of the predictions so far, as the database does of
// those on record.
func (r *rehearsal) Outcomes(_ context.Context, from time.Time, perRule int) ([]barograph.Outcome, error) {
	var all []barograph.Outcome
	for _, l := range r.lanes {
		breaches := l.judge.Breaches()
		for _, p := range l.judge.Predictions() {
			if p.OpenedAt.Before(from) || p.State == barograph.PredictionOpen || p.State == barograph.PredictionWithdrawn {
				continue
			}
			o := barograph.Outcome{Prediction: p}
			if i := slices.IndexFunc(breaches, func(b barograph.Breach) bool { return !b.StartedAt.Before(p.OpenedAt) }); i >= 0 {
				o.BreachAt = breaches[i].StartedAt
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b barograph.Outcome) int { return byOpening(a.Prediction, b.Prediction) })
	return all[max(0, len(all)-perRule):], nil
}
