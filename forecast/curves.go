package forecast

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sync/singleflight"

	"github.com/barograph/barograph"
)

// CurveRules finds a rule.
type CurveRules interface {
	Rule(ctx context.Context, id barograph.RuleID) (barograph.Rule, error)
}

// Predictions lists predictions; those that are open are what people look at.
type Predictions interface {
	Predictions(ctx context.Context, filter barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error)
}

// Curves draws how series are expected to go on. A curve costs far more than a
// forecast, so it is made when somebody asks for it, once for all who ask at the
// same time, and kept until the next step of the rule's grid begins or the rule
// becomes another; and each night for the series with open predictions.
// It is safe for concurrent use.
type Curves struct {
	cfg    Config
	rules  CurveRules
	open   Predictions
	reader barograph.SampleReader
	deps   Deps
	engine *Engine

	cache   *curveCache
	flights singleflight.Group
	making  chan struct{} // holds one for each curve that is being made

	cached, made *metrics.Counter
	seconds      *metrics.Histogram
}

const (
	curvesKept   = 2000            // of about 5 kB each
	curveHistory = 3               // horizons of history, at most, that come with a curve
	nightBegins  = 3 * time.Hour   // UTC
	nightLevel   = .95             // of the curves that are made then
	curveLook    = 5 * time.Minute // how often it is seen whether it is night
)

// NewCurves returns curves of the series in reader.
func NewCurves(cfg Config, rules CurveRules, open Predictions, reader barograph.SampleReader, deps Deps) (*Curves, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Curves{
		cfg: cfg, rules: rules, open: open, reader: reader, deps: deps,
		engine:  NewEngine(),
		cache:   newCurveCache(curvesKept),
		making:  make(chan struct{}, cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0))),
		cached:  deps.Metrics.NewCounter(`barograph_curves_total{from="cache"}`),
		made:    deps.Metrics.NewCounter(`barograph_curves_total{from="store"}`),
		seconds: deps.Metrics.NewHistogram("barograph_curve_seconds"),
	}
	deps.Metrics.NewGauge("barograph_curves_cached", func() float64 { return float64(c.cache.len()) })
	return c, nil
}

// Curve returns the curve of the series under the rule, with a band that is to
// hold the share level of the outcomes. It looks at complete steps only. While
// the store can't be read it returns the last curve there was. The caller must
// not change the slices.
//
// An unknown rule, or a series of which nothing is stored, is KindNotFound; a
// series that the rule does not choose, a rule without a horizon or a level
// that is not between 0 and 1 is KindInvalid.
func (c *Curves) Curve(ctx context.Context, id barograph.RuleID, series barograph.Series, level float64) (barograph.Curve, error) {
	rule, err := c.rules.Rule(ctx, id)
	if err != nil {
		return barograph.Curve{}, err
	}
	if err := validCurve(rule, series, level); err != nil {
		return barograph.Curve{}, err
	}
	wanted := newKnownCurve(rule, series, level, c.deps.Clock.Now())
	old, fresh := c.known(wanted)
	if fresh {
		return old.curve, nil
	}
	curve, err := c.once(ctx, wanted)
	if err != nil && old != nil && barograph.KindOf(err) != barograph.KindNotFound {
		c.deps.Log.DebugContext(ctx, "an older curve is shown", "rule", rule.Name, "series", wanted.key.series, "error", err)
		return old.curve, nil
	}
	return curve, err
}

// CurveAt returns the curve as it would have been drawn at an earlier time, by
// the rule as it is now: of what was measured later it knows nothing. It is kept
// as others are. Of a time that is still to come it is the curve of now. Its
// errors are those of Curve; also, KindNotFound says that what was measured then
// is stored no more.
func (c *Curves) CurveAt(ctx context.Context, id barograph.RuleID, series barograph.Series, level float64, at time.Time) (barograph.Curve, error) {
	if !at.Before(c.deps.Clock.Now()) {
		return c.Curve(ctx, id, series, level)
	}
	rule, err := c.rules.Rule(ctx, id)
	if err != nil {
		return barograph.Curve{}, err
	}
	if err := validCurve(rule, series, level); err != nil {
		return barograph.Curve{}, err
	}
	wanted := newKnownCurve(rule, series, level, at)
	wanted.key.past = wanted.cell
	if old, fresh := c.known(wanted); fresh {
		return old.curve, nil
	}
	return c.once(ctx, wanted)
}

