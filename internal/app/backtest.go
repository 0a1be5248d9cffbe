package app

import (
	"context"
	"fmt"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
)

// What a backtest may take: so much that it ends within a minute or two, and
// leaves the server enough to work with.
const (
	maxBacktestRange     = 400 * barograph.Day
	maxBacktestSeries    = 1000
	maxBacktestForecasts = 400_000
	backtestsAtOnce      = 2
	backtestPatience     = 10 * time.Second // for those before it to end

	warmUpLeast = time.Hour
)

// backtester replays what is stored through the code that judges the present:
// forecast says what would have been forecast, alerting what would have been
// told. It reads every sample once, in chunks of time, and replays the series
// side by side.
type backtester struct {
	reader   barograph.SampleReader
	forecast forecast.Config
	alerting alerting.Config
	clock    barograph.Clock
	slots    chan struct{}
}

func newBacktester(reader barograph.SampleReader, f forecast.Config, a alerting.Config, clock barograph.Clock) *backtester {
	return &backtester{reader, f, a, clock, make(chan struct{}, backtestsAtOnce)}
}

// Backtest replays the time from ≤ t < to under the rule, enabled or not. A to
// in the future means now. It returns the cause if ctx ends, and an error of
// KindInvalid that names the bounds if it would take too much.
func (b *backtester) Backtest(ctx context.Context, rule barograph.Rule, from, to time.Time) (barograph.Backtest, error) {
	now := b.clock.Now().UTC()
	from, to = from.UTC(), to.UTC()
	if to.After(now) {
		to = now
	}
	if err := checkRange(from, to); err != nil {
		return barograph.Backtest{}, err
	}
	leave, err := b.enter(ctx)
	if err != nil {
		return barograph.Backtest{}, err
	}
	defer leave()
	r := newRehearsal(b, rule, from, to)
	began := time.Now()
	if err := r.run(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return barograph.Backtest{}, err
	}
	out := r.report(now)
	out.Took = barograph.Duration(time.Since(began).Round(time.Millisecond))
	return out, nil
}

func checkRange(from, to time.Time) error {
	var p barograph.Problems
	switch span := to.Sub(from); {
	case span <= 0:
		p.Addf("from", "%s is not before %s, where the backtest ends: to, or now", from.Format(time.RFC3339), to.Format(time.RFC3339))
	case span > maxBacktestRange:
		p.Addf("from", "%s is %s before the end; a backtest looks back at most %s",
			from.Format(time.RFC3339), barograph.Duration(span.Round(time.Hour)), barograph.Duration(maxBacktestRange))
	}
	return p.Err("range of the backtest")
}

// enter waits until there are not too many others.
func (b *backtester) enter(ctx context.Context) (leave func(), err error) {
	busy := &barograph.Error{
		Kind: barograph.KindUnavailable, RetryAfter: backtestPatience,
		Message: fmt.Sprintf("%d other backtests are running; try again in a moment", backtestsAtOnce),
	}
	patience := time.NewTimer(backtestPatience)
	defer patience.Stop()
	select {
	case b.slots <- struct{}{}:
		return func() { <-b.slots }, nil
	case <-patience.C:
		return nil, busy
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
