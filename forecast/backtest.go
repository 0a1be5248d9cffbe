package forecast

import (
	"context"
	"log/slog"
	"sort"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// Witness hears what happened to a series, in the order in which it happened.
type Witness interface {
	Observe(at time.Time, value float64)
	Forecasted(f barograph.Forecast)
}

// ReplayOptions are what a Replay works with.
type ReplayOptions struct {
	Config Config // of the Forecaster
	Engine *Engine
	Rule   barograph.Rule
	Series barograph.Series
	// Begin is the first moment that may be replayed, History what was known of
	// the series before it: points on the rule's grid, as HistoryBefore asks for.
	Begin      time.Time
	History    []barograph.Point
	Calibrator Calibrator // may be nil
	Witness    Witness
}

// Replay makes the forecasts of one series that the Forecaster would have made
// while its samples came in. It runs a Forecaster of its own on them, with a
// clock that shows the moment being replayed and a store that ends there: what
// comes later can't be seen, for it has not been handed over yet.
//
// The Forecaster looks once in an interval, which while a step of its grid
// fills mostly changes nothing. So the looks replayed are
//   - the last one in each step, when all of the step's samples are in;
//   - the next one after a sample that came noticeably nearer to the limit, which
//     the Forecaster would not let pass either;
//   - after a forecast on another side of the rule's probabilities than the one
//     before, every one until the next forecast: what opens and averts predictions
//     is two that agree.
//
// What a look in between would have said, and the next one no more, is not told.
type Replay struct {
	rule       barograph.Rule
	step       time.Duration // of the grid
	interval   time.Duration // of the Forecaster
	witness    Witness
	forecaster *Forecaster
	past       *past
	clock      *momentClock

	begin time.Time
	next  time.Time // look
	side  side      // of the last forecast
	again bool      // it was another one before
	fence float64   // the value from which on a sample is noticeably nearer to the limit
	begun bool      // something is known of the series
	made  int
}

// LearnEvery is how often Calibrations learn anew.
const LearnEvery = calibrateEvery

// HistoryBefore returns what to read for a replay that begins at the time.
func HistoryBefore(rule barograph.Rule, begin time.Time) barograph.Query {
	g := NewGrid(rule)
	return barograph.Query{
		Selector: rule.Series, Step: g.Step, Rollup: g.Rollup,
		From: g.start(g.cell(begin) - int64(lookBack(g))), To: begin,
	}
}

// lookBack returns how many steps the Forecaster may read: what the grid asks
// for, and the rest of the blocks in which it is kept.
func lookBack(g Grid) int { return g.History + 2*blockCells }

// NewReplay returns a replay that has not begun yet.
func NewReplay(o ReplayOptions) (*Replay, error) {
	grid := NewGrid(o.Rule)
	r := &Replay{
		rule: o.Rule, step: grid.Step, interval: o.Config.Interval.Std(), witness: o.Witness,
		past:  &past{series: o.Series, grid: grid, points: o.History},
		clock: &momentClock{}, begin: o.Begin, begun: len(o.History) > 0, fence: o.Rule.Limit,
	}
	o.Config.Workers = 1                                             // the series of a rule are replayed side by side
	o.Config.ReloadInterval = barograph.Duration(30 * barograph.Day) // nothing comes late that would have to be looked for
	f, err := New(o.Config, nil, r.past, r.past, heardBy(r.hear), Deps{
		Clock: r.clock, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(), Calibrator: o.Calibrator,
	})
	if err != nil {
		return nil, err
	}
	f.engine = o.Engine
	r.forecaster = f
	r.next = o.Begin
	if r.interval < r.step {
		r.next = r.after(o.Begin.Add(-time.Millisecond))
	}
	return r, nil
}

// Feed takes the samples that come next, and forecasts at the moments up to the
// last of them. It stops when ctx ends.
func (r *Replay) Feed(ctx context.Context, points []barograph.Point) error {
	for _, p := range points {
		at := time.UnixMilli(p.UnixMilli).UTC()
		if err := r.Pass(ctx, at); err != nil {
			return err
		}
		r.begun = true
		r.past.add(p)
		r.witness.Observe(at, p.Value)
		if r.nearer(p.Value) {
			r.next = earliest(r.next, r.look(at))
		}
	}
	return nil
}

// Pass lets time pass until now, forecasting at the moments before it.
func (r *Replay) Pass(ctx context.Context, now time.Time) error {
	for r.next.Before(now) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		r.clock.now = r.next
		if r.begun {
			r.forecaster.forecastRule(ctx, r.forecaster.job(r.rule.ID), r.rule)
		}
		r.next = r.after(r.next)
	}
	return nil
}