// newKnownCurve returns one that is still to be made, as of a time.
func newKnownCurve(rule barograph.Rule, series barograph.Series, level float64, asOf time.Time) *knownCurve {
	return &knownCurve{
		key: curveKey{rule: rule.ID, series: series.String(), level: level}, rule: rule, series: series,
		asOf: asOf, cell: NewGrid(rule).cell(asOf),
	}
}

// known returns the curve that was made last in place of this one, nil if there
// is none, and whether it still holds.
func (c *Curves) known(wanted *knownCurve) (old *knownCurve, fresh bool) {
	old = c.cache.get(wanted.key)
	if old == nil || !sameForecasts(old.rule, wanted.rule) {
		return nil, false
	}
	if old.cell != wanted.cell {
		return old, false
	}
	c.cached.Inc()
	return old, true
}

func validCurve(rule barograph.Rule, series barograph.Series, level float64) error {
	var p barograph.Problems
	if rule.Horizon <= 0 {
		p.Addf("id", "rule %s looks 0s ahead, and so has no curves; give it a horizon", rule.Name)
	}
	if !rule.Series.Matches(series) {
		p.Addf("series", "%s is none of the series of rule %s, which are %s", series, rule.Name, rule.Series)
	}
	if !(level > 0 && level < 1) {
		p.Addf("level", "%v is not between 0 and 1", level)
	}
	return p.Err("curve")
}

// once makes the curve, one time for all who want it now. Whoever leaves does
// not take it from the others.
func (c *Curves) once(ctx context.Context, k *knownCurve) (barograph.Curve, error) {
	flight := fmt.Sprint(k.key.rule, "\x00", k.key.series, "\x00", k.key.level, "\x00", k.key.past, "\x00", k.cell, "\x00", k.rule.UpdatedAt.UnixNano())
	made, err, _ := c.flights.Do(flight, func() (any, error) {
		if known := c.cache.get(k.key); known != nil && known.cell == k.cell && sameForecasts(known.rule, k.rule) {
			return known.curve, nil // a flight landed just now
		}
		limit := c.cfg.ReadTimeout.Std()
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, fmt.Errorf("the curve took more than %s", limit))
		defer cancel()
		curve, err := c.make(ctx, k)
		if err != nil {
			return barograph.Curve{}, because(ctx, err)
		}
		k.curve = curve
		c.cache.put(k)
		return curve, nil
	})
	curve, _ := made.(barograph.Curve) // nothing else is returned
	return curve, err
}

// make reads the series and draws it. A fault in a model costs this curve only.
func (c *Curves) make(ctx context.Context, k *knownCurve) (curve barograph.Curve, err error) {
	select {
	case c.making <- struct{}{}:
		defer func() { <-c.making }()
	case <-ctx.Done():
		return barograph.Curve{}, ctx.Err()
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("curve of %s under rule %s: %v\n%s", k.key.series, k.rule.Name, r, debug.Stack())
		}
	}()
	began := time.Now()
	q, err := c.question(ctx, k.rule, k.series, k.asOf)
	if err != nil {
		return barograph.Curve{}, err
	}
	drawn, ok := c.engine.Curve(q, k.key.level)
	if !ok {
		return barograph.Curve{}, noValues(k.rule, k.series, k.asOf)
	}
	c.made.Inc()
	c.seconds.UpdateDuration(began)
	return present(k.rule, k.series, q, drawn), nil
}

