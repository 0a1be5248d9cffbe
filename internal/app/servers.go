package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/barograph/barograph"
	"github.com/barograph/barograph/alerting"
	"github.com/barograph/barograph/forecast"
	"github.com/barograph/barograph/internal/configdb"
	"github.com/barograph/barograph/internal/shares"
	"github.com/barograph/barograph/probes"
)

// joinServers has the server take its part in the work on the database, from now
// on: the others are to know of it however long the rest of the start takes. It
// gives it back when all have stopped that do it.
func (a *App) joinServers(ctx context.Context, db *configdb.DB) (*shares.Shares, error) {
	id, err := instanceID(a.dir, time.Now())
	if err != nil {
		return nil, err
	}
	held, err := shares.Join(ctx, db, barograph.Server{ID: id, Base: a.base(id)}, a.log)
	if err != nil {
		return nil, err
	}
	a.metrics.NewGauge("barograph_servers", func() float64 { return float64(len(held.Others()) + 1) })
	a.metrics.NewGauge("barograph_shares_held", func() float64 { return float64(len(held.Held())) })
	a.life.onClose("shares of the work", held.Leave)
	return held, nil
}

// base says which engines the server stands on. Nobody else has the same if one
// of them is its own.
func (a *App) base(id string) string {
	store, bus := fmt.Sprintf("store %s", a.cfg.Store.Engine), "an external bus"
	if a.cfg.Store.Engine == EngineEmbedded {
		store += " of " + id
	}
	if a.cfg.Bus.URL == "" {
		bus = "the embedded bus of " + id
	}
	return store + " and " + bus
}

// sharedDatabase is the database as one of its servers sees and uses it.
type sharedDatabase struct {
	*configdb.DB

	shares *shares.Shares
}

var (
	_ alerting.Store       = sharedDatabase{}
	_ forecast.Rules       = sharedRules{}
	_ forecast.Predictions = sharedPredictions{}
	_ probes.Targets       = sharedTargets{}
	_ alerting.Shares      = (*shares.Shares)(nil)
)

// Record records a change unless it was decided for what is another server's by
// now.
func (d sharedDatabase) Record(ctx context.Context, c barograph.Change) error {
	if len(c.Shares) == 0 {
		return d.DB.Record(ctx, c)
	}
	err := d.DB.RecordHeld(ctx, d.shares.ID(), c.Shares, c)
	if lost, ok := errors.AsType[configdb.LostShareError](err); ok {
		d.shares.Lost(lost.Share)
	}
	return err
}

// sharedRules are the rules whose series this server forecasts.
type sharedRules struct{ sharedDatabase }

// Rules returns a page of them.
func (r sharedRules) Rules(ctx context.Context, page barograph.Page) ([]barograph.Rule, error) {
	rules, err := r.DB.Rules(ctx, page)
	return slices.DeleteFunc(rules, func(rule barograph.Rule) bool { return !r.shares.HoldsID(string(rule.ID)) }), err
}

// sharedPredictions are those of its rules.
type sharedPredictions struct{ sharedDatabase }

// Predictions returns a page of them.
func (p sharedPredictions) Predictions(ctx context.Context, f barograph.PredictionFilter, page barograph.Page) ([]barograph.Prediction, error) {
	found, err := p.DB.Predictions(ctx, f, page)
	return slices.DeleteFunc(found, func(x barograph.Prediction) bool { return !p.shares.HoldsID(string(x.RuleID)) }), err
}

// sharedTargets are the targets that this server probes.
type sharedTargets struct{ sharedDatabase }

// Targets returns those from the page on: a page of all holds fewer of ours.
func (t sharedTargets) Targets(ctx context.Context, page barograph.Page) ([]barograph.Target, error) {
	ours := []barograph.Target{}
	for {
		part, err := t.DB.Targets(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, target := range part {
			if t.shares.HoldsID(string(target.ID)) {
				ours = append(ours, target)
			}
		}
		if page.Limit == 0 || len(part) < page.Limit {
			return ours, nil
		}
		page.After = string(part[len(part)-1].ID)
	}
}

// Changes returns a channel that receives after targets, or which of them are
// this server's, have changed.
func (t sharedTargets) Changes() (changed <-chan struct{}, stop func()) {
	targets, stopTargets := t.DB.Changes()
	held, stopHeld := t.shares.Changes()
	either, ended := make(chan struct{}, 1), make(chan struct{})
	var forwarding sync.WaitGroup
	forwarding.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-targets:
			case <-held:
			}
			select {
			case either <- struct{}{}:
			default: // the last one was not noticed yet
			}
		}
	})
	return either, func() {
		stopTargets()
		stopHeld()
		close(ended)
		forwarding.Wait()
	}
}