// Forecasts returns how many forecasts were made.
func (r *Replay) Forecasts() int { return r.made }

// after returns the first moment after t.
func (r *Replay) after(t time.Time) time.Time {
	if r.interval >= r.step {
		return t.Add(r.interval)
	}
	grid := r.past.grid
	next := grid.start(grid.cell(t) + 1).Add(-r.interval)
	if !next.After(t) {
		next = next.Add(r.step)
	}
	if r.again {
		return earliest(next, t.Add(r.interval))
	}
	return next
}

// look returns the first look of the Forecaster that sees a sample of time t.
func (r *Replay) look(t time.Time) time.Time {
	return r.begin.Add((t.Sub(r.begin) + r.interval - 1).Truncate(r.interval))
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// nearer reports whether a value has come noticeably nearer to the limit since
// the last forecast. Beyond the limit there is nothing to forecast.
func (r *Replay) nearer(value float64) bool {
	if r.rule.Operator.Crossed(value, r.rule.Limit) {
		return false
	}
	if r.rule.Operator.Upward() {
		return value > r.fence
	}
	return value < r.fence
}

// Moments returns how many moments are replayed between two times, but for
// those that follow a change of side.
func Moments(cfg Config, rule barograph.Rule, from, to time.Time) int {
	return int(to.Sub(from) / Cadence(cfg, rule))
}

// Cadence returns the usual time between two moments.
func Cadence(cfg Config, rule barograph.Rule) time.Duration {
	return max(cfg.Interval.Std(), NewGrid(rule).Step)
}

// side is where a forecast lies of the rule's probabilities.
type side uint8

const (
	unsaid  side = iota
	calm         // below CloseAt: averts
	between      // neither
	likely       // OpenAt or more: opens
)

func (r *Replay) sideOf(f barograph.Forecast) side {
	switch {
	case f.State.Calm(), f.State == barograph.StateForecast && f.Probability < r.rule.CloseAt:
		return calm
	case f.State == barograph.StateForecast && f.Probability >= r.rule.OpenAt:
		return likely
	case f.State == barograph.StateForecast:
		return between
	}
	return unsaid
}

func (r *Replay) hear(fs []barograph.Forecast) {
	for _, f := range fs {
		r.made++
		s := r.sideOf(f)
		r.again = s != r.side && s != unsaid && s != between
		r.side = s
		r.fence = r.forecaster.job(r.rule.ID).history.tracks[0].fence
		r.witness.Forecasted(f)
	}
}

// heardBy is a Sink.
type heardBy func([]barograph.Forecast)

func (fn heardBy) Forecasted(_ context.Context, _ barograph.Rule, fs []barograph.Forecast) error {
	fn(fs)
	return nil
}

// momentClock shows the moment being replayed.
type momentClock struct{ now time.Time }

func (c *momentClock) Now() time.Time { return c.now }

func (c *momentClock) Ticker(time.Duration) (ticks <-chan time.Time, stop func()) {
	return nil, func() {}
}

// past is a store of one series that ends at the sample added last. Samples are
// kept rolled up on the grid, and as few as the grid looks back.
type past struct {
	series barograph.Series
	grid   Grid
	points []barograph.Point
}

// Select returns the points of a query on the grid, between two of its steps or
// up to now.
func (p *past) Select(_ context.Context, q barograph.Query) ([]barograph.SeriesPoints, error) {
	index := func(t time.Time) int {
		return sort.Search(len(p.points), func(i int) bool { return p.points[i].UnixMilli >= t.UnixMilli() })
	}
	points := p.points[index(q.From):]
	if to := index(q.To); to < len(p.points) {
		points = points[:max(0, to-index(q.From))]
	}
	if len(points) == 0 {
		return nil, nil
	}
	return []barograph.SeriesPoints{{Series: p.series, Points: points}}, nil
}

// Write forgets the results: nobody reads them.
func (p *past) Write(context.Context, []barograph.Sample) error { return nil }

// add rolls a sample up into its step.
func (p *past) add(sample barograph.Point) {
	step := p.grid.start(p.grid.cell(time.UnixMilli(sample.UnixMilli))).UnixMilli()
	n := len(p.points)
	if n == 0 || p.points[n-1].UnixMilli != step {
		p.trim()
		p.points = append(p.points, barograph.Point{UnixMilli: step, Value: sample.Value})
		return
	}
	p.points[n-1].Value = p.grid.rolledUp(p.points[n-1].Value, sample.Value)
}

// trim drops what the Forecaster no longer looks back at, now and then.
func (p *past) trim() {
	keep := lookBack(p.grid)
	if len(p.points) >= 2*keep {
		p.points = append(p.points[:0], p.points[len(p.points)-keep:]...)
	}
}
