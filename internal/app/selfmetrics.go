package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/barograph/barograph"
)

// selfMetrics writes what the service says of itself to the series store, next to
// the series that it watches: dashboards then show it on any store, and rules may
// watch it. What is of one server has the label server; what is of all is
// written by one of them.
type selfMetrics struct {
	book     book
	shares   interface{ HoldsID(id string) bool }
	server   string // this one's ID
	set      *metrics.Set
	stations map[string]func(context.Context) error
	writer   barograph.SampleWriter
	every    time.Duration
	clock    barograph.Clock
	log      *slog.Logger

	cards cardFile
}

// book is what is on record of rules, warnings and deliveries.
type book interface {
	Rules(ctx context.Context, p barograph.Page) ([]barograph.Rule, error)
	Predictions(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Prediction, error)
	Breaches(ctx context.Context, f barograph.PredictionFilter, p barograph.Page) ([]barograph.Breach, error)
	Subscriptions(ctx context.Context, p barograph.Page) ([]barograph.Subscription, error)
	EndpointQueues(ctx context.Context) ([]barograph.EndpointQueue, error)
	Scorecards(ctx context.Context, from, to time.Time) ([]barograph.Scorecard, error)
}

// ownEvery is how seldom own series are written at most: dashboards take what is
// older than a quarter of an hour for gone.
const ownEvery = 10 * time.Minute

// addSelfMetrics adds who writes the service's own series, as often as forecasts
// are made.
func (a *App) addSelfMetrics(p *parts) {
	a.life.add("own series", (&selfMetrics{
		book: p.db, shares: p.servers, server: p.servers.ID(), set: a.metrics, stations: p.stations(), writer: p.writer,
		every: min(ownEvery, a.cfg.Forecast.Interval.Std()), clock: a.clock, log: a.log,
	}).run)
}

// run writes at once and then every so often, until ctx ends; it returns nil.
func (s *selfMetrics) run(ctx context.Context) error {
	ticks, stop := s.clock.Ticker(s.every)
	defer stop()
	for {
		if err := s.write(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "own series are not complete", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
	}
}

// ownTimeout is what one round may take.
const ownTimeout = 20 * time.Second

// write writes all that can be said now; what can't be read costs nothing else.
func (s *selfMetrics) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ownTimeout, errors.New("own series took too long"))
	defer cancel()
	now := s.clock.Now()
	said := &ownSamples{at: now.UnixMilli()}
	s.tellServer(ctx, said)
	var err error
	if s.shares.HoldsID("own series") {
		err = errors.Join(s.tellRules(ctx, said), s.tellOpen(ctx, said, now), s.tellCards(ctx, said, now), s.tellEndpoints(ctx, said))
	}
	if writeErr := s.writer.Write(ctx, said.samples); writeErr != nil {
		err = errors.Join(err, fmt.Errorf("write own series: %w", writeErr))
	}
	return err
}

// ownSamples gathers the samples of one moment.
type ownSamples struct {
	at      int64
	samples []barograph.Sample
}

func (o *ownSamples) add(metric string, value float64, labels barograph.Labels) {
	o.samples = append(o.samples, barograph.Sample{
		Series: barograph.Series{Metric: metric, Labels: labels}, UnixMilli: o.at, Value: value,
	})
}

// tellServer says how this server fares: its stations, and the figures of it that
// are chosen from those at /metrics.
func (s *selfMetrics) tellServer(ctx context.Context, said *ownSamples) {
	server := barograph.Label{Name: "server", Value: s.server}
	for name, healthy := range s.stations {
		well := 1.0
		if healthy(ctx) != nil {
			well = 0
		}
		said.add("barograph_station_healthy", well, barograph.Labels{server, {Name: "station", Value: name}})
	}
	var text bytes.Buffer
	s.set.WritePrometheus(&text)
	metrics.WriteProcessMetrics(&text)
	for _, f := range chosenFigures(text.Bytes()) {
		said.add(f.metric, f.value, f.labels.With(server.Name, server.Value))
	}
}