// question reads the means of the steps that were complete at the time, up to the
// last one with a value, behind which the curve begins.
func (c *Curves) question(ctx context.Context, rule barograph.Rule, series barograph.Series, asOf time.Time) (Question, error) {
	grid := NewGrid(rule)
	end := grid.cell(asOf)
	first := end - int64(grid.History)
	found, err := c.reader.Select(ctx, barograph.Query{
		Selector: selectorOf(series), From: grid.start(first), To: grid.start(end), Step: grid.Step, Rollup: barograph.RollupMean,
	})
	if err != nil {
		return Question{}, fmt.Errorf("read %s: %w", series, err)
	}
	at := slices.IndexFunc(found, func(sp barograph.SeriesPoints) bool { return sp.Series.Equal(series) })
	if at < 0 {
		return Question{}, noValues(rule, series, asOf)
	}
	var values []float64
	for _, p := range found[at].Points {
		cell := grid.cell(time.UnixMilli(p.UnixMilli))
		for int64(len(values)) < cell-first {
			values = append(values, math.NaN())
		}
		values = append(values, p.Value)
	}
	values = values[:lastKnown(values)+1]
	return Question{
		Values: values, Start: grid.start(first), Step: grid.Step, Now: asOf,
		Limit: rule.Limit, Operator: rule.Operator, Horizon: grid.Horizon, Bounds: rule.Bounds,
	}, nil
}

func noValues(rule barograph.Rule, series barograph.Series, asOf time.Time) error {
	grid := NewGrid(rule)
	return barograph.Errorf(barograph.KindNotFound, "there is nothing of %s in the %s up to %s, in which rule %s looks at complete steps of %s",
		series, barograph.Duration(time.Duration(grid.History)*grid.Step), asOf.UTC().Format(time.RFC3339), rule.Name, barograph.Duration(grid.Step))
}

// selectorOf chooses the series, and others that have more labels.
func selectorOf(series barograph.Series) barograph.Selector {
	s := barograph.Selector{Metric: series.Metric}
	for _, l := range series.Labels {
		s.Matchers = append(s.Matchers, barograph.Matcher{Name: l.Name, Type: barograph.MatchEqual, Value: l.Value})
	}
	return s
}

// present puts a curve in terms of time.
func present(rule barograph.Rule, series barograph.Series, q Question, drawn Curve) barograph.Curve {
	curve := barograph.Curve{
		RuleID: rule.ID, Series: series, MadeAt: q.Now, Operator: rule.Operator, Limit: rule.Limit,
		Start: q.Start.Add(q.steps(len(q.Values))), StepSeconds: q.Step.Seconds(),
		Mean: drawn.Mean, Lower: drawn.Lower, Upper: drawn.Upper, Level: drawn.Level,
		History: make([]*float64, min(len(q.Values), curveHistory*q.Horizon)), Models: make([]barograph.CurveModel, len(drawn.Models)),
	}
	tail := slices.Clone(q.Values[len(q.Values)-len(curve.History):])
	for i, v := range tail {
		if finite(v) {
			curve.History[i] = &tail[i]
		}
	}
	for i, m := range drawn.Models {
		curve.Models[i] = barograph.CurveModel{Name: m.Name, Weight: m.Weight}
	}
	return curve
}

// Run makes the curves of all series with open predictions each night, by the
// clock, until ctx ends; it returns nil.
func (c *Curves) Run(ctx context.Context) error {
	ticks, stop := c.deps.Clock.Ticker(curveLook)
	defer stop()
	done := nightOf(c.deps.Clock.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			if night := nightOf(c.deps.Clock.Now()); night != done {
				done = night
				c.makeNightly(ctx)
			}
		}
	}
}

// nightOf returns which night began last.
func nightOf(at time.Time) int64 {
	return at.Add(-nightBegins).Unix() / int64(barograph.Day.Seconds())
}

// makeNightly makes the curves of what is predicted now, as many as are kept.
func (c *Curves) makeNightly(ctx context.Context) {
	open, err := c.open.Predictions(ctx, barograph.PredictionFilter{State: barograph.PredictionOpen}, barograph.Page{Limit: curvesKept})
	if err != nil {
		if ctx.Err() == nil {
			c.deps.Log.WarnContext(ctx, "no curves were made this night", "error", fmt.Errorf("list open predictions: %w", err))
		}
		return
	}
	failed := 0
	for _, p := range open {
		if ctx.Err() != nil {
			return
		}
		if _, err = c.Curve(ctx, p.RuleID, p.Series, nightLevel); err != nil {
			failed++
			c.deps.Log.DebugContext(ctx, "no curve for a prediction", "prediction", p.ID, "error", err)
		}
	}
	c.deps.Log.DebugContext(ctx, "curves of open predictions made", "curves", len(open)-failed, "failed", failed)
}
