package forecast

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/barograph/barograph"
)

// Calibrator corrects forecasts by what came of earlier predictions.
type Calibrator interface {
	Calibrate(rule barograph.Rule, fc barograph.Forecast) barograph.Forecast
}

// calibrated returns the forecast as it is told.
func (f *Forecaster) calibrated(rule barograph.Rule, fc barograph.Forecast) barograph.Forecast {
	if f.deps.Calibrator == nil {
		return fc
	}
	return f.deps.Calibrator.Calibrate(rule, fc)
}

// Outcomes tells what came of predictions: of the newest perRule of each rule
// that were opened at from or later, in the order in which they were opened.
type Outcomes interface {
	Outcomes(ctx context.Context, from time.Time, perRule int) ([]barograph.Outcome, error)
}

// How far back predictions are looked at, and how often.
const (
	calibrateFrom  = 365 * barograph.Day
	calibratePer   = 200
	calibrateEvery = time.Hour
)

// Calibrations corrects the forecasts of all rules. It keeps nothing: what it
// knows it learns anew, at each Refresh, from the predictions on record.
type Calibrations struct {
	rules    Rules
	outcomes Outcomes
	deps     Deps
	learnt   atomic.Pointer[map[barograph.RuleID]*calibration]
	failing  bool // belongs to Run's goroutine
}

var _ Calibrator = (*Calibrations)(nil)

// NewCalibrations returns one that has learnt nothing yet.
func NewCalibrations(rules Rules, outcomes Outcomes, deps Deps) *Calibrations {
	c := &Calibrations{rules: rules, outcomes: outcomes, deps: deps}
	c.learnt.Store(&map[barograph.RuleID]*calibration{})
	return c
}

// Calibrate returns the forecast as it is to be told: its probability and times
// corrected, and what the models said beside them. The distribution stays
// non-decreasing and ends at the probability, which stays within
// [FloorProbability] and [CeilingProbability]. A refusal is returned as it is.
func (c *Calibrations) Calibrate(rule barograph.Rule, fc barograph.Forecast) barograph.Forecast {
	learnt := (*c.learnt.Load())[rule.ID]
	if learnt == nil || !learnt.judgedSince.Equal(rule.JudgedSince) {
		return fc
	}
	return learnt.apply(fc)
}

// Refresh learns from the predictions on record. After an error all is as it was.
func (c *Calibrations) Refresh(ctx context.Context) error {
	now := c.deps.Clock.Now()
	rules, err := c.rules.Rules(ctx, barograph.Page{})
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	outcomes, err := c.outcomes.Outcomes(ctx, now.Add(-calibrateFrom), calibratePer)
	if err != nil {
		return fmt.Errorf("read outcomes of predictions: %w", err)
	}
	byRule := map[barograph.RuleID][]barograph.Outcome{}
	for _, o := range outcomes {
		byRule[o.Prediction.RuleID] = append(byRule[o.Prediction.RuleID], o)
	}
	learnt := make(map[barograph.RuleID]*calibration, len(byRule))
	for _, rule := range rules {
		if k := newCalibration(rule, byRule[rule.ID], now); k != nil {
			learnt[rule.ID] = k
		}
	}
	c.learnt.Store(&learnt)
	return nil
}

// Run refreshes every hour, by the clock, until ctx ends; it returns nil.
func (c *Calibrations) Run(ctx context.Context) error {
	ticks, stop := c.deps.Clock.Ticker(calibrateEvery)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			c.report(ctx, c.Refresh(ctx))
		}
	}
}

// report logs a failure when it begins and ends.
func (c *Calibrations) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !c.failing:
		c.deps.Log.WarnContext(ctx, "calibration stays as it was", "error", err)
	case err == nil && c.failing:
		c.deps.Log.InfoContext(ctx, "calibration works again")
	}
	c.failing = err != nil
}
